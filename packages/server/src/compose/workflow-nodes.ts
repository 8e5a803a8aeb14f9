import { Sensitive } from '../kernel/sensitive.ts';
import { findKeyMakers } from '../modules/identity/index.ts';
import {
  chatHandler,
  type EngineOptions,
  findRun,
  httpHandler,
  humanHandler,
  nativeHandlers,
  nodeErrors,
  subworkflowHandler,
  type Task,
} from '../modules/workflows/index.ts';
import { HttpClient } from '../platform/http-client/index.ts';
import type { Call } from '../platform/operation.ts';
import type { Core } from './core.ts';
import { jobHandler } from './jobs.ts';
import { callFor } from './maker-call.ts';
import type { Operations } from './operations.ts';
import { RELEASE } from './release.ts';

/** What makes attempts of nodes, by runtime and operation. */
export function workflowHandlers(
  core: Core,
  { providers, workflows }: Operations,
  stack: AsyncDisposableStack,
): EngineOptions['handlers'] {
  const { expressions } = core.workflows;
  return {
    native: {
      ...nativeHandlers(expressions),
      http: httpHandler({
        client: stack.use(new HttpClient({ rules: core.workflows.rules })),
        userAgent: `Assay/${RELEASE}`,
        secretOf: (task, name) => secretOf(core, task, name),
      }),
      subworkflow: subworkflowHandler({
        callFor: (task) => callFor(core, task),
        start: (call, child) => core.operator.run(workflows.startChild, call, child),
        findRun: (orgId, id) => core.database.statements({ orgId }, (tx) => findRun(tx, orgId, id)),
        contextOf: ({ orgId, id: runId, context, contextAsset }) =>
          core.workflows.contexts.load({ orgId, runId }, { context: context ?? {}, asset: contextAsset?.id ?? null }),
      }),
      human: humanHandler({ personOf: (orgId, maker) => personOf(core, orgId, maker) }),
    },
    provider: {
      job: jobHandler(core, { providers }, (task) => billedCall(core, task)),
      chat: chatHandler({
        expressions,
        async ask(task, input) {
          const answer = await core.operator.run(providers.executeChat, await billedCall(core, task), input);
          if (answer.kind !== 'stream') throw new Error('A stream was asked for.');
          return answer;
        },
      }),
    },
  };
}

/** The value of a secret, for a run whose maker is still there; each use is audited. */
async function secretOf(core: Core, task: Task, name: string): Promise<Sensitive<string>> {
  const { orgId, runId, node } = task;
  if (!(await callFor(core, task))) throw makerGone();
  const { secrets } = core.vault;
  const use = { actor: { kind: 'workflow_run', id: runId }, reason: `node ${node.key}` };
  return core.database.transaction({ orgId }, async (tx) => {
    if (!(await secrets.find(tx, { orgId, name }))) throw nodeErrors.no_secret(`There is no secret named ${name}.`);
    return new Sensitive((await secrets.read(tx, { orgId, name }, use)).reveal().toString('utf8').trim());
  });
}

const makerGone = (): Error =>
  nodeErrors.maker_gone('Whoever made the run has left the organization, or their key was revoked.');

async function personOf(
  { systemStatements }: Core,
  orgId: string,
  { kind, id }: Task['maker'],
): Promise<string | null> {
  if (kind !== 'api_key') return id;
  return (await systemStatements((tx) => findKeyMakers(tx, orgId, [id]))).get(id) ?? null;
}

/** A call whose key is that of this attempt and no other: two workers that make the same one are billed once. */
async function billedCall(core: Core, task: Task): Promise<Call> {
  const { runId, node, item, fence } = task;
  const call = await callFor(core, task);
  if (!call) throw makerGone();
  const key = ['workflow-run', runId, node.key, item?.index ?? '', fence].join(':');
  return { ...call, idempotency: { key, inputHash: Buffer.alloc(0) } };
}
