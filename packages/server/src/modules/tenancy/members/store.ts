import type { UserId } from '../../../kernel/ids.ts';
import type { MemberRole } from '../../../kernel/principal.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { type After, behind, type Listed, microsOf } from '../listing.ts';
import type { Subject } from '../policy.ts';
import type { Member, MembershipLine } from './model.ts';

type Row = {
  user_id: string;
  kind: 'person' | 'service';
  email: string;
  name: string;
  role: MemberRole;
  custom_role_id: string | null;
  custom_role: string | null;
  custom_scopes: string[] | null;
  version: number;
  created_at: Date;
  disabled_at: Date | null;
};
type LineRow = {
  status: 'active' | 'pending';
  id: string;
  kind: 'person' | 'service';
  email: string;
  name: string | null;
  role: MemberRole;
  custom_role_id: string | null;
  created_at: Date;
  micros: string;
};

const MEMBER = `select m.user_id, u.kind, u.email, u.name, m.role, m.custom_role_id, c.name as custom_role,
     c.scopes as custom_scopes, m.version, m.created_at, u.disabled_at`;
const FROM = `from memberships m
   join users u on u.id = m.user_id
   left join custom_roles c on c.org_id = m.org_id and c.id = m.custom_role_id`;

const byId = statement<Row>('members.by_id', `${MEMBER} ${FROM} where m.org_id = $1 and m.user_id = $2`);
const byEmail = statement<Row>('members.by_email', `${MEMBER} ${FROM} where m.org_id = $1 and u.email = $2`);
const list = statement<Row & { micros: string }>(
  'members.list',
  `${MEMBER}, ${microsOf('m.created_at')} ${FROM}
   where m.org_id = $1 and ${behind('m.created_at', 'm.user_id', 3)}
   order by m.created_at desc, m.user_id desc limit $2`,
);
const listLines = statement<LineRow>(
  'members.list_lines',
  `select * from (
     select 'active' as status, m.user_id as id, u.kind, u.email, u.name, m.role, m.custom_role_id, m.created_at,
       ${microsOf('m.created_at')}
     from memberships m join users u on u.id = m.user_id where m.org_id = $1
     union all
     select 'pending', i.id, 'person', i.email, null, i.role, i.custom_role_id, i.created_at, ${microsOf('i.created_at')}
     from invitations i where i.org_id = $1 and i.state = 'pending' and i.expires_at > now()
   ) line
   where ${behind('line.created_at', 'line.id', 3)}
   order by line.created_at desc, line.id desc limit $2`,
);
const countOwners = statement<{ owners: number }>(
  'members.count_owners',
  `select count(*)::integer as owners from memberships m join users u on u.id = m.user_id
   where m.org_id = $1 and m.role = 'owner' and m.user_id <> $2 and u.kind = 'person' and u.disabled_at is null`,
);
const insert = statement(
  'members.insert',
  'insert into memberships (org_id, user_id, role, custom_role_id) values ($1, $2, $3, $4)',
);
const update = statement(
  'members.update',
  `update memberships set role = $3, custom_role_id = $4, version = version + 1 where org_id = $1 and user_id = $2`,
);
const remove = statement('members.remove', 'delete from memberships where org_id = $1 and user_id = $2');
const holders = statement<{ user_id: string; role: MemberRole }>(
  'members.holders',
  'select user_id, role from memberships where org_id = $1 and custom_role_id = $2',
);

export async function findMember(tx: Tx, orgId: string, userId: string): Promise<Member | null> {
  const [row] = await tx.query(byId, [orgId, userId]);
  return row ? toMember(row) : null;
}

export async function findMemberByEmail(tx: Tx, orgId: string, email: string): Promise<Member | null> {
  const [row] = await tx.query(byEmail, [orgId, email]);
  return row ? toMember(row) : null;
}

export async function listMembers(
  tx: Tx,
  orgId: string,
  page: { limit: number; after: After },
): Promise<Listed<Member>[]> {
  const rows = await tx.query(list, [orgId, page.limit, ...page.after]);
  return rows.map((row) => ({ item: toMember(row), micros: row.micros, id: row.user_id }));
}

/** Members, and those who are asked to become one, newest first. */
export async function listMembershipLines(
  tx: Tx,
  orgId: string,
  page: { limit: number; after: After },
): Promise<Listed<MembershipLine>[]> {
  const rows = await tx.query(listLines, [orgId, page.limit, ...page.after]);
  return rows.map((row) => ({ item: toLine(row), micros: row.micros, id: row.id }));
}

/** How many owners there are besides somebody, who could go on governing the organization. */
export async function countOtherOwners(tx: Tx, orgId: string, userId: string): Promise<number> {
  return (await tx.query(countOwners, [orgId, userId]))[0]?.owners ?? 0;
}

export type NewMembership = { orgId: string; userId: string; role: MemberRole; customRoleId: string | null };

export async function insertMembership(tx: Tx, { orgId, userId, role, customRoleId }: NewMembership): Promise<void> {
  await tx.query(insert, [orgId, userId, role, customRoleId]);
}

export async function updateMembership(tx: Tx, { orgId, userId, role, customRoleId }: NewMembership): Promise<void> {
  await tx.query(update, [orgId, userId, role, customRoleId]);
}

export async function deleteMembership(tx: Tx, orgId: string, userId: string): Promise<void> {
  await tx.query(remove, [orgId, userId]);
}

/** Who holds a custom role. */
export async function findHolders(tx: Tx, orgId: string, customRoleId: string): Promise<Subject[]> {
  return (await tx.query(holders, [orgId, customRoleId])).map(({ user_id, role }) => ({ userId: user_id, role }));
}

const toMember = (row: Row): Member => ({
  userId: row.user_id as UserId,
  kind: row.kind,
  email: row.kind === 'person' ? row.email : null,
  name: row.name,
  role: row.role,
  customRole:
    row.custom_role_id === null
      ? null
      : { id: row.custom_role_id, name: row.custom_role ?? '', scopes: row.custom_scopes ?? [] },
  version: row.version,
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
});

const toLine = (row: LineRow): MembershipLine => ({
  status: row.status,
  userId: row.status === 'active' ? row.id : null,
  kind: row.kind,
  email: row.kind === 'person' ? row.email : null,
  name: row.name,
  role: row.role,
  customRoleId: row.custom_role_id,
  invitationId: row.status === 'pending' ? row.id : null,
  createdAt: row.created_at,
});
