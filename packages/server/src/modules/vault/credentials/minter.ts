import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { storedCredentialErrors } from '../errors.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import type { IssuerClient } from '../oauth/issuer-client.ts';
import { type IssuerFailure, IssuerRefusal, type MintedToken } from '../oauth/model.ts';
import {
  backOff,
  type Credential,
  type CredentialSecret,
  type CredentialStatus,
  credentialPlace,
  lifetimeOf,
  type TokenName,
  tokenPlace,
} from './model.ts';
import * as store from './store.ts';
import * as tokens from './store-tokens.ts';

type Work = <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => Promise<Result>;

export type MinterServices = {
  dataKeys: DataKeys;
  issuers: IssuerClient;
  /** In the organization; neither is held while an issuer is asked. */
  statements: Work;
  transaction: Work;
  /** Writes down that a credential was used to mint, or what became of it. */
  recorded(tx: Tx, credential: Credential, of: { action: string; outcome: string }): void;
};

/** Longer than an exchange can take: a lease that ends belongs to a process that is gone. */
const LEASE_SECONDS = 30;
/** How long somebody waits for another's exchange. */
const PATIENCE_MS = 15_000;
const FIRST_LOOK_MS = 25;
const SLOWEST_LOOK_MS = 400;

/** A token that is at hand. */
type Token = { value: string; version: number };

/**
 * Tokens of credentials, got from their issuers and kept sealed until they end. One process asks at a time, whoever else
 * needs the token waits for what comes of it: an issuer that replaces refresh tokens takes two askers for a thief.
 */
export class Minter {
  readonly #services: MinterServices;
  readonly #waiting = new Map<string, Promise<Token>>();

  constructor(services: MinterServices) {
    this.#services = services;
  }

  /**
   * A token that works for a while: the kept one, or a new one.
   * @throws AppError `credential.needs_reauth`, `credential.failed` or `credential.issuer_unavailable`
   */
  async token(credential: Credential, subject: string): Promise<string> {
    return (await this.#shared(credential, subject)).value;
  }

  /** The far side refused the token before its time: the next caller gets another. */
  async reject(credential: Credential, subject: string, value: string): Promise<void> {
    const name = nameOf(credential, subject);
    const kept = await this.#services.statements(name.orgId, (tx) => tokens.findToken(tx, name));
    if (kept?.sealed && (await this.#open(name, kept.sealed, kept.version)) === value)
      await this.#services.statements(name.orgId, (tx) => tokens.expireToken(tx, name, kept.version));
  }

  #shared(credential: Credential, subject: string): Promise<Token> {
    const key = JSON.stringify([credential.orgId, credential.id, subject]);
    const running = this.#waiting.get(key);
    if (running !== undefined) return running;
    const asked = this.#get(credential, nameOf(credential, subject)).finally(() => this.#waiting.delete(key));
    this.#waiting.set(key, asked);
    return asked;
  }

  async #get(credential: Credential, name: TokenName): Promise<Token> {
    const until = Date.now() + PATIENCE_MS;
    for (let look = FIRST_LOOK_MS; ; look = Math.min(look * 2, SLOWEST_LOOK_MS)) {
      const found = (await this.#look(credential, name)) ?? (Date.now() > until ? unavailable(1_000) : null);
      if (found instanceof Error) throw found;
      if (found !== null) return found;
      await sleep(look);
    }
  }

  /** The token that is there, or that this process may get; an error when there is none, null while another gets it. */
  async #look(credential: Credential, name: TokenName): Promise<Token | Error | null> {
    const { statements } = this.#services;
    const kept = await statements(name.orgId, (tx) => tokens.findToken(tx, name));
    if (kept?.sealed && kept.isFresh) return this.#use(name, kept.sealed, kept.version);
    const retryInMs = kept?.retryInMs ?? 0;
    if (retryInMs === 0) {
      const lease = { ...name, leaseId: newId() };
      const claimed = await statements(name.orgId, (tx) => tokens.claimToken(tx, lease, LEASE_SECONDS));
      if (claimed) return this.#mint(credential, lease, { ...claimed, kept });
    }
    if (kept?.sealed && kept.isAlive) return this.#use(name, kept.sealed, kept.version);
    return retryInMs > 0 ? unavailable(retryInMs) : null;
  }

  async #mint(
    stale: Credential,
    lease: tokens.TokenLease,
    before: { version: number; failures: number; kept: tokens.KeptToken | null },
  ): Promise<Token> {
    const { issuers, statements } = this.#services;
    try {
      // Read again under the lease: the last holder may have put another refresh token in.
      const credential =
        (await statements(lease.orgId, (tx) => store.findCredential(tx, stale.orgId, stale.id))) ?? stale;
      const secret = await this.secretOf(credential);
      const minted = await issuers.mint({ ...credential, secret }, lease.subject);
      return await this.#keep({ credential, secret, minted }, lease, before.version + 1);
    } catch (error) {
      const failure = error instanceof IssuerRefusal ? error.failure : null;
      await this.#failed(stale, lease, { failure, failures: before.failures });
      if (before.kept?.sealed && before.kept.isAlive && failure?.isFinal !== true)
        return this.#use(lease, before.kept.sealed, before.kept.version);
      if (failure === null) throw error;
      throw refusalOf(stale, failure, backOff(before.failures, failure.isFinal) * 1000);
    }
  }

  async #keep(
    { credential, secret, minted }: { credential: Credential; secret: CredentialSecret; minted: MintedToken },
    lease: tokens.TokenLease,
    version: number,
  ): Promise<Token> {
    const { transaction, recorded } = this.#services;
    const token = await this.sealToken(lease, minted, version);
    const next = await this.sealRefreshed(credential, secret, minted);
    await transaction(lease.orgId, async (tx) => {
      await tokens.settleToken(tx, lease, token);
      // Kept whoever holds the lease by now: the issuer does not take the one before any more.
      if (next) await store.replaceCredentialSecret(tx, credential, next);
      const to = { status: 'active' as const, outcome: 'ok', isMinted: true };
      const noted = await store.noteMinting(tx, credential, to);
      if (noted) recorded(tx, noted, { action: 'credential.minted', outcome: 'ok' });
    });
    return { value: minted.access_token, version };
  }

  /** Seals a token for its place, with the time it has. */
  async sealToken(name: TokenName, minted: MintedToken, version: number): Promise<tokens.NewToken> {
    const sealed = await this.#services.dataKeys.seal(tokenPlace(name, version), Buffer.from(minted.access_token));
    return { version, sealed, ...lifetimeOf(minted.expires_in) };
  }

  /** The secrets of a credential with the refresh token that came along; null when none came, or the same. */
  async sealRefreshed(credential: Credential, secret: CredentialSecret, { refresh_token: fresh }: MintedToken) {
    if (fresh === undefined || fresh === secret.refresh_token) return null;
    const content = Buffer.from(JSON.stringify({ ...secret, refresh_token: fresh }));
    return this.#services.dataKeys.seal(credentialPlace(credential, credential.sealedVersion + 1), content);
  }

  /** Opens what is secret of a credential. */
  async secretOf(credential: Credential): Promise<CredentialSecret> {
    if (!credential.sealed) throw storedCredentialErrors.revoked('This credential was revoked, and that is final.');
    const place = credentialPlace(credential, credential.sealedVersion);
    const content = await this.#services.dataKeys.open(place, credential.sealed);
    return JSON.parse(content.toString()) as CredentialSecret;
  }

  async #failed(
    credential: Credential,
    lease: tokens.TokenLease,
    { failure, failures }: { failure: IssuerFailure | null; failures: number },
  ): Promise<void> {
    const { transaction, recorded } = this.#services;
    const status = failure ? statusAfter(credential, failure) : credential.status;
    const outcome = failure?.word ?? 'internal';
    await transaction(lease.orgId, async (tx) => {
      // What a process learns after its lease has ended is about a token that another has replaced since.
      if (!(await tokens.failToken(tx, lease, backOff(failures, failure?.isFinal ?? false)))) return;
      const noted = await store.noteMinting(tx, credential, { status, outcome, isMinted: false });
      if (noted && status !== credential.status) recorded(tx, noted, { action: `credential.${status}`, outcome });
    });
  }

  async #use(name: TokenName, sealed: NonNullable<Credential['sealed']>, version: number): Promise<Token> {
    return { value: await this.#open(name, sealed, version), version };
  }

  async #open(name: TokenName, sealed: NonNullable<Credential['sealed']>, version: number): Promise<string> {
    return (await this.#services.dataKeys.open(tokenPlace(name, version), sealed)).toString();
  }
}

const nameOf = ({ orgId, id }: Credential, subject: string): TokenName => ({ orgId, credentialId: id, subject });

/** What a credential is after its issuer gave nothing: trouble that passes changes nothing. */
function statusAfter({ kind, status }: Credential, { word, isFinal }: IssuerFailure): CredentialStatus {
  if (!isFinal) return status;
  return kind === 'oauth2_authorization_code' && word === 'invalid_grant' ? 'needs_reauth' : 'failed';
}

function refusalOf(credential: Credential, failure: IssuerFailure, retryAfterMs: number): Error {
  if (!failure.isFinal) return unavailable(retryAfterMs);
  if (statusAfter(credential, failure) === 'needs_reauth') return needsReauth(credential);
  return storedCredentialErrors.failed(
    `The issuer of the credential ${credential.name} refuses it (${failure.word}). Look at it there, or replace it.`,
    { retryAfterMs },
  );
}

/** The refusal of a credential that waits for a person. */
export const needsReauth = ({ name }: Credential): Error =>
  storedCredentialErrors.needs_reauth(
    `The credential ${name} must be authorized at its issuer. Start it with \`oauth/start\`.`,
  );

const unavailable = (retryAfterMs: number): Error =>
  storedCredentialErrors.issuer_unavailable(
    'The issuer of this credential gives no token right now. Try again later.',
    {
      retryAfterMs: Math.max(1_000, retryAfterMs),
    },
  );
