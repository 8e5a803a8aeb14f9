import { isUuid } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Tx } from '../../platform/db/index.ts';
import { scopesOfKey, scopesOfMember, scopesWithin } from '../access/index.ts';
import { findMembership } from '../tenancy/index.ts';
import { findKeyGrant } from './keys/store.ts';
import { findLogin } from './login/store.ts';
import type { AccessClaims } from './tokens/access-tokens.ts';

/** Whom a credential stands for, and until when that may be remembered, epoch milliseconds. */
export type Grant = { principal: Principal; until: number };

/**
 * Upper bound of what a lost revocation signal can cost, milliseconds. Longer saves queries that are rare already;
 * shorter asks the database for every key twice a minute.
 */
const GRANT_LIFETIME_MS = 30_000;

/** Loads whom a key stands for; null when there is none with this hash, or it is dead. */
export async function loadKeyGrant(tx: Tx, hash: Buffer): Promise<Grant | null> {
  const key = await findKeyGrant(tx, hash);
  if (!key) return null;
  const asked = scopesOfKey(key.template, key.scopes);
  const bound = key.role === null ? new Set(asked) : scopesOfMember(key.role, key.customScopes);
  return {
    until: Math.min(Date.now() + GRANT_LIFETIME_MS, key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY),
    principal: {
      kind: 'api_key',
      id: key.id,
      orgId: key.orgId,
      role: key.role,
      scopes: scopesWithin(asked, bound),
      posture: key.posture,
      trialEndsAt: key.trialEndsAt,
      userId: key.userId,
      loginId: null,
      isPlatformAdmin: key.isPlatformAdmin,
    },
  };
}

/**
 * Loads whom a login stands for in an organization; null when the login has ended. A person who is not in the
 * organization comes back without one.
 */
export async function loadLoginGrant(tx: Tx, { loginId, userId, orgId }: AccessClaims): Promise<Grant | null> {
  const login = await findLogin(tx, loginId);
  if (login?.userId !== userId) return null;
  const membership = orgId === null || !isUuid(orgId) ? null : await findMembership(tx, userId, orgId);
  const organization = membership?.organization;
  const held = membership ? scopesOfMember(membership.role, membership.customScopes) : new Set<string>();
  return {
    until: Math.min(Date.now() + GRANT_LIFETIME_MS, login.expiresAt.getTime()),
    principal: {
      kind: 'user',
      id: login.userId,
      orgId: organization?.id ?? null,
      role: membership?.role ?? null,
      scopes: login.scopes === null ? held : scopesWithin(login.scopes, held),
      posture: organization?.posture ?? 'active',
      trialEndsAt: organization?.trialEndsAt ?? null,
      userId: login.userId,
      loginId,
      // A login that was given less than the person has does not govern the installation either.
      isPlatformAdmin: login.isPlatformAdmin && login.scopes === null,
    },
  };
}
