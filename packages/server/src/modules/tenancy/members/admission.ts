import type { MemberRole } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { lockOrganization } from '../organizations/store.ts';
import { findMember, insertMembership } from './store.ts';

/**
 * Makes somebody a member whom the organization's own rules let in, an identity provider that it trusts for example;
 * says whether they were not one before. The caller audits it and drops cached grants.
 * @throws AppError `not_found` for an organization that is gone
 */
export async function admitMember(
  tx: Tx,
  { orgId, userId, role }: { orgId: string; userId: string; role: Exclude<MemberRole, 'owner'> },
): Promise<boolean> {
  await lockOrganization(tx, orgId);
  if (await findMember(tx, orgId, userId)) return false;
  await insertMembership(tx, { orgId, userId, role, customRoleId: null });
  return true;
}
