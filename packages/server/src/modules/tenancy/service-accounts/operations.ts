import { isUuid, newId, type UserId } from '../../../kernel/ids.ts';
import type { Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { MemberRole } from '../../../kernel/principal.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { memberErrors, serviceAccountErrors } from '../errors.ts';
import { afterOf, type ListRequest, toPage } from '../listing.ts';
import { removeMember } from '../members/removal.ts';
import { scopesOfGrant, standingOf } from '../members/standing.ts';
import { insertMembership, updateMembership } from '../members/store.ts';
import type { Wanted } from '../model.ts';
import { lockOrganization } from '../organizations/store.ts';
import { assertMayGrant, assertMayManage } from '../policy.ts';
import type { TenancyServices } from '../ports.ts';
import type { ServiceAccount } from './model.ts';
import * as store from './store.ts';

const orgOf = ({ by }: Context): string => String(by.orgId);
const targetOf = (id: string) => ({ type: 'service_account', id });
const detailOf = ({ name, role, customRoleId, disabledAt }: ServiceAccount) => ({
  name,
  role,
  custom_role_id: customRoleId,
  is_disabled: disabledAt !== null,
});

export type NewServiceAccount = { name: string; description: string; role: MemberRole; customRoleId: string | null };
type ServiceAccountChange = { id: string; expected: Expected } & Wanted<NewServiceAccount & { isDisabled: boolean }>;
type Change = { before: ServiceAccount; after: ServiceAccount };

export const serviceAccountOperations = (services: TenancyServices) =>
  ({
    listServiceAccounts,
    createServiceAccount: create(services),
    changeServiceAccount: change(services),
    deleteServiceAccount: remove(services),
  }) satisfies Record<string, AnyOperation>;

const listServiceAccounts = operation({
  name: 'tenancy.service_account.list',
  summary: 'List the accounts that programs act by.',
  scope: 'members:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, { limit, cursor }: ListRequest): Promise<Page<ServiceAccount>> {
    const page = { limit: limit + 1, after: afterOf(cursor) };
    return toPage(await store.listServiceAccounts(context.tx, orgOf(context), page), limit);
  },
});

const create = ({ scopes }: TenancyServices) =>
  operation({
    name: 'tenancy.service_account.create',
    summary: 'Make an account for a program, with a role no higher than your own; API keys are then made for it.',
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'service_account.created',
      target: (_input: NewServiceAccount, account: ServiceAccount) => targetOf(account.id),
      detail: (_input, account) => detailOf(account),
    },
    async run(context, { role, customRoleId, ...text }) {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      assertNoOwner(role);
      const granted = await scopesOfGrant(tx, orgOf(context), { role, customRoleId }, scopes);
      assertMayGrant(await standingOf(tx, context.by, scopes), role, granted);
      const id = newId();
      await store.insertServiceAccount(tx, { id, ...text });
      await insertMembership(tx, { orgId: orgOf(context), userId: id, role, customRoleId });
      context.emit({ type: 'member.added', subject: id, data: { user_id: id, role, kind: 'service' } });
      return getAccount(context, id);
    },
  });

const change = ({ scopes, grantsChanged }: TenancyServices) =>
  operation({
    name: 'tenancy.service_account.update',
    summary: "Change a service account's name or role, or switch it off and on: its keys follow at once.",
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'service_account.updated',
      target: ({ id }: ServiceAccountChange, _change: Change) => targetOf(id),
      detail: (_input, { before, after }) => ({ before: detailOf(before), after: detailOf(after) }),
    },
    async run(context, { id, expected, ...wanted }): Promise<Change> {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const before = await getAccount(context, id);
      assertExpected(expected, before.version);
      const role = wanted.role ?? before.role;
      const customRoleId = wanted.customRoleId === undefined ? before.customRoleId : wanted.customRoleId;
      assertNoOwner(role);
      const by = await standingOf(tx, context.by, scopes);
      assertMayManage(by, { userId: id, role: before.role });
      assertMayGrant(by, role, await scopesOfGrant(tx, orgOf(context), { role, customRoleId }, scopes));
      await store.updateServiceAccount(tx, {
        id,
        name: wanted.name ?? before.name,
        description: wanted.description ?? before.description,
        isDisabled: wanted.isDisabled ?? before.disabledAt !== null,
      });
      await updateMembership(tx, { orgId: orgOf(context), userId: id, role, customRoleId });
      grantsChanged(tx);
      context.emit({ type: 'member.updated', subject: id, data: { user_id: id, role, kind: 'service' } });
      return { before, after: await getAccount(context, id) };
    },
  });

const remove = (services: TenancyServices) =>
  operation({
    name: 'tenancy.service_account.delete',
    summary: 'Delete a service account. Its keys end at once.',
    scope: 'members:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'service_account.deleted',
      target: ({ id }: { id: string; expected: Expected }, _account: ServiceAccount) => targetOf(id),
      detail: (_input, account) => detailOf(account),
    },
    async run(context, { id, expected }) {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const account = await getAccount(context, id);
      assertExpected(expected, account.version);
      assertMayManage(await standingOf(tx, context.by, services.scopes), { userId: id, role: account.role });
      // Before the membership goes: without it the organization sees nothing of the account.
      await store.updateServiceAccount(tx, { ...account, isDisabled: true });
      const member = { userId: id as UserId, role: account.role, kind: 'service' } as const;
      await removeMember(tx, { orgId: orgOf(context), member }, services);
      context.emit({ type: 'member.removed', subject: id, data: { user_id: id, kind: 'service' } });
      return account;
    },
  });

async function getAccount(context: Context, id: string): Promise<ServiceAccount> {
  const account = isUuid(id) ? await store.findServiceAccount(context.tx, orgOf(context), id) : null;
  if (!account) throw serviceAccountErrors.not_found('There is no service account with this id.');
  return account;
}

function assertNoOwner(role: MemberRole): void {
  if (role !== 'owner') return;
  throw memberErrors.owner_role('A service account cannot be an owner. Give it the role admin or below.');
}
