import type { MemberRole, Principal } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { memberErrors } from '../errors.ts';
import type { Standing } from '../policy.ts';
import type { ScopeCatalogue } from '../ports.ts';
import { findRole } from '../roles/store.ts';
import { countOtherOwners, findMember } from './store.ts';

/**
 * How the caller stands now: what the credential was let in with may have been taken back since. Call it with the
 * organization locked.
 * @throws AppError `denied` for somebody who stands nowhere in it any more
 */
export async function standingOf(tx: Tx, by: Principal, scopes: ScopeCatalogue): Promise<Standing> {
  if (by.userId === null) {
    if (by.role === null) throw nobodyBehind();
    return { userId: null, role: by.role, holds: (scope) => scopes.coverage(by.scopes, scope) === 'all' };
  }
  const member = await findMember(tx, String(by.orgId), by.userId);
  if (!member || member.disabledAt !== null) throw nobodyBehind();
  const held = scopes.within(by.scopes, scopes.ofMember(member.role, member.customRole?.scopes ?? null));
  return { userId: by.userId, role: member.role, holds: (scope) => scopes.coverage(held, scope) === 'all' };
}

const nobodyBehind = (): Error =>
  memberErrors.people_only('Nobody in this organization stands behind this credential. Use one of a member.');

/**
 * The scopes that a role gives, of the ladder or of the organization's own making.
 * @throws AppError `not_found` when the organization has no such custom role, `invalid` for an owner with one
 */
export async function scopesOfGrant(
  tx: Tx,
  orgId: string,
  { role, customRoleId }: { role: MemberRole; customRoleId: string | null },
  scopes: ScopeCatalogue,
): Promise<ReadonlySet<string>> {
  if (customRoleId === null) return scopes.ofMember(role, null);
  if (role === 'owner') {
    throw memberErrors.owner_role(
      'An owner holds everything: an owner cannot have a custom role. Leave one of the two out.',
    );
  }
  return scopes.ofMember(role, (await findRole(tx, orgId, customRoleId)).scopes);
}

/** @throws AppError `conflict` when the organization would be left without an owner who can sign in */
export async function assertNotLastOwner(
  tx: Tx,
  orgId: string,
  leaving: { userId: string; role: MemberRole },
): Promise<void> {
  if (leaving.role !== 'owner' || (await countOtherOwners(tx, orgId, leaving.userId)) > 0) return;
  throw memberErrors.last_owner('An organization needs an owner. Make somebody else an owner first.');
}
