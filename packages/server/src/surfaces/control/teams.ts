import { controlRoutes as routes } from '@assay/contract';
import type { Team, TeamMember, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Operations = ReturnType<typeof tenancyOperations>;
type Raw = Parameters<Handler<typeof routes.getTeam>>[2];

/** Teams: `data.team`, with `data.members` where one is shown whole. */
export function serveTeams(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.listTeams, async ({ params, query }, call) => {
    const page = await run(of.listTeams, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { teams: page.items.map(encodeTeam) },
      links: pageLinks(`/v1/organizations/${params.id}/teams`, query, page.nextCursor),
    });
  });

  surface.serve(routes.listMyTeams, async ({ query }, call) => {
    const page = await run(of.listMyTeams, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { teams: page.items.map(({ team, role }) => ({ ...encodeTeam(team), role })) },
      links: pageLinks('/v1/me/teams', query, page.nextCursor),
    });
  });

  surface.serve(routes.createTeam, async ({ body }, call, raw) => {
    const team = await run(of.createTeam, call, body);
    return answerWith(call, raw, team, { status: 201 });
  });

  surface.serve(routes.getTeam, async ({ params }, call, raw) => {
    const { team, members } = await run(of.getTeam, call, params);
    return answerWith(call, raw, team, { more: { members: members.map(encodeTeamMember) } });
  });

  surface.serve(routes.changeTeam, async ({ params, body }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    const { after } = await run(of.changeTeam, call, { ...params, ...body, expected });
    return answerWith(call, raw, after);
  });

  surface.serve(routes.deleteTeam, async ({ params }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    return answerWith(call, raw, await run(of.deleteTeam, call, { ...params, expected }));
  });

  surface.serve(routes.putTeamMember, async ({ params, body }, call) => {
    const member = await run(of.putTeamMember, call, { id: params.id, userId: params.user_id, role: body.role });
    return envelope(call, {
      status: 200,
      data: { member: encodeTeamMember(member) },
      links: { self: `/v1/teams/${params.id}` },
    });
  });

  surface.serve(routes.removeTeamMember, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.removeTeamMember, call, { id: params.id, userId: params.user_id })),
  );
}

function answerWith(
  call: Call,
  { reply }: Raw,
  team: Team,
  { status = 200, more = {} }: { status?: number; more?: object } = {},
) {
  reply.header('etag', etagOf(team.version));
  const links = { self: `/v1/teams/${team.id}` };
  return envelope(call, { status, data: { team: encodeTeam(team), ...more }, links });
}

const encodeTeam = (team: Team) => ({
  id: team.id,
  organization_id: team.orgId,
  name: team.name,
  description: team.description,
  member_count: team.members,
  created_at: team.createdAt.toISOString(),
  updated_at: team.updatedAt.toISOString(),
});

const encodeTeamMember = (member: TeamMember) => ({
  user_id: member.userId,
  name: member.name,
  email: member.email,
  role: member.role,
  created_at: member.createdAt.toISOString(),
});
