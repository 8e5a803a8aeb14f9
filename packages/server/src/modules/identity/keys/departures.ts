import type { Tx } from '../../../platform/db/index.ts';
import { scopesOfKey, scopesOfMember, scopesWithin } from '../../access/index.ts';
import { findMembership } from '../../tenancy/index.ts';
import * as store from './store-grants.ts';

/**
 * Freezes the keys that a person made, for when that person leaves the organization: each keeps what they can do right
 * now, and no later change of anybody's role widens it. Call it before the membership goes, in the same transaction.
 */
export async function freezeKeysOf(tx: Tx, orgId: string, userId: string): Promise<void> {
  const membership = await findMembership(tx, userId, orgId);
  if (!membership) return;
  const bound = scopesOfMember(membership.role, membership.customScopes);
  for (const { id, template, scopes } of await store.lockKeysBoundBy(tx, orgId, userId)) {
    const held = [...scopesWithin(scopesOfKey(template, scopes), bound)];
    store.freezeKey(tx, { orgId, id, scopes: held, role: membership.role });
  }
}

/** Revokes the keys of a service account that is deleted; gives their ids. */
export const revokeKeysOf = (tx: Tx, orgId: string, serviceAccountId: string): Promise<string[]> =>
  store.revokeKeysBoundBy(tx, orgId, serviceAccountId);
