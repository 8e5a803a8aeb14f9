import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { Invitation } from './invitation.ts';
import { MemberRole, RoleName } from './member-role.ts';
import { PageQuery } from './page.ts';

const Member = z
  .object({
    user_id: z.uuid(),
    kind: z.enum(['person', 'service']),
    email: z.string().nullable(),
    name: z.string(),
    role: MemberRole,
    custom_role: z
      .object({ id: z.uuid(), name: z.string() })
      .nullable()
      .meta({ description: 'Its scopes are held instead of those of the role.' }),
    created_at: z.iso.datetime(),
    disabled_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Member' });

/** Somebody who is in, or who was asked in and has not answered. */
const Membership = z
  .object({
    status: z.enum(['active', 'pending']),
    user_id: z.uuid().nullable(),
    kind: z.enum(['person', 'service']),
    email: z.string().nullable(),
    name: z.string().nullable(),
    role: MemberRole,
    custom_role_id: z.uuid().nullable(),
    invitation_id: z.uuid().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Membership' });

const NewMembership = z
  .strictObject({
    email: z.email().max(254).optional().meta({ description: 'Invites whoever reads this address.' }),
    user_id: z
      .uuid()
      .optional()
      .meta({ description: 'Adds a person without asking them; for administrators of the installation.' }),
    role: RoleName,
    custom_role_id: z.uuid().nullable().optional(),
  })
  .refine(({ email, user_id }) => (email === undefined) !== (user_id === undefined), {
    message: 'give `email` or `user_id`, one of the two',
    path: ['email'],
  })
  .meta({ id: 'NewMembership' });

const MembershipChange = z
  .strictObject({ role: RoleName.optional(), custom_role_id: z.uuid().nullable().optional() })
  .refine((body) => Object.keys(body).length > 0, { message: 'give `role` or `custom_role_id`', path: ['role'] });

const organization = z.object({ id: z.string().max(64) });
const params = organization.extend({ user_id: z.string().max(64) });
const one = enveloped(z.object({ member: Member }));

/** Who is in an organization, and as what. */
export const memberRoutes = {
  listMembers: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/members',
    operation: 'tenancy.member.list',
    organization: 'id',
    summary: 'List members',
    params: organization,
    query: PageQuery,
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ members: z.array(Member) })) },
    },
  }),
  listMemberships: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/memberships',
    operation: 'tenancy.membership.list',
    organization: 'id',
    summary: 'List memberships, with pending invitations',
    params: organization,
    query: PageQuery,
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ memberships: z.array(Membership) })) },
    },
  }),
  addMembership: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/organizations/{id}/memberships',
    operation: 'tenancy.membership.create',
    organization: 'id',
    summary: 'Invite somebody by e-mail, or add a person',
    params: organization,
    body: NewMembership,
    answers: {
      201: {
        description: 'The membership; of one that is pending the invitation, with its link unless a mail carries it.',
        schema: enveloped(
          z.object({ membership: Membership, invitation: Invitation.nullable(), accept_url: z.string().nullable() }),
        ),
      },
    },
  }),
  changeMember: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/organizations/{id}/memberships/{user_id}',
    operation: 'tenancy.membership.update',
    organization: 'id',
    summary: "Change a member's role (`If-Match` holds it to a version)",
    params,
    body: MembershipChange,
    answers: { 200: { description: 'The member.', schema: one } },
  }),
  leaveOrganization: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/memberships/me',
    operation: 'tenancy.membership.leave',
    organization: 'id',
    summary: 'Leave the organization',
    params: organization,
    answers: { 200: { description: 'Who left.', schema: one } },
  }),
  removeMember: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/memberships/{user_id}',
    operation: 'tenancy.membership.delete',
    organization: 'id',
    summary: 'Take a member out',
    params,
    answers: { 200: { description: 'Who was taken out.', schema: one } },
  }),
};
