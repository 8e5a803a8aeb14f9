import { controlRoutes as routes } from '@assay/contract';
import type { FastifyRequest } from 'fastify';
import type { Invitation, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { publicOrigin } from '../http/public-origin.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { encodeOrganization } from './organizations.ts';
import { pageLinks } from './page-links.ts';

type Operations = ReturnType<typeof tenancyOperations>;

/** Invitations: `data.invitation`, with `data.accept_url` where the link is shown. */
export function serveInvitations(surface: Surface, kit: HttpKit, of: Operations): void {
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.createInvitation, async ({ body }, call, { request }) => {
    const made = await run(of.createInvitation, call, {
      email: body.email,
      role: body.role,
      customRoleId: body.custom_role_id ?? null,
    });
    const data = { invitation: encodeInvitation(made.invitation), accept_url: acceptUrl(made, request, kit) };
    return envelope(call, { status: 201, data, links: { self: '/v1/invitations' } });
  });

  surface.serve(routes.listInvitations, async ({ query }, call) => {
    const { limit, cursor = null, status = null } = query;
    const page = await run(of.listInvitations, call, { limit, cursor, state: status });
    return envelope(call, {
      status: 200,
      data: { invitations: page.items.map(encodeInvitation) },
      links: pageLinks('/v1/invitations', query, page.nextCursor),
    });
  });

  surface.serve(routes.acceptInvitation, async ({ params, body }, call, { request }) => {
    const { name, password, token } = body;
    const accepted = await run(of.acceptInvitation, call, {
      id: params.id,
      token,
      account: name === undefined || password === undefined ? null : { name, password },
      client: request.headers['user-agent'] ?? '',
    });
    const { organization, member, signedIn } = accepted;
    return envelope(call, {
      status: 200,
      data: {
        organization: encodeOrganization(organization),
        user_id: member.userId,
        role: member.role,
        tokens: signedIn && {
          access_token: signedIn.accessToken,
          token_type: 'Bearer',
          expires_in: signedIn.expiresInSeconds,
          refresh_token: signedIn.refreshToken,
        },
      },
      links: { self: `/v1/organizations/${organization.id}` },
    });
  });

  surface.serve(routes.declineInvitation, async ({ params, body }, call) => {
    const invitation = await run(of.declineInvitation, call, { id: params.id, token: body.token });
    return envelope(call, {
      status: 200,
      data: { invitation: encodeInvitation(invitation) },
      links: { self: `/v1/invitations/${invitation.id}/decline` },
    });
  });

  surface.serve(routes.revokeInvitation, async ({ params }, call) => {
    const invitation = await run(of.revokeInvitation, call, params);
    return envelope(call, {
      status: 200,
      data: { invitation: encodeInvitation(invitation) },
      links: { self: `/v1/invitations/${invitation.id}/revoke` },
    });
  });
}

/** The link of a new invitation; null when a mail carries it. */
export function acceptUrl(
  { invitation, token }: { invitation: Invitation; token: string | null },
  request: FastifyRequest,
  { publicUrl }: HttpKit,
): string | null {
  return token === null ? null : `${publicOrigin(request, publicUrl)}/invitations/${invitation.id}?token=${token}`;
}

export const encodeInvitation = (invitation: Invitation) => ({
  id: invitation.id,
  organization_id: invitation.orgId,
  email: invitation.email,
  role: invitation.role,
  custom_role_id: invitation.customRoleId,
  status: invitation.state,
  invited_by: invitation.invitedBy,
  created_at: invitation.createdAt.toISOString(),
  expires_at: invitation.expiresAt.toISOString(),
  settled_at: invitation.settledAt?.toISOString() ?? null,
});
