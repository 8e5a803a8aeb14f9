import { AppError } from '../../../kernel/errors.ts';
import { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Authorization, Credential, Credentials, SecretReader } from '../../vault/index.ts';
import { isBuiltIn, type Provider } from '../catalogue/model.ts';
import type { UpstreamFailure } from '../model.ts';
import { ENDPOINTS } from '../upstream/endpoints.ts';
import { UpstreamError } from '../upstream/upstream-error.ts';
import type { ProviderDirectory } from './directory.ts';

type Work = <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => Promise<Result>;

export type AccessServices = {
  directory: Pick<ProviderDirectory, 'keyOf' | 'remembered' | 'forgetFacts'>;
  credentials: Pick<Credentials, 'find' | 'authorizationFor' | 'rejected'>;
  secrets: Pick<SecretReader, 'find' | 'read'>;
  /** In an organization; neither is held while an issuer is asked. */
  statements: Work;
  transaction: Work;
};

type ReadSecret = { id: string; version: number; value: Sensitive<string> };

const NOTHING: Authorization = { headers: {}, query: {} };
const MOST_SECRETS = 2_000;
/** What can stand in a header. */
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * What providers know the organization by: a key of their own, or a credential or secret of the vault. Values are
 * remembered until somebody changes them; tokens are looked up for each call, so that none is sent after its end.
 */
export class ProviderAccess {
  readonly #services: AccessServices;
  /** Values as they were last read: the same version is not read, and audited, again each time that memory is renewed. */
  readonly #read = new Map<string, ReadSecret>();

  constructor(services: AccessServices) {
    this.#services = services;
  }

  /**
   * Sends a request with what lets it in. Where the provider does not take that, and there is something newer by now, it
   * is sent once more: a key may be replaced, and a token end, between the look-up and the call.
   * @throws UpstreamError also when there is nothing to send: it says what has to be mended
   */
  async letIn<Answer>(provider: Provider, send: (authorization: Authorization) => Promise<Answer>): Promise<Answer> {
    const sent = await this.#authorization(provider);
    try {
      return await sending(send, sent);
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError) || thrown.failure.status !== 401) throw thrown;
      const renewed = await this.#renewed(provider, sent);
      if (renewed === null) throw thrown;
      return sending(send, renewed);
    }
  }

  /** What is there now in the place of something that was refused; null when that is the same. */
  async #renewed(provider: Provider, refused: Authorization): Promise<Authorization | null> {
    const credential = await this.#credentialOf(provider);
    if (credential !== null) await this.#services.credentials.rejected(credential, refused);
    this.#services.directory.forgetFacts(provider.orgId);
    const now = await this.#authorization(provider);
    return JSON.stringify(now) === JSON.stringify(refused) ? null : now;
  }

  async #authorization(provider: Provider): Promise<Authorization> {
    try {
      return await this.#find(provider);
    } catch (thrown) {
      throw asFailure(thrown);
    }
  }

  async #find(provider: Provider): Promise<Authorization> {
    const keyHeader = (key: string): Record<string, string> => headerFor(provider, key);
    const credential = await this.#credentialOf(provider);
    if (credential !== null) return this.#services.credentials.authorizationFor(credential, { keyHeader });
    const key =
      provider.secret === null ? await this.#services.directory.keyOf(provider) : await this.#secretOf(provider);
    return key === null ? NOTHING : { headers: keyHeader(key.reveal()), query: {} };
  }

  /** @throws UpstreamError when it is not there any more */
  async #credentialOf({ orgId, credentialId }: Provider): Promise<Credential | null> {
    if (credentialId === null) return null;
    const { directory, statements, credentials } = this.#services;
    const credential = await directory.remembered(orgId, `credential ${credentialId}`, () =>
      statements(orgId, (tx) => credentials.find(tx, orgId, credentialId)),
    );
    if (credential === null || credential.status === 'revoked')
      throw unusable('Its credential was revoked. Set another `credential_id`, or a key, on the provider.');
    // One that waits for a person may be let in at any moment.
    if (credential.status !== 'active') directory.forgetFacts(orgId);
    return credential;
  }

  #secretOf({ orgId, id, secret }: Provider): Promise<Sensitive<string>> {
    const name = String(secret);
    return this.#services.directory.remembered(orgId, `secret ${name}`, () => this.#readSecret({ orgId, name, id }));
  }

  async #readSecret({ orgId, name, id }: { orgId: string; name: string; id: string }): Promise<Sensitive<string>> {
    const { statements, transaction, secrets } = this.#services;
    const found = await statements(orgId, (tx) => secrets.find(tx, { orgId, name }));
    if (!found) throw unusable(`Its secret ${name} is gone. Set another \`secret\`, or a key, on the provider.`);
    const kept = this.#read.get(`${orgId} ${name}`);
    if (kept?.id === found.id && kept.version === found.version) return kept.value;
    const use = { actor: { kind: 'provider', id }, reason: 'model calls' };
    const bytes = await transaction(orgId, (tx) => secrets.read(tx, { orgId, name }, use));
    const value = new Sensitive(bytes.reveal().toString('utf8').trim());
    if (this.#read.size >= MOST_SECRETS) this.#read.clear();
    this.#read.set(`${orgId} ${name}`, { id: found.id, version: found.version, value });
    return value;
  }
}

/** Sends; what a provider says when it refuses is shown to callers, and may hold what it was sent. */
async function sending<Answer>(
  send: (authorization: Authorization) => Promise<Answer>,
  authorization: Authorization,
): Promise<Answer> {
  try {
    return await send(authorization);
  } catch (thrown) {
    if (!(thrown instanceof UpstreamError)) throw thrown;
    const values = [...Object.values(authorization.headers), ...Object.values(authorization.query)];
    const secrets = values.map((value) => value.replace(/^(?:Bearer|Basic) /, ''));
    const message = secrets.reduce((text, secret) => text.replaceAll(secret, '[key]'), thrown.failure.message);
    throw message === thrown.failure.message ? thrown : new UpstreamError({ ...thrown.failure, message });
  }
}

/** The address of a request, with what of it lets it in. */
export function withQuery(url: URL, { query }: Authorization): URL {
  for (const [parameter, value] of Object.entries(query)) url.searchParams.set(parameter, value);
  return url;
}

function headerFor({ kind }: Provider, key: string): Record<string, string> {
  if (isBuiltIn(kind)) throw new Error('A built-in provider is not spoken to.');
  if (!KEY.test(key)) throw unusable('Its key cannot be sent: it must be one line of visible ASCII characters.');
  return ENDPOINTS[kind].keyHeader(key);
}

const unusable = (message: string): UpstreamError => new UpstreamError(failure('credential', message));

const failure = (reason: UpstreamFailure['reason'], message: string, retryAfterMs: number | null = null) => ({
  reason,
  status: null,
  message,
  retryAfterMs,
});

/** What the vault refuses is a failure of the provider: somebody else may answer while its issuer is down. */
function asFailure(thrown: unknown): unknown {
  if (!(thrown instanceof AppError) || !/^(credential|secret)\./.test(thrown.code)) return thrown;
  const passes = thrown.code === 'credential.issuer_unavailable';
  return new UpstreamError(
    failure(passes ? 'overloaded' : 'credential', thrown.message, thrown.retryAfterMs ?? null),
    thrown,
  );
}
