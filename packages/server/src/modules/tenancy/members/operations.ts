import { isUuid } from '../../../kernel/ids.ts';
import type { Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { MEMBER_ROLES, type MemberRole } from '../../../kernel/principal.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { memberErrors } from '../errors.ts';
import { revokeInvitationsOf } from '../invitations/store.ts';
import { afterOf, type ListRequest, toPage } from '../listing.ts';
import { rankOf, type Wanted } from '../model.ts';
import { lockOrganization } from '../organizations/store.ts';
import { assertMayGrant, assertMayManage } from '../policy.ts';
import type { TenancyServices } from '../ports.ts';
import type { Member, MembershipLine } from './model.ts';
import { removeMember } from './removal.ts';
import { assertNotLastOwner, scopesOfGrant, standingOf } from './standing.ts';
import * as store from './store.ts';

const orgOf = ({ by }: Context): string => String(by.orgId);

export type MemberRef = { userId: string };
type RoleChange = MemberRef & { expected: Expected } & Wanted<{ role: MemberRole; customRoleId: string | null }>;
type Change = { before: Member; after: Member };

export const memberOperations = (services: TenancyServices) =>
  ({
    listMembers,
    listMemberships,
    addMember: addMember(services),
    changeMember: changeMember(services),
    removeMember: removeOther(services),
    leaveOrganization: leave(services),
  }) satisfies Record<string, AnyOperation>;

const listMembers = operation({
  name: 'tenancy.member.list',
  summary: 'List the people and service accounts in the organization, with their roles.',
  scope: 'members:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, { limit, cursor }: ListRequest): Promise<Page<Member>> {
    const page = { limit: limit + 1, after: afterOf(cursor) };
    return toPage(await store.listMembers(context.tx, orgOf(context), page), limit);
  },
});

const listMemberships = operation({
  name: 'tenancy.membership.list',
  summary: 'List members, and those who are invited and have not answered.',
  scope: 'members:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, { limit, cursor }: ListRequest): Promise<Page<MembershipLine>> {
    const page = { limit: limit + 1, after: afterOf(cursor) };
    return toPage(await store.listMembershipLines(context.tx, orgOf(context), page), limit);
  },
});

const detailOf = ({ role, customRole }: Member) => ({ role, custom_role_id: customRole?.id ?? null });

const addMember = ({ scopes, grantsChanged }: TenancyServices) =>
  operation({
    name: 'tenancy.membership.create',
    summary: 'Add a person without an invitation; for administrators of the installation who are in the organization.',
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'member.added',
      target: (_input: MemberRef & { role: MemberRole; customRoleId: string | null }, member: Member) => ({
        type: 'user',
        id: member.userId,
      }),
      detail: (_input, member) => detailOf(member),
    },
    async run(context, { userId, role, customRoleId }) {
      if (!context.by.isPlatformAdmin) {
        throw memberErrors.administrators_only(
          'Adding somebody without asking is for administrators of the installation. Invite them by `email`.',
        );
      }
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const grant = await scopesOfGrant(tx, orgOf(context), { role, customRoleId }, scopes);
      assertMayGrant(await standingOf(tx, context.by, scopes), role, grant);
      if (!isUuid(userId)) throw noSuchPerson();
      await store.insertMembership(tx, { orgId: orgOf(context), userId, role, customRoleId });
      const member = await store.findMember(tx, orgOf(context), userId);
      // Rolls back: the service account of another organization is not to be had.
      if (member?.kind !== 'person' || member.disabledAt !== null) throw noSuchPerson();
      grantsChanged(tx);
      context.emit({ type: 'member.added', subject: member.userId, data: { user_id: member.userId, role } });
      return member;
    },
  });

const noSuchPerson = (): Error => memberErrors.not_found('There is no person with this id.');

const changeMember = ({ scopes, grantsChanged }: TenancyServices) =>
  operation({
    name: 'tenancy.membership.update',
    summary: "Change a member's role: never above your own, never your own.",
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'member.updated',
      target: ({ userId }: RoleChange, _change: Change) => ({ type: 'user', id: userId }),
      detail: (_input, { before, after }) => ({ before: detailOf(before), after: detailOf(after) }),
    },
    async run(context, { userId, expected, ...wanted }): Promise<Change> {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const before = await getMember(context, userId);
      assertExpected(expected, before.version);
      const role = wanted.role ?? before.role;
      const customRoleId = wanted.customRoleId === undefined ? (before.customRole?.id ?? null) : wanted.customRoleId;
      const by = await standingOf(tx, context.by, scopes);
      assertMayManage(by, before);
      assertMayGrant(by, role, await scopesOfGrant(tx, orgOf(context), { role, customRoleId }, scopes));
      if (role !== 'owner') await assertNotLastOwner(tx, orgOf(context), before);
      if (role === 'owner' && before.kind === 'service') {
        throw memberErrors.owner_role('A service account cannot be an owner. Give it the role admin or below.');
      }
      await store.updateMembership(tx, { orgId: orgOf(context), userId, role, customRoleId });
      const above = MEMBER_ROLES.filter((each) => rankOf(each) > rankOf(role));
      await revokeInvitationsOf(tx, { orgId: orgOf(context), userId, roles: above });
      const after = await getMember(context, userId);
      grantsChanged(tx);
      context.emit({ type: 'member.updated', subject: userId, data: { user_id: userId, role } });
      return { before, after };
    },
  });

const removeOther = (services: TenancyServices) =>
  operation({
    name: 'tenancy.membership.delete',
    summary: 'Take a member out of the organization. Keys that they made keep what they can do right now.',
    scope: 'members:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'member.removed',
      target: ({ userId }: MemberRef, _member: Member) => ({ type: 'user', id: userId }),
      detail: (_input, member) => detailOf(member),
    },
    async run(context, { userId }) {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const member = await getMember(context, userId);
      assertMayManage(await standingOf(tx, context.by, services.scopes), member);
      await removeMember(tx, { orgId: orgOf(context), member }, services);
      context.emit({ type: 'member.removed', subject: userId, data: { user_id: userId } });
      return member;
    },
  });

const leave = (services: TenancyServices) =>
  operation({
    name: 'tenancy.membership.leave',
    summary: 'Leave the organization. The last owner cannot.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'member.left',
      target: (_input: undefined, member: Member) => ({ type: 'user', id: member.userId }),
      detail: (_input, member) => detailOf(member),
    },
    async run(context) {
      const { tx, by } = context;
      if (by.kind !== 'user') throw memberErrors.people_only('A key cannot leave for its person. Sign in to leave.');
      await lockOrganization(tx, orgOf(context));
      const member = await getMember(context, by.id);
      await removeMember(tx, { orgId: orgOf(context), member }, services);
      context.emit({ type: 'member.removed', subject: by.id, data: { user_id: by.id } });
      return member;
    },
  });

async function getMember(context: Context, userId: string): Promise<Member> {
  const member = isUuid(userId) ? await store.findMember(context.tx, orgOf(context), userId) : null;
  if (!member) throw memberErrors.not_found('There is no member with this id in the organization.');
  return member;
}
