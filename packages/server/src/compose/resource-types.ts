import { isUuid } from '../kernel/ids.ts';
import { type FindOwners, findTenancyRows, type Owner, type ResourceTypes } from '../modules/access/index.ts';
import { findAssetOwners } from '../modules/assets/index.ts';
import { findEvaluationOwners } from '../modules/evaluations/index.ts';
import { findKeyMakers } from '../modules/identity/index.ts';
import { findRunOwners, findScheduleOwners } from '../modules/workflows/index.ts';
import type { Tx } from '../platform/db/index.ts';

type Statements = <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/** Every kind of thing that a permission can be asked about, and how the organization's own are told from others. */
export function resourceTypes(statements: Statements): ResourceTypes {
  const tenancy =
    (kind: Parameters<typeof findTenancyRows>[1]['kind']): FindOwners =>
    (orgId, ids) =>
      statements(orgId, (tx) => findTenancyRows(tx, { orgId, kind, ids: ids.filter(isUuid) }));
  return {
    organization: { scopes: 'organizations', find: async (orgId, ids) => ownerless(ids.filter((id) => id === orgId)) },
    member: { scopes: 'members', find: tenancy('members') },
    invitation: { scopes: 'members', find: tenancy('invitations') },
    custom_role: { scopes: 'members', find: tenancy('customRoles') },
    service_account: { scopes: 'members', find: tenancy('members') },
    team: { scopes: 'teams', find: tenancy('teams') },
    api_key: {
      scopes: 'apikeys',
      async find(orgId, ids) {
        const makers = await statements(orgId, (tx) => findKeyMakers(tx, orgId, ids.filter(isUuid)));
        return new Map([...makers].map(([id, maker]) => [id, maker === null ? null : { kind: 'maker', id: maker }]));
      },
    },
    evaluation: {
      scopes: 'evaluations',
      find: (orgId, ids) => statements(orgId, (tx) => findEvaluationOwners(tx, orgId, ids)),
    },
    workflow_run: {
      scopes: 'workflows',
      find: (orgId, ids) => statements(orgId, (tx) => findRunOwners(tx, orgId, ids.filter(isUuid))),
    },
    job: {
      scopes: 'jobs',
      find: (orgId, ids) => statements(orgId, (tx) => findRunOwners(tx, orgId, ids.filter(isUuid))),
    },
    workflow_schedule: {
      scopes: 'workflows',
      find: (orgId, ids) => statements(orgId, (tx) => findScheduleOwners(tx, orgId, ids.filter(isUuid))),
    },
    workflow_definition: { scopes: 'workflows', find: null },
    asset: {
      scopes: 'assets',
      find: (orgId, ids) => statements(orgId, (tx) => findAssetOwners(tx, orgId, ids.filter(isUuid))),
    },
    audit_log: { scopes: 'audit', find: null },
    event: { scopes: 'events', find: null },
  };
}

const ownerless = (ids: readonly string[]): Map<string, Owner> => new Map(ids.map((id) => [id, null]));
