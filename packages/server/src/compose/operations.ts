import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isUuid } from '../kernel/ids.ts';
import { accessOperations, type ResourceTypes } from '../modules/access/index.ts';
import { assetOperations, quotaOperations, readAsset } from '../modules/assets/index.ts';
import {
  auditLogOperations,
  auditProofOperations,
  auditReadOperations,
  insertLeaf,
  SignedLogs,
} from '../modules/audit/index.ts';
import { evaluationOperations, oldestWait } from '../modules/evaluations/index.ts';
import { eventOperations } from '../modules/events/index.ts';
import {
  deviceOperations,
  digestUserCode,
  findKeyReach,
  findPrincipal,
  keyOperations,
  loginOperations,
  sessionOperations,
  whoAmI,
} from '../modules/identity/index.ts';
import { lockOrganization, tenancyOperations } from '../modules/tenancy/index.ts';
import type { AnyOperation, AuditedAct, Context } from '../platform/operation.ts';
import { captureOperationsOf } from './captures.ts';
import { type Core, TOPICS } from './core.ts';
import { eventVisibility } from './event-visibility.ts';
import { leafOfAct } from './governance.ts';
import { meteringOperations } from './metering.ts';
import { peopleOperations } from './people.ts';
import { providerOperations } from './providers.ts';
import { RELEASE } from './release.ts';
import { resourceTypes } from './resource-types.ts';
import { recorderOf, tenancyServices } from './tenancy.ts';
import { vaultOperations } from './vault-operations.ts';
import { webhookOperations } from './webhooks.ts';
import { workflowOperations } from './workflows.ts';

/** Past this, requests wait noticeably before anybody looks at them. */
const SLOW_LOOP_MS = 250;
/** A queue whose head waits longer than this is not keeping up. */
const SLOW_QUEUE_SECONDS = 60;

/** Makes every operation that there is: the governed surface. */
export function composeOperations(core: Core) {
  const known = new Map<string, AnyOperation>();
  const types = resourceTypes((orgId, work) => core.database.statements({ orgId }, work));
  const access = accessOperations({
    types,
    operations: () => known,
    findPrincipal: (orgId, ref) => core.systemStatements((tx) => findPrincipal(tx, orgId, ref)),
    statements: (orgId, work) => core.database.statements({ orgId }, work),
  });
  const operations = { access, ...operationsOver(core, types) };
  for (const group of Object.values(operations))
    for (const operation of Object.values(group) as AnyOperation[]) known.set(operation.name, operation);
  return operations;
}

function operationsOver(core: Core, types: ResourceTypes) {
  const grantsChanged = (tx: Parameters<typeof core.wakeups.raiseWith>[0]): void =>
    core.wakeups.raiseWith(tx, TOPICS.grants);
  const submitting = {
    fleet: core.fleet,
    queued: () => core.wakeups.raise(TOPICS.queued),
    queueSeconds: core.config.queueSeconds,
  };
  return {
    keys: keyOperations({
      grantsChanged,
      reachOf: (orgId, id) => core.systemStatements((tx) => findKeyReach(tx, orgId, id)),
    }),
    login: loginOperations({ logins: core.logins, signIn: core.signIn, grantsChanged, auditAs: auditLogin }),
    ...peopleOperations(core),
    sessions: sessionOperations({ tokens: core.tokens, grantsChanged, auditAs: auditLogin }),
    devices: deviceOperations({
      logins: core.logins,
      digestUserCode: (userCode) => digestUserCode(core.masterKey.reveal(), userCode),
      auditAs,
    }),
    identity: { whoAmI },
    tenancy: tenancyOperations(tenancyServices(core)),
    audit: auditOperations(core),
    events: eventOperations({ feed: core.feed, visibility: eventVisibility(types) }),
    webhooks: webhookOperations(core, eventVisibility(types)),
    assets: {
      ...assetOperations({ contents: core.contents, allowedTypes: core.config?.assetTypes ?? [] }),
      ...quotaOperations({
        installationQuotaBytes: core.config?.assetQuotaBytes || null,
        holdOrganization: (tx, id) => lockOrganization(tx, isUuid(id) ? id : null),
        recorder: recorderOf(core),
      }),
    },
    vault: vaultOperations(core),
    providers: providerOperations(core.providers ?? {}, {
      vault: core.vault ?? ({} as typeof core.vault),
      wakeups: core.wakeups,
      topics: TOPICS,
      leafOf: leafOfAct,
    }),
    captures: captureOperationsOf({
      dataKeys: core.vault?.dataKeys,
      wakeups: core.wakeups,
      topic: TOPICS.capturePolicies,
    }),
    metering: meteringOperations(core.metering ?? {}, { ...core, topic: TOPICS.prices }),
    workflows: workflowOperations(
      core.workflows ?? {},
      {
        feed: core.feed,
        visibility: eventVisibility(types),
        statements: (orgId, work) => core.database.statements({ orgId }, work),
      },
      submitting,
    ),
    evaluations: evaluationOperations({
      ...submitting,
      endings: core.endings,
      systemStatements: core.systemStatements,
      statements: (orgId, work) => core.database.statements({ orgId }, work),
      readAsset: (orgId, id) => core.database.statements({ orgId }, (tx) => readAsset(tx, core.contents, orgId, id)),
      cancelled: (id) => core.wakeups.raise(TOPICS.cancelled, id),
      probes: probesOf(core),
    }),
  };
}

function auditOperations({ database, systemTransaction, checkpointKeys: keys }: Core) {
  const statements: Core['database']['statements'] = (scope, work) => database.statements(scope, work);
  const logs = new SignedLogs({ statements, systemTransaction, keys });
  return {
    ...auditReadOperations({ transaction: (scope, work) => database.transaction(scope, work), systemTransaction }),
    ...auditLogOperations({ statements, keys, logs }),
    ...auditProofOperations({ statements, logs }),
  };
}

/** Writes the leaf of a person's act in an organization that their credential did not name. */
function auditAs(context: Context, { orgId, userId }: { orgId: string; userId: string }, act: AuditedAct): void {
  insertLeaf(context.tx, leafOfAct(context.call, act, { orgId, actor: { kind: 'user', id: userId } }));
}

function auditLogin(context: Context, orgId: string, userId: string, action: string): void {
  auditAs(context, { orgId, userId }, { action, target: { type: 'user', id: userId }, detail: {}, personal: {} });
}

export type Operations = ReturnType<typeof composeOperations>;

/** The list itself, for references and generated tests. */
export const listOperations = (operations: Operations): AnyOperation[] =>
  Object.values(operations).flatMap((group) => Object.values(group) as AnyOperation[]);

function probesOf(core: Core): Parameters<typeof evaluationOperations>[0]['probes'] {
  const loop = monitorEventLoopDelay({ resolution: 20 });
  loop.enable();
  return {
    mode: core.config.role.size === 3 ? 'embedded' : 'microservices',
    version: RELEASE,
    gateway() {
      const slow = loop.percentile(99) / 1e6 > SLOW_LOOP_MS;
      loop.reset();
      return slow ? 'degraded' : 'healthy';
    },
    async queue() {
      const waited = await core.systemStatements(oldestWait);
      return waited > SLOW_QUEUE_SECONDS ? 'degraded' : 'healthy';
    },
    async storage() {
      await core.objects.check();
      await core.systemStatements(oldestWait);
      return 'healthy';
    },
    executor() {
      const { runners } = core.fleet;
      const ready = runners.filter(({ isConnected, engines }) => isConnected && engines.length > 0);
      if (ready.length === 0) return 'unhealthy';
      return ready.length < runners.length ? 'degraded' : 'healthy';
    },
  };
}
