import { createHash } from 'node:crypto';
import { AppError, toAppError } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Tx } from '../../platform/db/index.ts';
import { credentialErrors } from './errors.ts';
import { type Grant, loadKeyGrant, loadLoginGrant } from './grants.ts';
import { hashKey, isWellFormed } from './keys/model.ts';
import { listUnchecksummedHashes } from './keys/store-grants.ts';
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
  /** Notes that a key was used. */
  used?(key: Principal, address: string | null): void;
  /** Notes that a login was used. */
  seen?(loginId: string): void;
  /** Counts credentials that were not valid, by address; null: they are not bounded. */
  failures?: FailureBound | null;
};

/** Holds back an address that tries many credentials. */
export type FailureBound = {
  /** How long the address is held back, milliseconds; 0 while it is not. */
  heldBackMs(address: string | null): number;
  failed(address: string | null): void;
};

const CACHED_GRANTS = 10_000;

/** Look-ups of one credential that are overtaken by changes of grants, before the caller is told to come back. */
const MOST_LOOKUPS = 10;

/** How often open streams are asked whether their credential has expired, milliseconds. Revocations are told at once. */
const RECHECK_MS = 15_000;

/** What keeps a stream open: a credential in an organization, and whether its principal may still have the stream. */
export type Watched = {
  credential: Credential;
  orgId: string | null;
  /** Address of the caller: a key may be bound to some. */
  address: string | null;
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
  /** Names of credentials that were valid lately: their owners are not held back for what others try. */
  #knownGood = new Set<string>();
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
   *   into the organization that was asked for, `denied` for a key that is used from where it may not,
   *   `rate_limited` for an address that has tried many credentials that are none
   */
  async authenticate(
    credential: Credential,
    orgId: string | null = null,
    address: string | null = null,
  ): Promise<Principal> {
    try {
      return await this.#authenticate(credential, orgId, address);
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'credential.invalid') this.#options.failures?.failed(address);
      throw thrown;
    }
  }

  async #authenticate(credential: Credential, orgId: string | null, address: string | null): Promise<Principal> {
    const principal =
      credential.kind === 'api_key'
        ? await this.#byKey(credential.value, address)
        : await this.#byLogin(await this.#loginOf(credential, address), orgId);
    if (orgId !== null && principal.orgId !== orgId.toLowerCase()) throw credentialErrors.not_a_member(NOT_YOURS);
    return principal;
  }

  async #checkWatched(): Promise<void> {
    for (const watched of [...this.#watched]) {
      try {
        watched.check(await this.authenticate(watched.credential, watched.orgId, watched.address));
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

  async #byKey(raw: string, address: string | null): Promise<Principal> {
    const hash = hashKey(raw);
    const hex = hash.toString('hex');
    const isPossible = isWellFormed(raw) || this.#withoutChecksum.has(hex);
    const grant = isPossible ? await this.#cached(cacheKey('key', hex), (tx) => loadKeyGrant(tx, hash), address) : null;
    if (!grant) throw credentialErrors.invalid('The API key is not valid: unknown, mistyped, expired or revoked.');
    if (grant.allowedFrom !== null && !grant.allowedFrom.includes(address)) {
      throw credentialErrors.address_refused(
        `This API key may not be used from ${address ?? 'an unknown address'}. Use it from where it is allowed, or have its list changed.`,
      );
    }
    this.#options.used?.(grant.principal, address);
    return grant.principal;
  }

  /** The login that a token or cookie belongs to, and the organization that it stands for by itself. */
  async #loginOf({ kind, value }: Credential, address: string | null): Promise<AccessClaims> {
    if (kind === 'access_token') return this.#options.tokens.verify(value);
    const hash = createHash('sha256').update(value).digest();
    const name = cacheKey('session', hash.toString('hex'));
    this.#assertNotHeldBack(name, address);
    const session = await this.#options.systemRead((tx) => findSession(tx, hash));
    if (!session) throw credentialErrors.invalid('This session has ended. Sign in again.');
    this.#remember(name);
    return session;
  }

  async #byLogin(login: AccessClaims, asked: string | null): Promise<Principal> {
    const of = { ...login, orgId: asked ?? login.orgId };
    const name = cacheKey('login', of.loginId, of.userId, of.orgId ?? '');
    const grant = await this.#cached(name, (tx) => loadLoginGrant(tx, of), null);
    if (!grant) throw credentialErrors.invalid('This login has ended. Sign in again.');
    this.#options.seen?.(of.loginId);
    return grant.principal;
  }

  /**
   * A grant that was looked up while another changed may be one of before: it is looked up again, so that nobody is let
   * in by what this process had already been told is over.
   */
  async #cached(name: string, load: (tx: Tx) => Promise<Grant | null>, address: string | null): Promise<Grant | null> {
    const found = this.#grants.get(name);
    if (found && found.until > Date.now() && this.#options.hearsRevocations()) return found;
    this.#assertNotHeldBack(name, address);
    for (let lookup = 0; lookup < MOST_LOOKUPS; lookup++) {
      const generation = this.#generation;
      const grant = await this.#options.systemRead(load);
      if (generation !== this.#generation) continue;
      if (grant) {
        if (this.#grants.size >= CACHED_GRANTS) this.#grants.clear();
        this.#grants.set(name, grant);
        this.#remember(name);
      }
      return grant;
    }
    throw new AppError('unavailable', 'credential.busy', 'Permissions are being changed right now. Try again.', {
      retryAfterMs: 1_000,
    });
  }

  #remember(name: string): void {
    if (this.#knownGood.size >= CACHED_GRANTS) this.#knownGood = new Set();
    this.#knownGood.add(name);
  }

  #assertNotHeldBack(name: string, address: string | null): void {
    const waitMs = this.#options.failures?.heldBackMs(address) ?? 0;
    if (waitMs === 0 || this.#knownGood.has(name)) return;
    throw credentialErrors.too_many_failures(
      `Too many credentials from this address were not valid. Try again in ${Math.ceil(waitMs / 1000)} s.`,
      { retryAfterMs: waitMs },
    );
  }
}

/** Fields with their lengths in front: no two lists of fields make the same key. */
const cacheKey = (...fields: readonly string[]): string => fields.map((field) => `${field.length}:${field}`).join('');
