import { isUuid } from '../../../kernel/ids.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { teamErrors } from '../errors.ts';
import { type After, behind, type Listed, microsOf } from '../listing.ts';
import type { Team, TeamMember, TeamOf, TeamRole } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  description: string;
  version: number;
  members: number;
  created_at: Date;
  updated_at: Date;
};
const COLUMNS = `t.org_id, t.id, t.name, t.description, t.version, t.created_at, t.updated_at,
     (select count(*)::integer from team_members n where n.org_id = t.org_id and n.team_id = t.id) as members`;

const insert = statement<Row>(
  'teams.insert',
  `insert into teams as t (org_id, id, name, description) values ($1, $2, $3, $4) returning ${COLUMNS}`,
);
const byId = statement<Row>('teams.by_id', `select ${COLUMNS} from teams t where t.org_id = $1 and t.id = $2`);
const lock = statement<Row>(
  'teams.lock',
  `select ${COLUMNS} from teams t where t.org_id = $1 and t.id = $2 for no key update`,
);
const list = statement<Row & { micros: string }>(
  'teams.list',
  `select ${COLUMNS}, ${microsOf('t.created_at')} from teams t
   where t.org_id = $1 and ${behind('t.created_at', 't.id', 3)}
   order by t.created_at desc, t.id desc limit $2`,
);
const listOfUser = statement<Row & { role: TeamRole; micros: string }>(
  'teams.list_of_user',
  `select ${COLUMNS}, m.role, ${microsOf('t.created_at')} from team_members m
   join teams t on t.org_id = m.org_id and t.id = m.team_id
   join organizations o on o.id = t.org_id
   where m.user_id = $1 and ($2::uuid is null or m.org_id = $2) and o.deleted_at is null
     and ${behind('t.created_at', 't.id', 4)}
   order by t.created_at desc, t.id desc limit $3`,
);
const update = statement<Row>(
  'teams.update',
  `update teams t set name = $3, description = $4, version = version + 1, updated_at = now()
   where t.org_id = $1 and t.id = $2 returning ${COLUMNS}`,
);
const remove = statement('teams.delete', 'delete from teams where org_id = $1 and id = $2');
const members = statement<{
  user_id: string;
  name: string;
  email: string;
  kind: string;
  role: TeamRole;
  created_at: Date;
}>(
  'teams.members',
  `select m.user_id, u.name, u.email, u.kind, m.role, m.created_at from team_members m join users u on u.id = m.user_id
   where m.org_id = $1 and m.team_id = $2 order by m.created_at, m.user_id limit 1000`,
);
const putMember = statement<{ is_new: boolean }>(
  'teams.put_member',
  `insert into team_members as m (org_id, team_id, user_id, role) values ($1, $2, $3, $4)
   on conflict on constraint team_members__pk do update set role = excluded.role returning m.xmax = 0 as is_new`,
);
const removeMemberRow = statement<{ user_id: string }>(
  'teams.remove_member',
  'delete from team_members where org_id = $1 and team_id = $2 and user_id = $3 returning user_id',
);
const roleOf = statement<{ role: TeamRole }>(
  'teams.role_of',
  'select role from team_members where org_id = $1 and team_id = $2 and user_id = $3',
);

type TeamText = { id: string; name: string; description: string };

export async function insertTeam(tx: Tx, orgId: string, team: TeamText): Promise<Team> {
  return toTeam((await tx.query(insert, [orgId, team.id, team.name, team.description]))[0] as Row);
}

/** @throws AppError `not_found` */
export async function getTeam(tx: Tx, orgId: string, id: string): Promise<Team> {
  return found(isUuid(id) ? await tx.query(byId, [orgId, id]) : []);
}

/** Locks a team until the transaction ends. @throws AppError `not_found` */
export async function lockTeam(tx: Tx, orgId: string, id: string): Promise<Team> {
  return found(isUuid(id) ? await tx.query(lock, [orgId, id]) : []);
}

export async function listTeams(tx: Tx, orgId: string, page: { limit: number; after: After }): Promise<Listed<Team>[]> {
  const rows = await tx.query(list, [orgId, page.limit, ...page.after]);
  return rows.map((row) => ({ item: toTeam(row), micros: row.micros, id: row.id }));
}

/** The teams that somebody is in, over all organizations or in one. */
export async function listTeamsOf(
  tx: Tx,
  of: { userId: string; onlyOrgId: string | null },
  page: { limit: number; after: After },
): Promise<Listed<TeamOf>[]> {
  const rows = await tx.query(listOfUser, [of.userId, of.onlyOrgId, page.limit, ...page.after]);
  return rows.map((row) => ({ item: { team: toTeam(row), role: row.role }, micros: row.micros, id: row.id }));
}

export async function updateTeam(tx: Tx, orgId: string, team: TeamText): Promise<Team> {
  return toTeam((await tx.query(update, [orgId, team.id, team.name, team.description]))[0] as Row);
}

export async function deleteTeam(tx: Tx, orgId: string, id: string): Promise<void> {
  await tx.query(remove, [orgId, id]);
}

/** Who is in a team, longest first; no more than a thousand, which is past what a team is. */
export async function listTeamMembers(tx: Tx, orgId: string, id: string): Promise<TeamMember[]> {
  return (await tx.query(members, [orgId, id])).map((row) => ({
    userId: row.user_id,
    name: row.name,
    email: row.kind === 'person' ? row.email : null,
    role: row.role,
    createdAt: row.created_at,
  }));
}

type Seat = { orgId: string; teamId: string; userId: string };

/** Puts somebody into a team, or gives them another role in it; says whether they are new there. */
export async function putTeamMember(tx: Tx, { orgId, teamId, userId }: Seat, role: TeamRole): Promise<boolean> {
  return (await tx.query(putMember, [orgId, teamId, userId, role]))[0]?.is_new === true;
}

export async function deleteTeamMember(tx: Tx, { orgId, teamId, userId }: Seat): Promise<boolean> {
  return (await tx.query(removeMemberRow, [orgId, teamId, userId])).length > 0;
}

export async function teamRoleOf(tx: Tx, { orgId, teamId, userId }: Seat): Promise<TeamRole | null> {
  return (await tx.query(roleOf, [orgId, teamId, userId]))[0]?.role ?? null;
}

function found([row]: Row[]): Team {
  if (!row) throw teamErrors.not_found('There is no team with this id.');
  return toTeam(row);
}

const toTeam = (row: Row): Team => ({
  id: row.id,
  orgId: row.org_id,
  name: row.name,
  description: row.description,
  members: row.members,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
