import { isUuid } from '../../../kernel/ids.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { organizationErrors } from '../errors.ts';
import { standingOf } from '../members/standing.ts';
import { findMember } from '../members/store.ts';
import type { Organization } from '../model.ts';
import type { TenancyServices } from '../ports.ts';
import * as store from './store.ts';

const targetOf = (id: string) => ({ type: 'organization', id });

/*
 * Deleting takes effect at once: nobody reaches the organization any more, keys and logins stop with the commit, and its
 * work is cancelled. Until `eraseAfter` it can be restored as it was; then a chore erases it (erasure/jobs.ts).
 */
export const lifecycleOperations = (services: TenancyServices) => {
  const deleteOrganization = operation({
    name: 'tenancy.organization.delete',
    summary: 'Delete the organization: it can be restored for a while, and is then erased. For owners.',
    scope: 'organizations:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'organization.deleted',
      target: (_input: { expected: Expected }, { id }: Organization) => targetOf(id),
      detail: (_input, { eraseAfter }) => ({ erase_after: eraseAfter }),
    },
    transaction: 'system',
    async run({ tx, by }, { expected }) {
      const organization = await store.lockOrganization(tx, by.orgId);
      assertExpected(expected, organization.version);
      if ((await standingOf(tx, by, services.scopes)).role !== 'owner') {
        throw organizationErrors.owner_only('Only an owner deletes the organization. Ask one.');
      }
      await services.endWork(tx, organization.id);
      services.grantsChanged(tx);
      const event = { type: 'organization.deleted', subject: organization.id, data: {} };
      services.recorder.emit(tx, organization.id, event);
      return store.markOrganizationDeleted(tx, organization.id, services.settings.graceDays);
    },
  });

  const restoreOrganization = operation({
    name: 'tenancy.organization.restore',
    summary:
      'Bring a deleted organization back, before it is erased. For its owners and administrators of the installation.',
    scope: 'authenticated',
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'system',
    async run({ tx, by, call }, { id }: { id: string }): Promise<Organization> {
      const organization = isUuid(id) ? await store.lockAnyOrganization(tx, id) : null;
      const member = organization && by.kind === 'user' ? await findMember(tx, organization.id, by.id) : null;
      if (!organization || !(by.isPlatformAdmin || member?.role === 'owner')) throw store.noSuchOrganization();
      if (organization.deletedAt === null) {
        throw organizationErrors.not_deleted('This organization is not deleted: there is nothing to restore.');
      }
      const restored = await store.markOrganizationRestored(tx, organization.id);
      if (!restored)
        throw organizationErrors.grace_over('The time in which it could be restored is over: it is erased.');
      services.grantsChanged(tx);
      const act = { action: 'organization.restored', target: targetOf(restored.id), detail: {}, personal: {} };
      services.recorder.audit(tx, { call, orgId: restored.id }, act);
      const event = { type: 'organization.restored', subject: restored.id, data: {} };
      services.recorder.emit(tx, restored.id, event);
      return restored;
    },
  });
  return { deleteOrganization, restoreOrganization } satisfies Record<string, AnyOperation>;
};
