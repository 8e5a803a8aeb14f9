import { isUuid, newId } from '../../../kernel/ids.ts';
import type { Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { memberErrors, teamErrors } from '../errors.ts';
import { afterOf, type ListRequest, toPage } from '../listing.ts';
import type { Wanted } from '../model.ts';
import type { TenancyServices } from '../ports.ts';
import type { Team, TeamMember, TeamOf, TeamRole } from './model.ts';
import * as store from './store.ts';

const orgOf = ({ by }: Context): string => String(by.orgId);
const targetOf = (id: string) => ({ type: 'team', id });
const detailOf = ({ name, description }: Team) => ({ name, description });

type TeamChange = { id: string; expected: Expected } & Wanted<{ name: string; description: string }>;
type Change = { before: Team; after: Team };
/** Who is in which team is remembered where calls are billed to teams. */
type TeamServices = Pick<TenancyServices, 'grantsChanged'>;

type Seat = { id: string; userId: string };

const createTeam = operation({
  name: 'tenancy.team.create',
  summary: 'Create a team. Who creates it maintains it.',
  scope: 'teams:write',
  effect: 'create',
  rate: 'control',
  audit: {
    action: 'team.created',
    target: (_input: { name: string; description: string }, team: Team) => targetOf(team.id),
    detail: (_input, team) => detailOf(team),
  },
  async run(context, input) {
    const { tx, by } = context;
    const team = await store.insertTeam(tx, orgOf(context), { ...input, id: newId() });
    context.emit({ type: 'team.created', subject: team.id, data: { name: team.name } });
    if (by.kind !== 'user') return team;
    await store.putTeamMember(tx, { orgId: orgOf(context), teamId: team.id, userId: by.id }, 'maintainer');
    return { ...team, members: 1 };
  },
});

const listTeams = operation({
  name: 'tenancy.team.list',
  summary: 'List the teams of the organization.',
  scope: 'teams:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, { limit, cursor }: ListRequest): Promise<Page<Team>> {
    const page = { limit: limit + 1, after: afterOf(cursor) };
    return toPage(await store.listTeams(context.tx, orgOf(context), page), limit);
  },
});

const getTeam = operation({
  name: 'tenancy.team.get',
  summary: 'Get a team and who is in it.',
  scope: 'teams:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, { id }: { id: string }): Promise<{ team: Team; members: TeamMember[] }> {
    const team = await store.getTeam(context.tx, orgOf(context), id);
    return { team, members: await store.listTeamMembers(context.tx, orgOf(context), id) };
  },
});

const changeTeam = operation({
  name: 'tenancy.team.update',
  summary: "Change a team's name or description.",
  scope: 'teams:write',
  effect: 'create',
  rate: 'control',
  audit: {
    action: 'team.updated',
    target: ({ id }: TeamChange, _change: Change) => targetOf(id),
    detail: (_input, { before, after }) => ({ before: detailOf(before), after: detailOf(after) }),
  },
  async run(context, { id, expected, ...wanted }): Promise<Change> {
    const before = await store.lockTeam(context.tx, orgOf(context), id);
    assertExpected(expected, before.version);
    const after = await store.updateTeam(context.tx, orgOf(context), {
      id,
      name: wanted.name ?? before.name,
      description: wanted.description ?? before.description,
    });
    context.emit({ type: 'team.updated', subject: id, data: { name: after.name } });
    return { before, after };
  },
});

const deleteTeam = ({ grantsChanged }: TeamServices) =>
  operation({
    name: 'tenancy.team.delete',
    summary: 'Delete a team. Its members stay in the organization.',
    scope: 'teams:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'team.deleted',
      target: ({ id }: { id: string; expected: Expected }, _team: Team) => targetOf(id),
      detail: (_input, team) => detailOf(team),
    },
    async run(context, { id, expected }) {
      const team = await store.lockTeam(context.tx, orgOf(context), id);
      assertExpected(expected, team.version);
      await store.deleteTeam(context.tx, orgOf(context), id);
      grantsChanged(context.tx);
      context.emit({ type: 'team.deleted', subject: id, data: { name: team.name } });
      return team;
    },
  });

const putTeamMember = ({ grantsChanged }: TeamServices) =>
  operation({
    name: 'tenancy.team_member.put',
    summary: 'Put a member of the organization into a team, or give them another role in it; for its maintainers too.',
    scope: 'teams:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'team.member_added',
      target: ({ id }: Seat & { role: TeamRole }, _member: TeamMember) => targetOf(id),
      detail: ({ userId, role }) => ({ user_id: userId, role }),
    },
    async run(context, { id, userId, role }) {
      const { tx } = context;
      const seat = { orgId: orgOf(context), teamId: id, userId };
      await lockMaintained(context, id);
      if (!isUuid(userId)) throw noSuchMember();
      await store.putTeamMember(tx, seat, role);
      grantsChanged(tx);
      context.emit({ type: 'team.member_added', subject: id, data: { user_id: userId, role } });
      const member = (await store.listTeamMembers(tx, seat.orgId, id)).find((each) => each.userId === userId);
      if (!member) throw noSuchMember();
      return member;
    },
  });

const removeTeamMember = ({ grantsChanged }: TeamServices) =>
  operation({
    name: 'tenancy.team_member.delete',
    summary: 'Take somebody out of a team; for its maintainers too.',
    scope: 'teams:write',
    narrows: true,
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'team.member_removed',
      target: ({ id }: Seat, _output: Team) => targetOf(id),
      detail: ({ userId }) => ({ user_id: userId }),
    },
    async run(context, { id, userId }) {
      const { tx } = context;
      await lockMaintained(context, id);
      const seat = { orgId: orgOf(context), teamId: id, userId };
      if (!isUuid(userId) || !(await store.deleteTeamMember(tx, seat))) {
        throw memberErrors.not_found('There is no member with this id in the team.');
      }
      grantsChanged(tx);
      context.emit({ type: 'team.member_removed', subject: id, data: { user_id: userId } });
      return store.getTeam(tx, orgOf(context), id);
    },
  });

const listMyTeams = operation({
  name: 'tenancy.team.list_mine',
  summary: 'List the teams that you are in, over all your organizations.',
  scope: 'authenticated',
  effect: 'read',
  rate: 'control',
  audit: null,
  transaction: 'system',
  async run({ tx, by }, { limit, cursor }: ListRequest): Promise<Page<TeamOf>> {
    if (by.userId === null) return { items: [], nextCursor: null };
    // A key reaches into one organization, whatever else its maker belongs to.
    const of = { userId: by.userId, onlyOrgId: by.kind === 'api_key' ? by.orgId : null };
    return toPage(await store.listTeamsOf(tx, of, { limit: limit + 1, after: afterOf(cursor) }), limit);
  },
});

/**
 * Locks a team whose members the caller may change: any with the scope itself, the ones that they maintain with
 * `teams:write:own`. That one comes with being a maintainer, so only in person.
 */
async function lockMaintained(context: Context, id: string): Promise<void> {
  const { tx, by, ownOnly } = context;
  await store.lockTeam(tx, orgOf(context), id);
  if (!ownOnly) return;
  const role =
    by.userId === null ? null : await store.teamRoleOf(tx, { orgId: orgOf(context), teamId: id, userId: by.userId });
  if (role !== 'maintainer') {
    throw teamErrors.not_maintainer('You do not maintain this team. Ask one of its maintainers, or an admin.');
  }
}

const noSuchMember = (): Error => memberErrors.not_found('There is no member with this id in the organization.');

export const teamOperations = (services: TeamServices) =>
  ({
    createTeam,
    listTeams,
    getTeam,
    changeTeam,
    deleteTeam: deleteTeam(services),
    putTeamMember: putTeamMember(services),
    removeTeamMember: removeTeamMember(services),
    listMyTeams,
  }) satisfies Record<string, AnyOperation>;
