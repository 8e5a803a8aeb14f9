import { newId } from '../../../kernel/ids.ts';
import type { Page } from '../../../kernel/page.ts';
import type { MemberRole } from '../../../kernel/principal.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { invitationErrors, memberErrors } from '../errors.ts';
import { afterOf, type ListRequest, toPage } from '../listing.ts';
import { scopesOfGrant, standingOf } from '../members/standing.ts';
import { findMemberByEmail } from '../members/store.ts';
import { lockOrganization } from '../organizations/store.ts';
import { assertMayGrant } from '../policy.ts';
import type { TenancyServices } from '../ports.ts';
import { assertAnswerable } from './answerable.ts';
import { acceptInvitation, declineInvitation, viewInvitation } from './answers.ts';
import { invitationMail } from './invitation-mail.ts';
import { INVITATION_DAYS, type Invitation, type InvitationState, newInvitationToken } from './model.ts';
import * as store from './store.ts';

const orgOf = ({ by }: Context): string => String(by.orgId);
const targetOf = (id: string) => ({ type: 'invitation', id });

export type InvitationRequest = { email: string; role: MemberRole; customRoleId: string | null };
/** `token` is null when a mail carries it: then only whoever reads that mailbox has it. */
export type MadeInvitation = { invitation: Invitation; token: string | null };

const createInvitation = ({ scopes, mailer, linkTo }: TenancyServices) =>
  operation({
    name: 'tenancy.invitation.create',
    summary: 'Invite somebody by e-mail address, with a role no higher than your own.',
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'invitation.created',
      target: (_input: InvitationRequest, { invitation }: MadeInvitation) => targetOf(invitation.id),
      detail: (_input, { invitation }) => ({ role: invitation.role, custom_role_id: invitation.customRoleId }),
      personal: (_input, { invitation }) => ({ email: invitation.email }),
    },
    async run(context, input): Promise<MadeInvitation> {
      const { tx, by } = context;
      const email = input.email.toLowerCase();
      const organization = await lockOrganization(tx, orgOf(context));
      const granted = await scopesOfGrant(tx, orgOf(context), input, scopes);
      assertMayGrant(await standingOf(tx, by, scopes), input.role, granted);
      if (await findMemberByEmail(tx, orgOf(context), email)) {
        throw memberErrors.exists('Somebody with this address is a member already. Change the role instead.');
      }
      if (await store.isInvited(tx, orgOf(context), email)) {
        throw invitationErrors.pending(
          'This address has a pending invitation. Revoke it first, or wait for the answer.',
        );
      }
      const token = newInvitationToken();
      const invitation = await store.insertInvitation(tx, {
        ...input,
        email,
        orgId: orgOf(context),
        id: newId(),
        invitedBy: { kind: by.kind, id: by.id },
        token,
      });
      const link = linkTo(`/invitations/${invitation.id}?token=${token}`);
      mailer.send(tx, invitationMail({ to: email, organization: organization.name, link, days: INVITATION_DAYS }));
      context.emit({ type: 'invitation.created', subject: invitation.id, data: { role: invitation.role } });
      return { invitation, token: mailer.isConfigured ? null : token };
    },
  });

const listInvitations = operation({
  name: 'tenancy.invitation.list',
  summary: 'List invitations and how they were answered.',
  scope: 'members:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, input: ListRequest & { state: InvitationState | null }): Promise<Page<Invitation>> {
    const page = { limit: input.limit + 1, after: afterOf(input.cursor) };
    const of = { orgId: orgOf(context), state: input.state };
    return toPage(await store.listInvitations(context.tx, of, page), input.limit);
  },
});

const revokeInvitation = operation({
  name: 'tenancy.invitation.revoke',
  summary: 'Take back an invitation that has not been answered.',
  scope: 'members:write',
  effect: 'wind_down',
  rate: 'control',
  audit: {
    action: 'invitation.revoked',
    target: ({ id }: { id: string }, _invitation: Invitation) => targetOf(id),
  },
  async run(context, { id }) {
    const { tx } = context;
    await lockOrganization(tx, orgOf(context));
    const invitation = await store.findInvitation(tx, orgOf(context), id);
    if (!invitation) throw invitationErrors.not_found('There is no invitation with this id.');
    assertAnswerable(invitation);
    context.emit({ type: 'invitation.revoked', subject: id, data: {} });
    return store.settleInvitation(tx, invitation, 'revoked');
  },
});

export const invitationOperations = (services: TenancyServices) =>
  ({
    createInvitation: createInvitation(services),
    listInvitations,
    revokeInvitation,
    viewInvitation: viewInvitation(services),
    acceptInvitation: acceptInvitation(services),
    declineInvitation: declineInvitation(services),
  }) satisfies Record<string, AnyOperation>;
