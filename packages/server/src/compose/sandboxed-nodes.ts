import { readAsset } from '../modules/assets/index.ts';
import { cancelEvaluation, findEvaluation } from '../modules/evaluations/index.ts';
import { findPrincipal } from '../modules/identity/index.ts';
import { codeHandlers, type SandboxedServices, type Task } from '../modules/workflows/index.ts';
import type { Call } from '../platform/operation.ts';
import { type Core, TOPICS } from './core.ts';
import type { Operations } from './operations.ts';

/** What runs nodes in sandboxes, by their runtime. */
export const sandboxedHandlers = (core: Core, operations: Operations) => {
  const services = servicesOf(core, operations);
  return { code: codeHandlers(services) };
};

const servicesOf = (core: Core, { workflows }: Operations): SandboxedServices => ({
  callFor: (task) => callFor(core, task),
  evaluate: (call, what) => core.operator.run(workflows.evaluateNode, call, what),
  findEvaluation: (orgId, id) => core.database.statements({ orgId }, (tx) => findEvaluation(tx, orgId, id)),
  async cancelEvaluation(orgId, id, reason) {
    const signals = {
      endings: core.endings,
      cancelled: (ended: string) => core.wakeups.raise(TOPICS.cancelled, ended),
    };
    await core.database.transaction({ orgId }, (tx) => cancelEvaluation(tx, { orgId, id, reason }, signals));
    core.told();
  },
  readAsset: (orgId, id) => core.database.statements({ orgId }, (tx) => readAsset(tx, core.contents, orgId, id)),
});

/** A call in the name of whoever made the run, as they are permitted at this moment. */
async function callFor({ systemStatements }: Core, { orgId, maker, requestId, signal }: Task): Promise<Call | null> {
  const { kind, id } = maker;
  if (kind !== 'user' && kind !== 'api_key') return null;
  const principal = await systemStatements((tx) => findPrincipal(tx, orgId, { kind, id }));
  return (
    principal && {
      principal,
      requestId,
      traceId: null,
      trace: null,
      via: 'job',
      address: null,
      signal,
      idempotency: null,
      notes: { rate: null, replayed: false, tokens: null, cache: null },
    }
  );
}
