/** One answer as it came. `body` is the parsed JSON; undefined when the answer is not JSON. Of a stream only the head is read. */
export type Answer = { status: number; headers: Headers; text: string; body: unknown };

export type Sent = {
  headers?: Record<string, string>;
  /** As it goes out, byte for byte. An object is sent as JSON, with its content type. */
  body?: object | string | Uint8Array | undefined;
};

/** Any request of this suite ends within this, or counts as hung. */
const PATIENCE_MS = 75_000;

/** Sends raw requests: no retries, no checks, nothing added but a credential. */
export class Client {
  readonly #base: () => string;
  readonly #headers: Record<string, string>;

  /** @param base where the server is; asked each time, since a server may be started again elsewhere */
  constructor(base: () => string, headers: Record<string, string> = {}) {
    this.#base = base;
    this.#headers = headers;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, { headers });
  }

  post(path: string, body?: Sent['body'], headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, { headers, body });
  }

  async send(method: string, path: string, { headers = {}, body }: Sent = {}): Promise<Answer> {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const gone = new AbortController();
    const response = await fetch(this.#base() + path, {
      method,
      headers: { ...(isRaw && body === undefined ? {} : JSON_CONTENT), ...this.#headers, ...headers },
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.any([gone.signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    const { status, headers: answered } = response;
    if (answered.get('content-type')?.startsWith('text/event-stream')) {
      gone.abort();
      return { status, headers: answered, text: '', body: undefined };
    }
    const text = await response.text();
    // HEAD says what GET would send, and sends nothing.
    return { status, headers: answered, text, body: method === 'HEAD' ? undefined : parsed(response, text) };
  }
}

const JSON_CONTENT = { 'content-type': 'application/json' };

function parsed(response: Response, text: string): unknown {
  // An answer to HEAD says of what type it would be, and is empty.
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  if (!isJson || text === '') return undefined;
  return JSON.parse(text);
}
