import { assertAllowed } from '../modules/access/index.ts';
import { readSmallAsset } from '../modules/assets/index.ts';
import { cancelEvaluation, findEvaluation } from '../modules/evaluations/index.ts';
import { codeHandlers, type SandboxedServices, toolHandlers, wasmHandlers } from '../modules/workflows/index.ts';
import { type Core, TOPICS } from './core.ts';
import { callFor } from './maker-call.ts';
import type { Operations } from './operations.ts';

/** What runs nodes in sandboxes, by their runtime. */
export const sandboxedHandlers = (core: Core, operations: Operations) => {
  const services = servicesOf(core, operations);
  const { expressions } = core.workflows;
  return {
    code: codeHandlers(services),
    tool: toolHandlers({ ...services, expressions }),
    wasm: wasmHandlers(services),
  };
};

const servicesOf = (core: Core, { workflows, assets }: Operations): SandboxedServices => ({
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
  async readAsset({ principal }, id, mostBytes) {
    const { ownOnly } = assertAllowed(principal, assets.downloadAsset, new Date());
    const orgId = String(principal.orgId);
    const wanted = { orgId, id, createdBy: ownOnly ? principal.id : null, mostBytes };
    return core.database.statements({ orgId }, (tx) => readSmallAsset(tx, core.contents, wanted));
  },
});
