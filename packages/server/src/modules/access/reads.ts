import type { MemberRole } from '../../kernel/principal.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Owner } from './resources.ts';

type StandingRow = { role: MemberRole; custom_role: string | null };
type TeamRow = { team_id: string; team: string; role: 'maintainer' | 'member' };

const standing = statement<StandingRow>(
  'access.standing',
  `select m.role, c.name as custom_role from memberships m
   left join custom_roles c on c.org_id = m.org_id and c.id = m.custom_role_id
   where m.org_id = $1 and m.user_id = $2`,
);
const teams = statement<TeamRow>(
  'access.teams',
  `select t.id as team_id, t.name as team, m.role from team_members m
   join teams t on t.org_id = m.org_id and t.id = m.team_id
   where m.org_id = $1 and m.user_id = $2 order by t.name limit 1000`,
);
const members = statement<{ id: string }>(
  'access.members_of',
  'select user_id as id from memberships where org_id = $1 and user_id = any($2::uuid[])',
);
const teamsOf = statement<{ id: string }>(
  'access.teams_of',
  'select id from teams where org_id = $1 and id = any($2::uuid[])',
);
const invitations = statement<{ id: string }>(
  'access.invitations_of',
  'select id from invitations where org_id = $1 and id = any($2::uuid[])',
);
const customRoles = statement<{ id: string }>(
  'access.custom_roles_of',
  'select id from custom_roles where org_id = $1 and id = any($2::uuid[])',
);

/** How a person stands in an organization: the role, the custom role that takes its place, and the teams. */
export type PersonStanding = { role: MemberRole; customRole: string | null; teams: readonly TeamRole[] };
export type TeamRole = { teamId: string; team: string; role: 'maintainer' | 'member' };

export async function findPersonStanding(tx: Tx, orgId: string, userId: string): Promise<PersonStanding | null> {
  const [member] = await tx.query(standing, [orgId, userId]);
  if (!member) return null;
  const rows = await tx.query(teams, [orgId, userId]);
  return {
    role: member.role,
    customRole: member.custom_role,
    teams: rows.map(({ team_id, team, role }) => ({ teamId: team_id, team, role })),
  };
}

const TABLES = { members, teams: teamsOf, invitations, customRoles };

/** Which of these rows of tenancy an organization has. Nobody owns them. */
export async function findTenancyRows(
  tx: Tx,
  { orgId, kind, ids }: { orgId: string; kind: keyof typeof TABLES; ids: readonly string[] },
): Promise<Map<string, Owner>> {
  return new Map((await tx.query(TABLES[kind], [orgId, ids])).map(({ id }) => [id, null]));
}
