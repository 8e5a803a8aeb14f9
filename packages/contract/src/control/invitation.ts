import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { MemberRole, RoleName } from './member-role.ts';
import { Organization } from './organization.ts';
import { PageQuery } from './page.ts';

const STATES = ['pending', 'accepted', 'declined', 'revoked', 'expired'] as const;

export const Invitation = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    email: z.string(),
    role: MemberRole,
    custom_role_id: z.uuid().nullable(),
    status: z.enum(STATES),
    invited_by: z.object({ kind: z.string(), id: z.string() }),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    settled_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Invitation' });

const NewInvitation = z
  .strictObject({ email: z.email().max(254), role: RoleName, custom_role_id: z.uuid().nullable().optional() })
  .meta({ id: 'NewInvitation' });

const token = z.string().max(100).meta({ description: 'The `token` of the link.' });
const InvitationAcceptance = z
  .strictObject({
    token,
    name: z.string().trim().min(1).max(100).optional().meta({ description: 'With `password`: makes an account.' }),
    password: z.string().min(1).max(1024).optional(),
  })
  .refine(({ name, password }) => (name === undefined) === (password === undefined), {
    message: 'give `name` and `password`, or neither',
    path: ['password'],
  })
  .meta({ id: 'InvitationAcceptance' });

/** What a new account is signed in with. */
const Tokens = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  refresh_token: z.string(),
});

const params = z.object({ id: z.string().max(64) });
const one = enveloped(z.object({ invitation: Invitation }));

/** Invitations: asking somebody into an organization. */
export const invitationRoutes = {
  createInvitation: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/invitations',
    operation: 'tenancy.invitation.create',
    summary: 'Invite somebody by e-mail address',
    body: NewInvitation,
    answers: {
      201: {
        description: 'The invitation. `accept_url` is shown here and never again; null when a mail carries it.',
        schema: enveloped(z.object({ invitation: Invitation, accept_url: z.string().nullable() })),
      },
    },
  }),
  listInvitations: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/invitations',
    operation: 'tenancy.invitation.list',
    summary: 'List invitations',
    query: PageQuery.extend({ status: z.enum(STATES).optional() }),
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ invitations: z.array(Invitation) })) },
    },
  }),
  acceptInvitation: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/invitations/{id}/accept',
    operation: 'tenancy.invitation.accept',
    summary: 'Accept, signed in with the invited address, or by making an account',
    params,
    body: InvitationAcceptance,
    isPublic: true,
    answers: {
      200: {
        description: 'Where one is a member now; `tokens` of an account that was made.',
        schema: enveloped(
          z.object({ organization: Organization, user_id: z.uuid(), role: MemberRole, tokens: Tokens.nullable() }),
        ),
      },
    },
  }),
  declineInvitation: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/invitations/{id}/decline',
    operation: 'tenancy.invitation.decline',
    summary: 'Decline an invitation',
    params,
    body: z.strictObject({ token }),
    isPublic: true,
    answers: { 200: { description: 'The invitation.', schema: one } },
  }),
  revokeInvitation: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/invitations/{id}/revoke',
    operation: 'tenancy.invitation.revoke',
    summary: 'Take back an invitation',
    params,
    answers: { 200: { description: 'The invitation.', schema: one } },
  }),
};
