import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** Who somebody is to the issuer. */
export type Somebody = { sub: string; email?: string; email_verified?: boolean; name?: string; groups?: string[] };

export const CLIENT = { id: 'assay', secret: 'a secret that only the issuer and Assay know' };

/** A real OpenID Connect provider on loopback. Whoever comes is signed in as `person`, without a question. */
export class Issuer implements AsyncDisposable {
  person: Somebody = { sub: 'nobody' };
  readonly #server: HttpServer;
  readonly url: string;
  /** Requests that it was sent, as `METHOD path`. */
  readonly asked: string[] = [];

  private constructor(server: HttpServer, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async start(redirectUri: string): Promise<Issuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = new Issuer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const provider = issuer.#provider(redirectUri);
    const answer = provider.callback();
    server.on('request', (request, response) => {
      issuer.asked.push(`${request.method} ${request.url?.split('?', 1)[0]}`);
      if (!request.url?.startsWith('/interaction/')) return void answer(request, response);
      const login = { accountId: issuer.person.sub };
      return void provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
    });
    return issuer;
  }

  /** Goes where Assay sends somebody, as a browser does, and gives the address at which they come back. */
  async visit(url: string): Promise<URL> {
    const cookies = new Map<string, string>();
    let next = new URL(url);
    for (let hops = 0; hops < 10 && next.origin === this.url; hops++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(next, { redirect: 'manual', headers: { cookie } });
      for (const header of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(header) ?? [];
        cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (location === null) throw new Error(`The issuer answered with ${response.status}: ${await response.text()}`);
      next = new URL(location, next);
    }
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #provider(redirectUri: string): Provider {
    return new Provider(this.url, {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUri] }],
      claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        profile: ['name'],
        groups: ['groups'],
      },
      scopes: ['openid', 'email', 'profile', 'groups'],
      findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ ...this.person, sub }) }),
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      features: { devInteractions: { enabled: false } },
      pkce: { required: () => true },
      cookies: { keys: ['a key for tests'] },
      // It asks nobody what Assay may know.
      async loadExistingGrant(context) {
        const { client, session, provider } = context.oidc;
        const grant = new provider.Grant({ clientId: client?.clientId ?? '', accountId: session?.accountId ?? '' });
        grant.addOIDCScope('openid email profile groups');
        await grant.save();
        return grant;
      },
    });
  }
}
