import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const TeamRole = z.enum(['maintainer', 'member']);

const Team = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    name: z.string(),
    description: z.string(),
    member_count: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Team' });

const TeamMember = z
  .object({
    user_id: z.uuid(),
    name: z.string(),
    email: z.string().nullable(),
    role: TeamRole,
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'TeamMember' });

const name = z.string().trim().min(1).max(100);
const description = z.string().max(1000);
const NewTeam = z.strictObject({ name, description: description.default('') }).meta({ id: 'NewTeam' });

const params = z.object({ id: z.string().max(64) });
const seat = params.extend({ user_id: z.string().max(64) });
const one = enveloped(z.object({ team: Team }));
const many = enveloped(z.object({ teams: z.array(Team) }));

/** Teams: groups of members of an organization. */
export const teamRoutes = {
  listTeams: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/teams',
    operation: 'tenancy.team.list',
    organization: 'id',
    summary: 'List teams',
    params,
    team: 'id',
    query: PageQuery,
    answers: { 200: { description: 'A page, newest first.', schema: many } },
  }),
  listMyTeams: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/teams',
    operation: 'tenancy.team.list_mine',
    summary: 'List the teams that you are in',
    query: PageQuery,
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ teams: z.array(Team.extend({ role: TeamRole })) })),
      },
    },
  }),
  createTeam: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/teams',
    operation: 'tenancy.team.create',
    summary: 'Create a team',
    body: NewTeam,
    answers: { 201: { description: 'The team.', schema: one } },
  }),
  getTeam: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/teams/{id}',
    operation: 'tenancy.team.get',
    summary: 'Get a team and its members',
    params,
    team: 'id',
    answers: {
      200: {
        description: 'The team, with its `ETag`.',
        schema: enveloped(z.object({ team: Team, members: z.array(TeamMember) })),
      },
    },
  }),
  changeTeam: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/teams/{id}',
    operation: 'tenancy.team.update',
    summary: 'Change a team (`If-Match` holds it to a version)',
    params,
    team: 'id',
    body: z.strictObject({ name: name.optional(), description: description.optional() }),
    answers: { 200: { description: 'The team.', schema: one } },
  }),
  deleteTeam: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/teams/{id}',
    operation: 'tenancy.team.delete',
    summary: 'Delete a team',
    params,
    team: 'id',
    answers: { 200: { description: 'The deleted team.', schema: one } },
  }),
  putTeamMember: route({
    surface: 'control',
    method: 'PUT',
    path: '/v1/teams/{id}/members/{user_id}',
    operation: 'tenancy.team_member.put',
    summary: 'Put a member into a team, or change their role in it',
    params: seat,
    team: 'id',
    body: z.strictObject({ role: TeamRole.default('member') }),
    answers: { 200: { description: 'The member.', schema: enveloped(z.object({ member: TeamMember })) } },
  }),
  removeTeamMember: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/teams/{id}/members/{user_id}',
    operation: 'tenancy.team_member.delete',
    summary: 'Take somebody out of a team',
    params: seat,
    team: 'id',
    answers: { 200: { description: 'The team.', schema: one } },
  }),
};
