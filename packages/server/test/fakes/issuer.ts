import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { importJWK, type JWK, jwtVerify } from 'jose';
import Provider, { type Adapter, type AdapterPayload, type Configuration, errors } from 'oidc-provider';

/** An issuer of tokens on loopback: `oidc-provider`, with a person who lets everybody in. */
export type Issuer = AsyncDisposable & {
  url: string;
  /** The private key that assertions are signed with, in PEM. */
  privateKey: string;
  /** What its token endpoint granted, by grant type. */
  readonly grants: string[];
  /** What the last assertion of a JWT bearer grant claimed. */
  readonly assertion: Record<string, unknown> | null;
  /** The token endpoint answers with this status and nothing else; null: as it should. */
  outage: number | null;
  /** The token endpoint answers after this many milliseconds. */
  delayMs: number;
  /** Forgets every token, code and session that it gave. */
  forget(): void;
  /** Goes where a person is sent, lets the client in, and gives the address that the person is sent back to. */
  visit(url: string): Promise<URL>;
};

export type IssuerOptions = { callback?: string; tokenSeconds?: number };

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const CLIENT_SECRET = 'the-secret-of-the-client-with-at-least-32-bytes';

const LONG_LIVED = { RefreshToken: 86_400, Grant: 86_400, Interaction: 600, Session: 600, IdToken: 600 };

type State = Pick<Issuer, 'outage' | 'delayMs'> & { grants: string[]; assertion: Record<string, unknown> | null };

export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk: JWK = { ...publicKey.export({ format: 'jwk' }), kid: 'client-key', alg: 'RS256', use: 'sig' };
  const state: State = { outage: null, delayMs: 0, assertion: null, grants: [] };
  const kept = new Map<string, AdapterPayload>();
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  const server = createServer((request, response) => handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, configurationOf({ ...options, jwk, kept }));
  acceptAssertions(provider, { audience: `${url}/token`, jwk, state });
  provider.on('grant.success', (context) => state.grants.push(String(context.oidc.params?.['grant_type'])));
  const answer = provider.callback();
  handle = (request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/interaction/')) void letIn(provider, request, response);
    else if (!path.startsWith('/token')) answer(request, response);
    else if (state.outage !== null) response.writeHead(state.outage).end();
    else setTimeout(() => answer(request, response), state.delayMs);
  };
  return Object.assign(state, {
    url,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    forget: () => kept.clear(),
    visit: (from: string) => visit(from, url),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

function configurationOf({
  callback = 'http://127.0.0.1/v1/oauth/callback',
  tokenSeconds = 3_600,
  jwk,
  kept,
}: IssuerOptions & { jwk: JWK; kept: Map<string, AdapterPayload> }): Configuration {
  const machine = { redirect_uris: [], response_types: [], client_secret: CLIENT_SECRET };
  const person = {
    redirect_uris: [callback],
    application_type: 'native' as const,
    grant_types: ['authorization_code', 'refresh_token'],
  };
  return {
    adapter: (name: string) => keeping(kept, name),
    clients: [
      { ...machine, client_id: 'machine', grant_types: ['client_credentials'] },
      {
        client_id: 'signer',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [jwk] },
      },
      { ...machine, client_id: 'bearer', grant_types: [JWT_BEARER] },
      { ...person, client_id: 'secretive', client_secret: CLIENT_SECRET },
      { ...person, client_id: 'public', token_endpoint_auth_method: 'none' },
    ],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    issueRefreshToken: async () => true,
    // A refresh token is good once; the second use of one ends them all.
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', 'read'],
    ttl: { AccessToken: tokenSeconds, ClientCredentials: tokenSeconds, ...LONG_LIVED },
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    cookies: { keys: ['a-key-for-cookies'] },
    renderError(context, out) {
      context.type = 'json';
      context.body = out;
    },
  } as Configuration;
}

/** RFC 7523, section 2.1: an assertion is a grant. The library leaves it to whoever uses it. */
function acceptAssertions(
  provider: Provider,
  { audience, jwk, state }: { audience: string; jwk: JWK; state: State },
): void {
  provider.registerGrantType(
    JWT_BEARER,
    async (context) => {
      const { client, params } = context.oidc;
      const verified = await jwtVerify(String(params['assertion']), await importJWK(jwk), { audience }).catch(
        () => null,
      );
      if (verified === null) throw new errors.InvalidGrant('assertion is invalid');
      state.assertion = verified.payload;
      const token = new provider.ClientCredentials({ client, scope: 'read' });
      context.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer' };
    },
    ['assertion', 'scope'],
  );
}

async function letIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  const merge = { mergeWithLastSubmission: true };
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: 'a-person' } }, merge);
  const grant = new provider.Grant({ accountId: String(session?.accountId), clientId: String(params['client_id']) });
  grant.addOIDCScope('openid offline_access read');
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, merge);
}

/** Follows redirects with the cookies that come along, until one leads away. */
async function visit(from: string, origin: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let at = new URL(from);
  for (let hop = 0; hop < 12; hop++) {
    if (at.origin !== origin) return at;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(at, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [pair = ''] = set.split(';');
      const cut = pair.indexOf('=');
      cookies.set(pair.slice(0, cut), pair.slice(cut + 1));
    }
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`The issuer did not lead on: ${answer.status} ${await answer.text()}`);
    at = new URL(location, at);
  }
  throw new Error('The issuer leads in circles.');
}

/** The least of a store that the library needs. */
function keeping(kept: Map<string, AdapterPayload>, model: string): Adapter {
  const keyOf = (id: string): string => `${model}:${id}`;
  const findBy = (field: string, value: string): AdapterPayload | undefined =>
    [...kept].find(([key, payload]) => key.startsWith(`${model}:`) && payload[field] === value)?.[1];
  return {
    upsert: async (id, payload) => void kept.set(keyOf(id), payload),
    find: async (id) => kept.get(keyOf(id)),
    findByUid: async (uid) => findBy('uid', uid),
    findByUserCode: async (code) => findBy('userCode', code),
    async consume(id) {
      const payload = kept.get(keyOf(id));
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => void kept.delete(keyOf(id)),
    async revokeByGrantId(grantId) {
      for (const [key, payload] of kept) if (payload.grantId === grantId) kept.delete(key);
    },
  };
}
