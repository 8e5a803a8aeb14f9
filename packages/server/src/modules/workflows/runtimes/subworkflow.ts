import type { Call } from '../../../platform/operation.ts';
import { readPath, valueAt } from '../context/context.ts';
import { type Result, WHOLE } from '../engine/model.ts';
import { nodeErrors, OUT_OF_BUDGET } from '../errors.ts';
import { isTerminal, type JsonObject } from '../model.ts';
import type { WorkflowRun } from '../runs/model.ts';
import { completed, type Handler, type Task } from './model.ts';
import type { ChildRun } from './start-child.ts';

type SubworkflowConfig = { name: string; version?: number; output: string };

export type SubworkflowServices = {
  /** A call in the name of whoever made the run, as they are permitted now; null when there is nobody any more. */
  callFor(task: Task): Promise<Call | null>;
  start(call: Call, child: ChildRun): Promise<unknown>;
  findRun(orgId: string, id: string): Promise<WorkflowRun | null>;
  /** The context of a run, wherever it is kept. */
  contextOf(run: WorkflowRun): Promise<JsonObject>;
};

/** Runs another workflow, and waits for its end without a worker. A run that nobody waits for any more is cancelled. */
export const subworkflowHandler =
  (services: SubworkflowServices): Handler =>
  (task) =>
    task.resume === null ? begin(services, task) : goOn(services, task);

async function begin({ callFor, start }: SubworkflowServices, task: Task): Promise<null> {
  const { runId, node, item, fence, input } = task;
  const { name, version = null } = node.config as SubworkflowConfig;
  const call = await callFor(task);
  if (call === null)
    throw nodeErrors.maker_gone('Whoever made the run has left the organization, or their key was revoked.');
  const until = new Date(Date.now() + node.policy.timeoutMs);
  const ref = { key: node.key, item: item?.index ?? WHOLE };
  await start(call, { runId, node: ref, fence, name, version, input, until });
  return null;
}

async function goOn({ findRun, contextOf }: SubworkflowServices, { orgId, node, resume }: Task): Promise<Result> {
  const child = await findRun(orgId, String(resume?.['child_run_id']));
  if (!child) throw nodeErrors.child_gone('The run that this node waits for was deleted before the node saw its end.');
  const { output } = node.config as SubworkflowConfig;
  if (child.state === 'completed') return completed(valueAt(await contextOf(child), readPath(output) ?? []));
  if (isTerminal(child.state)) return failed(child);
  const until = new Date(String(resume?.['until']));
  if (until > new Date()) return { kind: 'waiting', at: until, resume: { ...resume } };
  throw nodeErrors.too_late(`"${node.key}" took longer than ${node.policy.timeoutMs} ms.`);
}

/** What somebody has stopped is not tried again; of a budget that is spent and not its own, this run is to end as well. */
function failed({ id, state, error, budget }: WorkflowRun): Result {
  if (error?.code === OUT_OF_BUDGET && budget === null)
    return { kind: 'failed', failure: { code: error.code, message: error.message }, isFinal: true, endsRun: true };
  const why = error === null ? '' : `: ${error.message} (${error.code})`;
  const message = `The run ${id} ${state === 'failed' ? 'failed' : 'was cancelled'}${why}`;
  return { kind: 'failed', failure: { code: `workflow_node.child_${state}`, message }, isFinal: state !== 'failed' };
}
