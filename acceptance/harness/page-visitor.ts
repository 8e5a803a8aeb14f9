export type Page = {
  status: number;
  headers: Headers;
  text: string;
  /** Where it sends the browser; null for a page that is shown. */
  location: string | null;
  /** Names and values of all hidden fields and of text fields that are filled in. */
  fields: Record<string, string>;
};

/** Visits pages as a browser without scripts does: keeps cookies, fills in forms, and says where requests come from. */
export class PageVisitor {
  readonly #base: () => string;
  readonly cookies = new Map<string, string>();
  /** Headers of every cookie that was set, as they came. */
  readonly cookieHeaders: string[] = [];

  constructor(base: () => string) {
    this.#base = base;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#send('GET', path, { headers: { 'sec-fetch-site': 'same-origin', ...headers } });
  }

  /** Sends a form, from a page of this site unless the headers say otherwise. */
  submit(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    return this.#send('POST', path, {
      headers: { 'sec-fetch-site': 'same-origin', ...headers },
      body: new URLSearchParams(fields),
    });
  }

  /** Signs in with a password, and gives the page that follows it. */
  async signIn({ email, password }: { email: string; password: string }, next?: string): Promise<Page> {
    const form = await this.get(next === undefined ? '/login' : `/login?next=${encodeURIComponent(next)}`);
    return this.submit('/login', { ...form.fields, email, password });
  }

  /** The `Cookie` header that it sends. */
  get cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async #send(method: string, path: string, init: RequestInit & { headers: Record<string, string> }): Promise<Page> {
    const response = await fetch(this.#base() + path, {
      ...init,
      method,
      redirect: 'manual',
      headers: { accept: 'text/html', ...(this.cookies.size > 0 && { cookie: this.cookieHeader }), ...init.headers },
    });
    for (const header of response.headers.getSetCookie()) this.#keep(header);
    const text = await response.text();
    const { status, headers } = response;
    return { status, headers, text, location: headers.get('location'), fields: fieldsIn(text) };
  }

  #keep(header: string): void {
    this.cookieHeaders.push(header);
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(header) ?? [];
    if (/;\s*max-age=0(;|$)/i.test(header)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

const fieldsIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/<input\b[^>]*>/g)].flatMap(([tag]): [string, string][] => {
      const name = /\bname="([^"]*)"/.exec(tag)?.[1];
      const value = /\bvalue="([^"]*)"/.exec(tag)?.[1];
      return name === undefined || value === undefined || /type="radio"/.test(tag) ? [] : [[name, value]];
    }),
  );
