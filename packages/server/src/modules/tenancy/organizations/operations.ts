import { newId, type OrganizationId } from '../../../kernel/ids.ts';
import type { Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { memberErrors, organizationErrors } from '../errors.ts';
import { afterOf, type ListRequest, toPage } from '../listing.ts';
import { insertMembership } from '../members/store.ts';
import type { Organization, Wanted } from '../model.ts';
import { lockPerson } from '../people/store.ts';
import type { TenancyServices } from '../ports.ts';
import { freeSlug } from './slug.ts';
import * as store from './store.ts';

const orgOf = ({ by }: Context): string => String(by.orgId);
const targetOf = (id: string) => ({ type: 'organization', id });
const detailOf = ({ name, slug }: Organization) => ({ name, slug });

export type NewOrganization = { name: string; slug: string | null };
type OrganizationChange = { expected: Expected } & Wanted<{ name: string; slug: string }>;
type Change = { before: Organization; after: Organization };

export const organizationOperations = (services: TenancyServices) =>
  ({
    createOrganization: create(services),
    listOrganizations,
    listMyOrganizations,
    getOrganization,
    changeOrganization,
  }) satisfies Record<string, AnyOperation>;

const create = ({ recorder, scopes, settings, accounts }: TenancyServices) =>
  operation({
    name: 'tenancy.organization.create',
    summary: 'Create an organization. The person who does, or who is behind the key, becomes its owner.',
    scope: 'authenticated',
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run({ tx, by, call }, { name, slug }: NewOrganization): Promise<Organization> {
      if (by.userId === null || !(await lockPerson(tx, by.userId))) {
        throw memberErrors.people_only('Nobody stands behind this key who could own an organization. Sign in instead.');
      }
      if (by.kind === 'api_key' && scopes.coverage(by.scopes, 'organizations:write') !== 'all') {
        throw organizationErrors.creation_closed(
          'This API key lacks the scope organizations:write. Use one that has it.',
        );
      }
      if (by.kind === 'user') await accounts.assertInPerson(tx, by, { recent: false });
      if (settings.organizationCreation === 'administrators' && !by.isPlatformAdmin) {
        throw organizationErrors.creation_closed('Only administrators of the installation create organizations here.');
      }
      const id = newId() as OrganizationId;
      const organization = await store.insertOrganization(tx, { id, name, slug: slug ?? freeSlug(name, id) });
      await insertMembership(tx, { orgId: id, userId: by.userId, role: 'owner', customRoleId: null });
      const act = {
        action: 'organization.created',
        target: targetOf(id),
        detail: { ...detailOf(organization), owner_id: by.userId },
        personal: {},
      };
      recorder.audit(tx, { call, orgId: id }, act);
      const { slug: taken } = organization;
      recorder.emit(tx, id, { type: 'organization.created', subject: id, data: { name, slug: taken } });
      return organization;
    },
  });

const listOrganizations = operation({
  name: 'tenancy.organization.list',
  summary: 'List your organizations, or as an administrator of the installation all of them.',
  scope: 'authenticated',
  effect: 'read',
  rate: 'control',
  audit: null,
  transaction: 'system',
  async run(context, { limit, cursor, all }: ListRequest & { all: boolean }): Promise<Page<Organization>> {
    const { tx, by } = context;
    const page = { limit: limit + 1, after: afterOf(cursor) };
    if (!all) return toPage(await mine(context, page), limit);
    if (!by.isPlatformAdmin) {
      throw memberErrors.administrators_only('`all` is for administrators of the installation. Leave it out.');
    }
    return toPage(await store.listAllOrganizations(tx, page), limit);
  },
});

const listMyOrganizations = operation({
  name: 'tenancy.organization.list_mine',
  summary: 'List the organizations that you belong to.',
  scope: 'authenticated',
  effect: 'read',
  rate: 'control',
  audit: null,
  transaction: 'system',
  async run(context, { limit, cursor }: ListRequest): Promise<Page<Organization>> {
    return toPage(await mine(context, { limit: limit + 1, after: afterOf(cursor) }), limit);
  },
});

/** A key reaches into one organization, whatever else its maker belongs to; also when its maker has left. */
async function mine(
  { tx, by }: Context,
  page: Parameters<typeof store.listOrganizationsOf>[2],
): ReturnType<typeof store.listOrganizationsOf> {
  if (by.kind !== 'api_key') return store.listOrganizationsOf(tx, { userId: by.id, onlyId: null }, page);
  const own = page.after[1] === null && by.orgId !== null ? await store.findOrganization(tx, by.orgId) : null;
  return own === null ? [] : [{ item: own, micros: '0', id: own.id }];
}

const getOrganization = operation({
  name: 'tenancy.organization.get',
  summary: 'Get the organization and its settings.',
  scope: 'organizations:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(context, _input: undefined): Promise<Organization> {
    const organization = await store.findOrganization(context.tx, orgOf(context));
    if (!organization) throw store.noSuchOrganization();
    return organization;
  },
});

const changeOrganization = operation({
  name: 'tenancy.organization.update',
  summary: "Change the organization's name or slug.",
  scope: 'organizations:write',
  effect: 'create',
  rate: 'control',
  audit: {
    action: 'organization.updated',
    target: (_input: OrganizationChange, { after }: Change) => targetOf(after.id),
    detail: (_input, { before, after }) => ({ before: detailOf(before), after: detailOf(after) }),
  },
  async run(context, { expected, ...wanted }): Promise<Change> {
    const before = await store.lockOrganization(context.tx, orgOf(context));
    assertExpected(expected, before.version);
    const after = await store.updateOrganization(context.tx, {
      id: before.id,
      name: wanted.name ?? before.name,
      slug: wanted.slug ?? before.slug,
    });
    const { id, name, slug } = after;
    context.emit({ type: 'organization.updated', subject: id, data: { name, slug } });
    return { before, after };
  },
});
