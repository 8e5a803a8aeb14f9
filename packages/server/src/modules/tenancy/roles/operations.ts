import { newId } from '../../../kernel/ids.ts';
import type { Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { customRoleErrors } from '../errors.ts';
import { afterOf, type ListRequest, toPage } from '../listing.ts';
import { standingOf } from '../members/standing.ts';
import { findHolders } from '../members/store.ts';
import type { Wanted } from '../model.ts';
import { lockOrganization } from '../organizations/store.ts';
import { assertHolds, assertMayReshape } from '../policy.ts';
import type { ScopeCatalogue, TenancyServices } from '../ports.ts';
import type { CustomRole } from './model.ts';
import { deleteRole, findRole, insertRole, listRoles, updateRole } from './store.ts';

const orgOf = ({ by }: Context): string => String(by.orgId);
const targetOf = (id: string) => ({ type: 'custom_role', id });
const detailOf = ({ name, scopes }: CustomRole) => ({ name, scopes });

export type NewCustomRole = { name: string; description: string; scopes: readonly string[] };
type CustomRoleChange = { id: string; expected: Expected } & Wanted<NewCustomRole>;
type Change = { before: CustomRole; after: CustomRole };

export const customRoleOperations = (services: TenancyServices) =>
  ({
    listCustomRoles,
    createCustomRole: create(services),
    changeCustomRole: change(services),
    deleteCustomRole: remove(services),
  }) satisfies Record<string, AnyOperation>;

const listCustomRoles = operation({
  name: 'tenancy.custom_role.list',
  summary: 'List the roles that the organization made itself, with their scopes.',
  scope: 'members:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, { limit, cursor }: ListRequest): Promise<Page<CustomRole>> {
    const page = { limit: limit + 1, after: afterOf(cursor) };
    return toPage(await listRoles(context.tx, orgOf(context), page), limit);
  },
});

const create = ({ scopes }: TenancyServices) =>
  operation({
    name: 'tenancy.custom_role.create',
    summary: 'Make a role of chosen scopes, none of which you lack yourself.',
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'custom_role.created',
      target: (_input: NewCustomRole, role: CustomRole) => targetOf(role.id),
      detail: (_input, role) => detailOf(role),
    },
    async run(context, input) {
      const asked = knownScopes(input.scopes, scopes);
      await lockOrganization(context.tx, orgOf(context));
      assertHolds(await standingOf(context.tx, context.by, scopes), asked);
      return insertRole(context.tx, orgOf(context), { ...input, id: newId(), scopes: asked });
    },
  });

const change = ({ scopes, grantsChanged }: TenancyServices) =>
  operation({
    name: 'tenancy.custom_role.update',
    summary: 'Change a custom role, and with it what its holders may do; never one that you hold.',
    scope: 'members:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'custom_role.updated',
      target: ({ id }: CustomRoleChange, _change: Change) => targetOf(id),
      detail: (_input, { before, after }) => ({ before: detailOf(before), after: detailOf(after) }),
    },
    async run(context, { id, expected, ...wanted }): Promise<Change> {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const before = await findRole(tx, orgOf(context), id);
      assertExpected(expected, before.version);
      const asked = wanted.scopes === undefined ? before.scopes : knownScopes(wanted.scopes, scopes);
      const by = await standingOf(tx, context.by, scopes);
      assertMayReshape(by, await findHolders(tx, orgOf(context), id));
      assertHolds(
        by,
        asked.filter((scope) => !before.scopes.includes(scope)),
      );
      const after = await updateRole(tx, orgOf(context), {
        id,
        name: wanted.name ?? before.name,
        description: wanted.description ?? before.description,
        scopes: asked,
      });
      grantsChanged(tx);
      return { before, after };
    },
  });

const remove = ({ scopes }: TenancyServices) =>
  operation({
    name: 'tenancy.custom_role.delete',
    summary: 'Delete a custom role that nobody has.',
    scope: 'members:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'custom_role.deleted',
      target: ({ id }: { id: string; expected: Expected }, _role: CustomRole) => targetOf(id),
      detail: (_input, role) => detailOf(role),
    },
    async run(context, { id, expected }) {
      const { tx } = context;
      await lockOrganization(tx, orgOf(context));
      const role = await findRole(tx, orgOf(context), id);
      assertExpected(expected, role.version);
      await standingOf(tx, context.by, scopes);
      if ((await findHolders(tx, orgOf(context), id)).length > 0) {
        throw customRoleErrors.in_use('Members have this role. Give them another first.');
      }
      await deleteRole(tx, orgOf(context), id);
      return role;
    },
  });

function knownScopes(wanted: readonly string[], scopes: ScopeCatalogue): string[] {
  const asked = [...new Set(wanted)].sort();
  const unknown = asked.filter((scope) => !scopes.isScope(scope));
  if (unknown.length === 0) return asked;
  throw customRoleErrors.unknown_scope(
    `Unknown scopes: ${unknown.join(', ')}. The reference of permissions lists all.`,
    {
      faults: unknown.map((scope) => ({
        field: 'scopes',
        constraint: 'known_scope',
        message: `Unknown scope ${scope}.`,
      })),
    },
  );
}
