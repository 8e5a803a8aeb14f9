import type { UserId } from '../../kernel/ids.ts';
import type { MemberRole } from '../../kernel/principal.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Membership, User } from './model.ts';
import { ORGANIZATION_COLUMNS, type OrganizationRow, toOrganization } from './organizations/store.ts';

type UserRow = { id: string; email: string; name: string; password_hash: string | null; disabled_at: Date | null };
type MembershipRow = OrganizationRow & { user_id: string; role: MemberRole; custom_scopes: string[] | null };

const userByEmail = statement<UserRow>(
  'tenancy.user_by_email',
  `select id, email, name, password_hash, disabled_at from users where email = $1 and kind = 'person'`,
);
const userById = statement<UserRow>(
  'tenancy.user_by_id',
  'select id, email, name, password_hash, disabled_at from users where id = $1',
);
const MEMBERSHIP = `select m.user_id, m.role, c.scopes as custom_scopes, ${ORGANIZATION_COLUMNS}
   from memberships m
   join organizations o on o.id = m.org_id
   left join custom_roles c on c.org_id = m.org_id and c.id = m.custom_role_id
   where m.user_id = $1 and o.deleted_at is null`;
const membershipsOfUser = statement<MembershipRow>(
  'tenancy.memberships',
  `${MEMBERSHIP} order by m.created_at, m.org_id`,
);
const membershipOfUser = statement<MembershipRow>('tenancy.membership', `${MEMBERSHIP} and m.org_id = $2`);

export async function findUserByEmail(tx: Tx, email: string): Promise<User | null> {
  return toUser((await tx.query(userByEmail, [email.toLowerCase()]))[0]);
}

export async function findUserById(tx: Tx, id: string): Promise<User | null> {
  return toUser((await tx.query(userById, [id]))[0]);
}

/** The organizations that a person belongs to, the oldest membership first. */
export async function findMemberships(tx: Tx, userId: string): Promise<Membership[]> {
  return (await tx.query(membershipsOfUser, [userId])).map(toMembership);
}

/** How a person stands in an organization; null for one who is not in it. */
export async function findMembership(tx: Tx, userId: string, orgId: string): Promise<Membership | null> {
  const [row] = await tx.query(membershipOfUser, [userId, orgId]);
  return row ? toMembership(row) : null;
}

function toUser(row: UserRow | undefined): User | null {
  if (!row) return null;
  return {
    id: row.id as UserId,
    email: row.email,
    name: row.name,
    passwordHash: row.password_hash,
    disabledAt: row.disabled_at,
  };
}

const toMembership = (row: MembershipRow): Membership => ({
  userId: row.user_id as UserId,
  role: row.role,
  customScopes: row.custom_scopes,
  organization: toOrganization(row),
});

export { lockOrganization } from './organizations/store.ts';
