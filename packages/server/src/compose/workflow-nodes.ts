import { findKeyMakers } from '../modules/identity/index.ts';
import {
  chatHandler,
  type EngineOptions,
  humanHandler,
  nativeHandlers,
  nodeErrors,
  type Task,
} from '../modules/workflows/index.ts';
import type { Call } from '../platform/operation.ts';
import type { Core } from './core.ts';
import { jobHandler } from './jobs.ts';
import { callFor } from './maker-call.ts';
import type { Operations } from './operations.ts';

/** What makes attempts of nodes, by runtime and operation. */
export function workflowHandlers(core: Core, { providers }: Operations): EngineOptions['handlers'] {
  const { expressions } = core.workflows;
  return {
    native: {
      ...nativeHandlers(expressions),
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
  if (!call) throw nodeErrors.maker_gone('Whoever made the run has left the organization, or their key was revoked.');
  const key = ['workflow-run', runId, node.key, item?.index ?? '', fence].join(':');
  return { ...call, idempotency: { key, inputHash: Buffer.alloc(0) } };
}
