import { createHash } from 'node:crypto';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Tx } from '../../platform/db/index.ts';
import { credentialErrors } from './errors.ts';
import { type Grant, loadKeyGrant, loadLoginGrant } from './grants.ts';
import { hashKey, isWellFormed } from './keys/model.ts';
import { listUnchecksummedHashes } from './keys/store.ts';
import { findSession } from './login/store.ts';
import type { AccessClaims, AccessTokens } from './tokens/access-tokens.ts';

/** A credential as a surface found it; `session` is the cookie of a browser. */
export type Credential = { kind: 'api_key' | 'access_token' | 'session'; value: string };

export type AuthenticatorOptions = {
  tokens: AccessTokens;
  /** Reads over all organizations: before authentication none is known. */
  systemRead<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Whether revocations made by other processes reach this one right now; while not, nothing is answered from the cache. */
  hearsRevocations(): boolean;
};

const CACHED_GRANTS = 10_000;

/** How often open streams are asked whether their credential has expired, milliseconds. Revocations are told at once. */
const RECHECK_MS = 15_000;

/** What keeps a stream open: a credential in an organization, and whether its principal may still have the stream. */
export type Watched = {
  credential: Credential;
  orgId: string | null;
  /** Throws a refusal when the principal may not go on. */
  check(principal: Principal): void;
  /** Called once, with the refusal that ended it. */
  onEnd(refusal: AppError): void;
};

const NOT_YOURS = 'There is no organization with this id, or you are not in it.';

/**
 * Turns credentials into principals. Grants are cached by key hash, or login and organization; `forget` empties the
 * cache when any grant changes, and a look-up that was under way at that moment is not cached.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #grants = new Map<string, Grant>();
  readonly #withoutChecksum = new Set<string>();
  readonly #watched = new Set<Watched>();
  #recheck: NodeJS.Timeout | null = null;
  #generation = 0;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** Learns the keys that came from configuration without our checksum. */
  async start(): Promise<void> {
    for (const hash of await this.#options.systemRead(listUnchecksummedHashes))
      this.#withoutChecksum.add(hash.toString('hex'));
  }

  /** Some grant changed: the next use of each credential asks the database. */
  forget(): void {
    this.#generation += 1;
    this.#grants.clear();
    void this.#checkWatched();
  }

  /** Looks after something that stays open while its credential lives and may. Gives how to stop looking. */
  watch(watched: Watched): () => void {
    this.#watched.add(watched);
    this.#recheck ??= setInterval(() => void this.#checkWatched(), RECHECK_MS).unref();
    return () => this.#unwatch(watched);
  }

  /**
   * Gives whom the credential stands for in an organization: the one asked for, else the credential's own.
   * @throws AppError `unauthenticated` when the credential is not a living one, `not_found` when it does not reach
   *   into the organization that was asked for
   */
  async authenticate(credential: Credential, orgId: string | null = null): Promise<Principal> {
    const principal =
      credential.kind === 'api_key'
        ? await this.#byKey(credential.value)
        : await this.#byLogin(await this.#loginOf(credential), orgId);
    if (orgId !== null && principal.orgId !== orgId.toLowerCase()) throw credentialErrors.not_a_member(NOT_YOURS);
    return principal;
  }

  async #checkWatched(): Promise<void> {
    for (const watched of [...this.#watched]) {
      try {
        watched.check(await this.authenticate(watched.credential, watched.orgId));
      } catch (thrown) {
        const refusal = toAppError(thrown);
        // A database that is away says nothing about the credential.
        if (refusal.kind === 'unavailable' || refusal.kind === 'internal' || !this.#watched.has(watched)) continue;
        this.#unwatch(watched);
        watched.onEnd(refusal);
      }
    }
  }

  #unwatch(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0 || this.#recheck === null) return;
    clearInterval(this.#recheck);
    this.#recheck = null;
  }

  async #byKey(raw: string): Promise<Principal> {
    const hash = hashKey(raw);
    const hex = hash.toString('hex');
    const isPossible = isWellFormed(raw) || this.#withoutChecksum.has(hex);
    const principal = isPossible ? await this.#cached(cacheKey('key', hex), (tx) => loadKeyGrant(tx, hash)) : null;
    if (!principal) throw credentialErrors.invalid('The API key is not valid: unknown, mistyped, expired or revoked.');
    return principal;
  }

  /** The login that a token or cookie belongs to, and the organization that it stands for by itself. */
  async #loginOf({ kind, value }: Credential): Promise<AccessClaims> {
    if (kind === 'access_token') return this.#options.tokens.verify(value);
    const hash = createHash('sha256').update(value).digest();
    const session = await this.#options.systemRead((tx) => findSession(tx, hash));
    if (!session) throw credentialErrors.invalid('This session has ended. Sign in again.');
    return session;
  }

  async #byLogin(login: AccessClaims, asked: string | null): Promise<Principal> {
    const of = { ...login, orgId: asked ?? login.orgId };
    const name = cacheKey('login', of.loginId, of.userId, of.orgId ?? '');
    const principal = await this.#cached(name, (tx) => loadLoginGrant(tx, of));
    if (!principal) throw credentialErrors.invalid('This login has ended. Sign in again.');
    return principal;
  }

  async #cached(name: string, load: (tx: Tx) => Promise<Grant | null>): Promise<Principal | null> {
    const found = this.#grants.get(name);
    if (found && found.until > Date.now() && this.#options.hearsRevocations()) return found.principal;
    const generation = this.#generation;
    const grant = await this.#options.systemRead(load);
    if (grant && generation === this.#generation) {
      if (this.#grants.size >= CACHED_GRANTS) this.#grants.clear();
      this.#grants.set(name, grant);
    }
    return grant?.principal ?? null;
  }
}

/** Fields with their lengths in front: no two lists of fields make the same key. */
const cacheKey = (...fields: readonly string[]): string => fields.map((field) => `${field.length}:${field}`).join('');
