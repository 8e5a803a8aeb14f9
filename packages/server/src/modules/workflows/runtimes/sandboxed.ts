import type { Json } from '../../../kernel/json.ts';
import type { Call } from '../../../platform/operation.ts';
import { type Evaluation, type EvaluationRequest, isTerminal } from '../../evaluations/index.ts';
import { type Result, WHOLE } from '../engine/model.ts';
import { nodeErrors } from '../errors.ts';
import type { NodeEvaluation } from './evaluate-node.ts';
import { completed, type Handler, type Task } from './model.ts';

/* Nodes that run in a sandbox: each attempt is an evaluation, and waits for its end without holding a worker. */

export type SandboxedServices = {
  /** A call in the name of whoever made the run, as they are permitted now; null when there is nobody any more. */
  callFor(task: Task): Promise<Call | null>;
  /** Submits, and lets the node wait. */
  evaluate(call: Call, what: NodeEvaluation): Promise<unknown>;
  findEvaluation(orgId: string, id: string): Promise<Evaluation | null>;
  cancelEvaluation(orgId: string, id: string, reason: string): Promise<void>;
  /** @throws AppError when the caller may not read it, it is not there, or it is longer */
  readAsset(call: Call, id: string, mostBytes: number): Promise<Buffer>;
};

/** Reads an asset in the name of whoever made the run. */
export type AssetReader = (id: string, mostBytes: number) => Promise<Buffer>;

/** What of a node differs by its runtime. */
export type Sandboxed = {
  request(task: Task, readAsset: AssetReader): Promise<EvaluationRequest>;
  /** Whether an exit code other than 0 is a result and no failure. */
  accepts?(exitCode: number, task: Task): boolean;
  /** What an evaluation that completed gives. */
  output(evaluation: Evaluation, task: Task): Json;
};

export const sandboxed =
  (services: SandboxedServices, of: Sandboxed): Handler =>
  (task) =>
    task.resume === null ? begin(services, of, task) : goOn(services, of, task);

async function begin(services: SandboxedServices, of: Sandboxed, task: Task): Promise<null> {
  const { runId, node, item, fence } = task;
  const until = new Date(Date.now() + node.policy.timeoutMs);
  const call = await services.callFor(task);
  if (call === null)
    throw nodeErrors.maker_gone('Whoever made the run has left the organization, or their key was revoked.');
  const request = await of.request(task, (...asset) => services.readAsset(call, ...asset));
  await services.evaluate(call, { runId, node: { key: node.key, item: item?.index ?? WHOLE }, fence, request, until });
  return null;
}

async function goOn(services: SandboxedServices, of: Sandboxed, task: Task): Promise<Result> {
  const { orgId, node, resume } = task;
  const id = String(resume?.['evaluation_id']);
  const until = new Date(String(resume?.['until']));
  const evaluation = await services.findEvaluation(orgId, id);
  if (!evaluation) throw nodeErrors.evaluation_gone(`The evaluation ${id} was deleted before the node saw its end.`);
  const { state, reason, exitCode } = evaluation;
  const isAccepted = reason === 'nonzero_exit' && exitCode !== null && of.accepts?.(exitCode, task);
  if (state === 'completed' || isAccepted) return completed(of.output(evaluation, task));
  if (isTerminal(state)) return failed(evaluation);
  if (until > new Date()) return { kind: 'waiting', at: until, resume: { ...resume } };
  await services.cancelEvaluation(orgId, id, 'node_timeout');
  throw nodeErrors.too_late(`"${node.key}" took longer than ${node.policy.timeoutMs} ms; ${id} was cancelled.`);
}

/** Text of the program's own that a failure quotes. */
const QUOTED = 500;

/** What would fail again, and what somebody has stopped, is not tried again. */
const FINAL: ReadonlySet<string | null> = new Set(['compile_error', 'killed', 'cancelled']);

function failed({ id, state, reason, message, exitCode, error }: Evaluation): Result {
  const said = error.trimEnd().slice(-QUOTED);
  const how = reason === 'nonzero_exit' ? `The program ended with exit code ${exitCode}.` : (message ?? '');
  const text = [`${id}: ${how}`, ...(said === '' ? [] : [said])].join('\n');
  return {
    kind: 'failed',
    failure: { code: `evaluation.${reason ?? state}`, message: text },
    isFinal: FINAL.has(reason),
  };
}

/** How the output of a program is read. */
export type OutputForm = 'text' | 'json';

/** What every evaluation that completed tells. */
export function evaluationOutput(evaluation: Evaluation, form: OutputForm): Json {
  const { id, exitCode, error, runtimeMs, outputTruncated, outputAssetId, errorAssetId, files } = evaluation;
  return {
    stdout: form === 'json' ? parsed(evaluation) : evaluation.output,
    stderr: error,
    exit_code: exitCode,
    evaluation_id: id,
    runtime_ms: runtimeMs,
    output_truncated: outputTruncated,
    stdout_asset_id: outputAssetId,
    stderr_asset_id: errorAssetId,
    files,
  };
}

function parsed({ id, output, outputAssetId }: Evaluation): Json {
  if (outputAssetId !== null)
    throw nodeErrors.output_too_large(`The output of ${id} is longer than can be read as JSON, or is not UTF-8.`);
  try {
    return JSON.parse(output) as Json;
  } catch (cause) {
    throw nodeErrors.no_json(`The output of ${id} is not JSON: ${JSON.stringify(output.slice(0, 100))}.`, { cause });
  }
}
