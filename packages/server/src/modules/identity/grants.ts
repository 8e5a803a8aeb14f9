import { isUuid } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Tx } from '../../platform/db/index.ts';
import { scopesOfMember, scopesWithin } from '../access/index.ts';
import { findMembership, type Membership } from '../tenancy/index.ts';
import { AllowList } from './keys/allow-list.ts';
import { findKeyGrant, findKeyGrantById, type KeyGrant } from './keys/store-grants.ts';
import { findLogin } from './login/store.ts';
import { findStanding } from './platform/store.ts';
import type { AccessClaims } from './tokens/access-tokens.ts';

/** Whom a credential stands for, and until when that may be remembered, epoch milliseconds. */
export type Grant = {
  principal: Principal;
  until: number;
  /** Where the credential may be used from; null: anywhere. */
  allowedFrom: AllowList | null;
};

/**
 * Upper bound of what a lost revocation signal can cost, milliseconds. Longer saves queries that are rare already;
 * shorter asks the database for every key twice a minute.
 */
const GRANT_LIFETIME_MS = 30_000;

/** Loads whom a key stands for; null when there is none with this hash, or it is dead. */
export async function loadKeyGrant(tx: Tx, hash: Buffer): Promise<Grant | null> {
  const key = await findKeyGrant(tx, hash);
  if (!key) return null;
  return {
    until: Math.min(Date.now() + GRANT_LIFETIME_MS, key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY),
    principal: principalOfKey(key),
    allowedFrom: key.allowedAddresses.length === 0 ? null : new AllowList(key.allowedAddresses),
  };
}

const principalOfKey = (key: KeyGrant): Principal => ({
  kind: 'api_key',
  id: key.id,
  orgId: key.orgId,
  role: key.role,
  scopes: key.scopes,
  source: key.template === null ? { kind: 'key_scopes', name: null } : { kind: 'key_template', name: key.template },
  posture: key.posture,
  trialEndsAt: key.trialEndsAt,
  userId: key.userId,
  loginId: null,
  isPlatformAdmin: key.isPlatformAdmin,
});

/**
 * What somebody may do in an organization right now, whatever they would sign in with; null when the organization has
 * no such member, service account or living key.
 */
export async function findPrincipal(
  tx: Tx,
  orgId: string,
  { kind, id }: { kind: 'user' | 'api_key'; id: string },
): Promise<Principal | null> {
  if (!isUuid(id)) return null;
  if (kind === 'user') return findMember(tx, orgId, id);
  const key = await findKeyGrantById(tx, orgId, id);
  return key && principalOfKey(key);
}

/** Whom work is done as that somebody has left behind: as they may now, and no further than their credential reached. */
export async function findActor(
  tx: Tx,
  orgId: string,
  { kind, id, limitedTo }: { kind: string; id: string; limitedTo: readonly string[] | null },
): Promise<Principal | null> {
  if (kind !== 'user' && kind !== 'api_key') return null;
  const principal = await findPrincipal(tx, orgId, { kind, id });
  if (!principal || limitedTo === null) return principal;
  return { ...principal, scopes: scopesWithin(limitedTo, principal.scopes), limitedTo, isPlatformAdmin: false };
}

async function findMember(tx: Tx, orgId: string, userId: string): Promise<Principal | null> {
  const membership = await findMembership(tx, userId, orgId);
  const standing = await findStanding(tx, userId);
  if (!membership || !standing || standing.isDisabled) return null;
  return {
    kind: 'user',
    id: userId,
    orgId: membership.organization.id,
    role: membership.role,
    scopes: scopesOfMember(membership.role, membership.customScopes),
    source: sourceOfMember(membership),
    posture: membership.organization.posture,
    trialEndsAt: membership.organization.trialEndsAt,
    userId,
    loginId: null,
    isPlatformAdmin: standing.isPlatformAdmin,
  };
}

const sourceOfMember = ({ role, customScopes }: Pick<Membership, 'role' | 'customScopes'>): Principal['source'] =>
  customScopes === null ? { kind: 'role', name: role } : { kind: 'custom_role', name: null };

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
    allowedFrom: null,
    principal: {
      kind: 'user',
      id: login.userId,
      orgId: organization?.id ?? null,
      role: membership?.role ?? null,
      scopes: login.scopes === null ? held : scopesWithin(login.scopes, held),
      ...(login.scopes === null ? {} : { limitedTo: [...login.scopes] }),
      source: membership ? sourceOfMember(membership) : { kind: 'none', name: null },
      posture: organization?.posture ?? 'active',
      trialEndsAt: organization?.trialEndsAt ?? null,
      userId: login.userId,
      loginId,
      // A login that was given less than the person has does not govern the installation either.
      isPlatformAdmin: login.isPlatformAdmin && login.scopes === null,
    },
  };
}
