import { MEMBER_ROLES } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { revokeInvitationsOf } from '../invitations/store.ts';
import type { TenancyServices } from '../ports.ts';
import type { Member } from './model.ts';
import { assertNotLastOwner } from './standing.ts';
import { deleteMembership } from './store.ts';

/**
 * Takes somebody out of an organization, which is locked: their keys keep what they could do at this moment, and their
 * logins lose the organization with the commit. Keys of a service account end, and so do invitations that the person
 * made: somebody who was shown the door must not have left another one open.
 * @throws AppError `conflict` for the last owner
 */
export async function removeMember(
  tx: Tx,
  { orgId, member }: { orgId: string; member: Pick<Member, 'userId' | 'role' | 'kind'> },
  { keys, grantsChanged }: Pick<TenancyServices, 'keys' | 'grantsChanged'>,
): Promise<void> {
  await assertNotLastOwner(tx, orgId, member);
  if (member.kind === 'service') await keys.revokeOf(tx, orgId, member.userId);
  else await keys.freezeOf(tx, orgId, member.userId);
  await revokeInvitationsOf(tx, { orgId, userId: member.userId, roles: MEMBER_ROLES });
  await deleteMembership(tx, orgId, member.userId);
  grantsChanged(tx);
}
