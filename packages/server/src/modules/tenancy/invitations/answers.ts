import { newId } from '../../../kernel/ids.ts';
import type { Principal } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type Call, type Context, operation } from '../../../platform/operation.ts';
import { invitationErrors, memberErrors, organizationErrors } from '../errors.ts';
import type { Member } from '../members/model.ts';
import { findMember, insertMembership } from '../members/store.ts';
import { isPaying, type Organization } from '../model.ts';
import { findOrganization, lockOrganization } from '../organizations/store.ts';
import { insertPerson } from '../people/store.ts';
import type { SignedIn, TenancyServices } from '../ports.ts';
import { findUserByEmail, findUserById } from '../reads.ts';
import { assertAnswerable } from './answerable.ts';
import type { Invitation } from './model.ts';
import { findByToken, settleInvitation } from './store.ts';

/** What somebody brings who has no account yet. */
export type NewAccount = { name: string; password: string };
export type Acceptance = { id: string; token: string; account: NewAccount | null; client: string };
/** `signedIn` of somebody whose account was made by accepting. */
export type Accepted = { organization: Organization; member: Member; signedIn: SignedIn | null };

const target = ({ id }: Invitation) => ({ type: 'invitation', id });

/**
 * Accepting joins the organization, once. The token proves that the mail was read; a signed-in person must also have
 * the invited address, so that a forwarded link lets nobody else in.
 */
export const acceptInvitation = (services: TenancyServices) =>
  operation({
    name: 'tenancy.invitation.accept',
    summary: 'Accept an invitation: as the person with its address, or by making an account with it.',
    scope: 'public',
    effect: 'create',
    rate: 'login',
    audit: 'own',
    // The password is hashed between two transactions: it takes longer than a connection may be held.
    transaction: 'none',
    async run(context, input: Acceptance): Promise<Accepted> {
      const { systemStatements, systemTransaction, accounts } = services;
      const { email } = await systemStatements((tx) => answerable(tx, input));
      const account = newAccountOf(context.by, input);
      const passwordHash =
        account === null ? null : await accounts.hashPassword(account.password, { email, name: account.name });
      return systemTransaction(async (tx) => {
        const organization = await lockOrganization(tx, (await answerable(tx, input)).orgId);
        if (!isPaying(organization, new Date())) {
          throw organizationErrors.not_paying(
            `The organization's billing is ${organization.posture}: nobody joins it now. Ask its owner.`,
          );
        }
        // Again, behind the lock: of two answers at once, one is the second.
        const invitation = await answerable(tx, input);
        const userId =
          account === null || passwordHash === null
            ? await personOf(tx, context.by, invitation)
            : await makePerson(tx, { email: invitation.email, name: account.name, passwordHash });
        const member = await join(tx, { context, invitation, userId }, services);
        const client = { userId, orgId: organization.id, client: input.client, call: context.call };
        return { organization, member, signedIn: account === null ? null : await accounts.signIn(tx, client) };
      });
    },
  });

/** What whoever has the token is shown. `hasAccount` says whether the address can sign in already. */
export type InvitationView = Pick<Invitation, 'id' | 'email' | 'role' | 'expiresAt'> & {
  organizationName: string;
  hasAccount: boolean;
};

export const viewInvitation = ({ systemStatements }: TenancyServices) =>
  operation({
    name: 'tenancy.invitation.view',
    summary: 'See what an invitation is for, with its token.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: null,
    transaction: 'none',
    run: (_context, input: Pick<Acceptance, 'id' | 'token'>): Promise<InvitationView> =>
      systemStatements(async (tx) => {
        const { id, orgId, email, role, expiresAt } = await answerable(tx, input);
        const organization = await findOrganization(tx, orgId);
        if (!organization) throw noSuchInvitation();
        const hasAccount = (await findUserByEmail(tx, email)) !== null;
        return { id, email, role, expiresAt, organizationName: organization.name, hasAccount };
      }),
  });

export const declineInvitation = (services: TenancyServices) =>
  operation({
    name: 'tenancy.invitation.decline',
    summary: 'Decline an invitation, with its token.',
    scope: 'public',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'system',
    async run({ tx, call }, input: Pick<Acceptance, 'id' | 'token'>): Promise<Invitation> {
      const { orgId } = await answerable(tx, input);
      await lockOrganization(tx, orgId);
      const invitation = await settleInvitation(tx, await answerable(tx, input), 'declined');
      record(tx, { services, call, invitation }, 'invitation.declined');
      return invitation;
    },
  });

/**
 * The invitation of this id and token, if it can still be answered. A wrong token looks like an unknown id.
 * @throws AppError `not_found`, or `conflict` for one that is settled
 */
async function answerable(tx: Tx, { id, token }: Pick<Acceptance, 'id' | 'token'>): Promise<Invitation> {
  const invitation = await findByToken(tx, id, token);
  if (!invitation) throw noSuchInvitation();
  assertAnswerable(invitation);
  return invitation;
}

const noSuchInvitation = (): Error =>
  invitationErrors.not_found('There is no invitation with this id and token. Check the link.');

/** Who accepts: nobody yet, with an account to make; or somebody who has signed in. */
function newAccountOf(by: Principal, { account }: Acceptance): NewAccount | null {
  if (by.kind === 'user') {
    if (account === null) return null;
    throw invitationErrors.account_unneeded('You are signed in already. Leave out `name` and `password`.');
  }
  if (by.kind === 'api_key') throw memberErrors.people_only('A key cannot join for its person. Sign in to accept.');
  if (account !== null) return account;
  throw invitationErrors.account_needed(
    'Sign in as the invited person, or make an account by giving `name` and `password`.',
    {
      faults: [
        { field: 'name', constraint: 'required', message: 'Needed to make an account.' },
        { field: 'password', constraint: 'required', message: 'Needed to make an account.' },
      ],
    },
  );
}

async function personOf(tx: Tx, by: Principal, { email }: Invitation): Promise<string> {
  const person = await findUserById(tx, by.id);
  if (person?.email === email) return person.id;
  throw invitationErrors.other_address(
    'The invitation is for another e-mail address. Sign in as the invited person, or ask for an invitation of your own.',
  );
}

async function makePerson(tx: Tx, of: { email: string; name: string; passwordHash: string }): Promise<string> {
  if (await findUserByEmail(tx, of.email)) {
    throw invitationErrors.account_exists('This address has an account. Sign in with it, and accept then.');
  }
  const id = newId();
  await insertPerson(tx, { id, ...of });
  return id;
}

async function join(
  tx: Tx,
  { context, invitation, userId }: { context: Context; invitation: Invitation; userId: string },
  services: TenancyServices,
): Promise<Member> {
  const { orgId, role, customRoleId } = invitation;
  await insertMembership(tx, { orgId, userId, role, customRoleId });
  await settleInvitation(tx, invitation, 'accepted');
  record(tx, { services, call: context.call, invitation, userId }, 'invitation.accepted');
  services.recorder.emit(tx, orgId, { type: 'member.added', subject: userId, data: { user_id: userId, role } });
  services.grantsChanged(tx);
  return (await findMember(tx, orgId, userId)) as Member;
}

function record(
  tx: Tx,
  of: { services: TenancyServices; call: Call; invitation: Invitation; userId?: string },
  action: string,
): void {
  const { services, call, invitation, userId } = of;
  const { id, orgId, role, customRoleId, email } = invitation;
  const detail = { role, custom_role_id: customRoleId, ...(userId === undefined ? {} : { user_id: userId }) };
  const actor = userId === undefined ? {} : { actor: { kind: 'user', id: userId } };
  const act = { action, target: target(invitation), detail, personal: { email } };
  services.recorder.audit(tx, { call, orgId, ...actor }, act);
  services.recorder.emit(tx, orgId, {
    type: action,
    subject: id,
    data: userId === undefined ? {} : { user_id: userId },
  });
}
