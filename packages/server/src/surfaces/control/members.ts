import { controlRoutes as routes } from '@assay/contract';
import type { Invitation, Member, MembershipLine, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { acceptUrl, encodeInvitation } from './invitations.ts';
import { pageLinks } from './page-links.ts';

type Operations = ReturnType<typeof tenancyOperations>;
type Raw = Parameters<Handler<typeof routes.changeMember>>[2];

/** Who is in an organization: `data.member`, and `data.memberships` with those who are asked in. */
export function serveMembers(surface: Surface, kit: HttpKit, of: Operations): void {
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.listMembers, async ({ params, query }, call) => {
    const page = await run(of.listMembers, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { members: page.items.map(encodeMember) },
      links: pageLinks(`/v1/organizations/${params.id}/members`, query, page.nextCursor),
    });
  });

  surface.serve(routes.listMemberships, async ({ params, query }, call) => {
    const page = await run(of.listMemberships, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { memberships: page.items.map(encodeLine) },
      links: pageLinks(`/v1/organizations/${params.id}/memberships`, query, page.nextCursor),
    });
  });

  surface.serve(routes.addMembership, async ({ params, body }, call, { request }) => {
    const grant = { role: body.role, customRoleId: body.custom_role_id ?? null };
    const links = { self: `/v1/organizations/${params.id}/memberships` };
    if (body.user_id !== undefined) {
      const member = await run(of.addMember, call, { userId: body.user_id, ...grant });
      const data = { membership: encodeLine(lineOfMember(member)), invitation: null, accept_url: null };
      return envelope(call, { status: 201, data, links });
    }
    const made = await run(of.createInvitation, call, { email: body.email ?? '', ...grant });
    const data = {
      membership: encodeLine(lineOfInvitation(made.invitation)),
      invitation: encodeInvitation(made.invitation),
      accept_url: acceptUrl(made, request, kit),
    };
    return envelope(call, { status: 201, data, links });
  });

  surface.serve(routes.changeMember, async ({ params, body }, call, raw) => {
    const { after } = await run(of.changeMember, call, {
      userId: params.user_id,
      expected: expectedVersions(raw.request.headers),
      role: body.role,
      customRoleId: body.custom_role_id,
    });
    return answerWith(call, raw, after);
  });

  surface.serve(routes.leaveOrganization, async (_decoded, call, raw) =>
    answerWith(call, raw, await run(of.leaveOrganization, call, undefined)),
  );

  surface.serve(routes.removeMember, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.removeMember, call, { userId: params.user_id })),
  );
}

function answerWith(call: Call, { request, reply }: Raw, member: Member) {
  reply.header('etag', etagOf(member.version));
  const self = request.url.split('?', 1)[0] ?? '';
  return envelope(call, { status: 200, data: { member: encodeMember(member) }, links: { self } });
}

const encodeMember = (member: Member) => ({
  user_id: member.userId,
  kind: member.kind,
  email: member.email,
  name: member.name,
  role: member.role,
  custom_role: member.customRole === null ? null : { id: member.customRole.id, name: member.customRole.name },
  created_at: member.createdAt.toISOString(),
  disabled_at: member.disabledAt?.toISOString() ?? null,
});

const encodeLine = (line: MembershipLine) => ({
  status: line.status,
  user_id: line.userId,
  kind: line.kind,
  email: line.email,
  name: line.name,
  role: line.role,
  custom_role_id: line.customRoleId,
  invitation_id: line.invitationId,
  created_at: line.createdAt.toISOString(),
});

const lineOfMember = (member: Member): MembershipLine => ({
  ...member,
  status: 'active',
  customRoleId: member.customRole?.id ?? null,
  invitationId: null,
});

const lineOfInvitation = (invitation: Invitation): MembershipLine => ({
  ...invitation,
  status: 'pending',
  userId: null,
  kind: 'person',
  name: null,
  invitationId: invitation.id,
});
