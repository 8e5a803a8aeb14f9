import { type AppError, toAppError } from '../../kernel/errors.ts';
import type { OrganizationId } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Tx } from '../../platform/db/index.ts';
import { ROLE_SCOPES, scopesWithin } from '../access/index.ts';
import { findMemberships, findUserById } from '../tenancy/index.ts';
import { credentialErrors } from './errors.ts';
import { hashKey, isWellFormed } from './keys/model.ts';
import { findGrant, listUnchecksummedHashes } from './keys/store.ts';
import { isFamilyAlive } from './login/store.ts';
import type { AccessClaims, AccessTokens } from './tokens/access-tokens.ts';

/** A credential as a surface found it. */
export type Credential = { kind: 'api_key' | 'access_token'; value: string };

export type AuthenticatorOptions = {
  tokens: AccessTokens;
  /** Reads over all organizations: before authentication none is known. */
  systemRead<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Whether revocations made by other processes reach this one right now; while not, nothing is answered from the cache. */
  hearsRevocations(): boolean;
};

/**
 * Upper bound of what a lost revocation signal can cost, milliseconds. Longer saves queries that are rare already;
 * shorter asks the database for every key twice a minute.
 */
const GRANT_LIFETIME_MS = 30_000;
const CACHED_GRANTS = 10_000;

/** How often open streams are asked whether their credential has expired, milliseconds. Revocations are told at once. */
const RECHECK_MS = 15_000;

type Watched = { credential: Credential; onDead(refusal: AppError): void };
type CachedGrant = { principal: Principal; until: number };

/**
 * Turns credentials into principals. Grants are cached by key hash or login; `forget` empties the cache when any
 * grant changes, and a look-up that was under way at that moment is not cached.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #grants = new Map<string, CachedGrant>();
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

  /** Calls back once when a credential that has opened a stream stops being alive. Gives how to stop watching. */
  watch(credential: Credential, onDead: Watched['onDead']): () => void {
    const watched = { credential, onDead };
    this.#watched.add(watched);
    this.#recheck ??= setInterval(() => void this.#checkWatched(), RECHECK_MS).unref();
    return () => this.#unwatch(watched);
  }

  /** @throws AppError `unauthenticated` when the credential is not a living one */
  async authenticate(credential: Credential): Promise<Principal> {
    if (credential.kind === 'api_key') return this.#byKey(credential.value);
    const claims = await this.#options.tokens.verify(credential.value);
    const principal = await this.#cached(`login\0${claims.familyId}\0${claims.orgId}`, () => this.#loadLogin(claims));
    if (!principal) throw credentialErrors.invalid('This login has ended. Sign in again.');
    return principal;
  }

  async #checkWatched(): Promise<void> {
    for (const watched of [...this.#watched]) {
      try {
        await this.authenticate(watched.credential);
      } catch (thrown) {
        const refusal = toAppError(thrown);
        // A database that is away says nothing about the credential.
        if (refusal.kind !== 'unauthenticated' || !this.#watched.has(watched)) continue;
        this.#unwatch(watched);
        watched.onDead(refusal);
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
    const principal = isPossible ? await this.#cached(`key\0${hex}`, () => this.#loadKey(hash)) : null;
    if (!principal) throw credentialErrors.invalid('The API key is not valid: unknown, mistyped, expired or revoked.');
    return principal;
  }

  async #cached(name: string, load: () => Promise<CachedGrant | null>): Promise<Principal | null> {
    const found = this.#grants.get(name);
    if (found && found.until > Date.now() && this.#options.hearsRevocations()) return found.principal;
    const generation = this.#generation;
    const grant = await load();
    if (grant && generation === this.#generation) {
      if (this.#grants.size >= CACHED_GRANTS) this.#grants.clear();
      this.#grants.set(name, grant);
    }
    return grant?.principal ?? null;
  }

  async #loadKey(hash: Buffer): Promise<CachedGrant | null> {
    const row = await this.#options.systemRead((tx) => findGrant(tx, hash));
    if (!row) return null;
    const bound = row.role === null ? new Set(row.scopes) : ROLE_SCOPES[row.role];
    return {
      until: Math.min(Date.now() + GRANT_LIFETIME_MS, row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY),
      principal: {
        kind: 'api_key',
        id: row.id,
        orgId: row.org_id as OrganizationId,
        role: row.role,
        scopes: scopesWithin(row.scopes, bound),
        posture: row.posture,
        trialEndsAt: row.trial_ends_at,
        userId: row.created_by,
      },
    };
  }

  async #loadLogin(claims: AccessClaims): Promise<CachedGrant | null> {
    return this.#options.systemRead(async (tx) => {
      const user = await findUserById(tx, claims.userId);
      if (!user || user.disabledAt || !(await isFamilyAlive(tx, claims.familyId, claims.userId))) return null;
      const membership = (await findMemberships(tx, user.id)).find(
        ({ organization }) => organization.id === claims.orgId,
      );
      if (!membership) return null;
      const { organization, role } = membership;
      return {
        until: Date.now() + GRANT_LIFETIME_MS,
        principal: {
          kind: 'user',
          id: user.id,
          orgId: organization.id,
          role,
          scopes: new Set(ROLE_SCOPES[role]),
          posture: organization.posture,
          trialEndsAt: organization.trialEndsAt,
          userId: user.id,
        },
      };
    });
  }
}
