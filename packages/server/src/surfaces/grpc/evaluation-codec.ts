import { EvaluationRequest as WireRequest } from '@assay/contract';
import {
  type BatchOutcomeSchema,
  type EvaluationSchema,
  type EvaluationSpec,
  EvaluationState,
  type EvaluationSummarySchema,
  type ResultFileSchema,
} from '@assay/contract/grpc';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Evaluation, EvaluationRequest, evaluationOperations } from '../../modules/evaluations/index.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import { present } from './present.ts';

type Operations = ReturnType<typeof evaluationOperations>;
type Output<Name extends keyof Operations> = Awaited<ReturnType<Operations[Name]['run']>>;
type Summary = Output<'listEvaluations'>['items'][number];
type State = Evaluation['state'];

const STATES = {
  queued: EvaluationState.QUEUED,
  running: EvaluationState.RUNNING,
  completed: EvaluationState.COMPLETED,
  failed: EvaluationState.FAILED,
  timeout: EvaluationState.TIMEOUT,
  cancelled: EvaluationState.CANCELLED,
} as const satisfies Record<State, EvaluationState>;

export const encodeState = (state: string): EvaluationState => STATES[state as State];

/**
 * The state of a filter; null for any.
 * @throws AppError `invalid` for a number that no state has
 */
export function decodeState(wanted: EvaluationState): State | null {
  if (wanted === EvaluationState.UNSPECIFIED) return null;
  const [found] = Object.entries(STATES).find(([, state]) => state === wanted) ?? [];
  if (found !== undefined) return found as State;
  throw invalidFields([{ field: 'state', constraint: 'enum', message: 'Field state: there is no such state' }]);
}

/**
 * Reads a program by the rules that hold for every way in, whose sentences callers then see: they are the contract's.
 * @throws AppError `invalid` that names the fields at fault, below `field`
 */
export function decodeSpec(spec: EvaluationSpec | undefined, field: string): EvaluationRequest {
  if (spec === undefined) {
    throw invalidFields([{ field, constraint: 'required', message: `Field ${field}: what to run is missing` }]);
  }
  refuseOddKeys(spec, field);
  const result = WireRequest.safeParse({
    code: spec.code,
    engine_strict: spec.engineStrict,
    stdin: spec.stdin,
    args: spec.args,
    env: spec.env,
    files: spec.files.map(({ path, content }) => ({ path, content: Buffer.from(content).toString('base64') })),
    outputs: spec.outputs,
    priority: spec.priority,
    metadata: spec.metadata ?? {},
    ...(spec.language !== '' && { language: spec.language }),
    ...(spec.engine !== '' && { engine: spec.engine }),
    ...(spec.timeout !== undefined && { timeout: spec.timeout }),
    ...(spec.memoryMb !== undefined && { memory_mb: spec.memoryMb }),
    ...(spec.cpu !== undefined && { cpu: spec.cpu }),
    ...(spec.processes !== undefined && { processes: spec.processes }),
  });
  if (!result.success) throw invalidFields(result.error.issues.map((issue) => toFault(issue, field)));
  const { data } = result;
  return {
    code: data.code,
    language: data.language.toLowerCase(),
    engine: data.engine.toLowerCase(),
    engineStrict: data.engine_strict,
    timeoutSeconds: data.timeout,
    stdin: data.stdin,
    args: data.args,
    env: data.env,
    files: data.files,
    outputs: data.outputs,
    memoryMb: data.memory_mb ?? null,
    cpus: data.cpu ?? null,
    processes: data.processes ?? null,
    priority: data.priority,
    metadata: data.metadata,
  };
}

/** A key that would change what an object is, rather than what it holds, is refused as it is in JSON. */
function refuseOddKeys({ env, metadata }: EvaluationSpec, field: string): void {
  const isOdd = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    (Object.hasOwn(value, '__proto__') || Object.values(value).some(isOdd));
  for (const [name, value] of Object.entries({ env, metadata })) {
    if (!isOdd(value)) continue;
    const message = `Field ${field}.${name}: a key is named __proto__. Leave it out`;
    throw invalidFields([{ field: `${field}.${name}`, constraint: 'key', message }]);
  }
}

export function encodeEvaluation(
  evaluation: Evaluation,
  queuePosition: number | null,
): MessageInitShape<typeof EvaluationSchema> {
  return {
    id: evaluation.id,
    state: encodeState(evaluation.state),
    createdAt: timestampFromDate(evaluation.createdAt),
    language: evaluation.language,
    engine: evaluation.engine,
    engineAsked: evaluation.engineAsked,
    code: evaluation.code,
    priority: evaluation.priority,
    createdBy: evaluation.createdBy,
    attempt: evaluation.attempt,
    output: evaluation.output,
    error: evaluation.error,
    outputTruncated: evaluation.outputTruncated,
    files: evaluation.files.map(encodeFile),
    limits: evaluation.limits,
    metadata: evaluation.metadata as JsonObject,
    ...present({
      startedAt: evaluation.startedAt && timestampFromDate(evaluation.startedAt),
      completedAt: evaluation.completedAt && timestampFromDate(evaluation.completedAt),
      queuePosition,
      batchId: evaluation.batchId,
      retryOf: evaluation.retryOf,
      reason: evaluation.reason,
      message: evaluation.message,
      exitCode: evaluation.exitCode,
      signal: evaluation.signal,
      outputAssetId: evaluation.outputAssetId,
      errorAssetId: evaluation.errorAssetId,
      runtimeMs: evaluation.runtimeMs,
      compileMs: evaluation.compileMs,
      cpuMs: evaluation.cpuMs,
      memoryPeakMb: evaluation.memoryPeakMb,
      receipt: evaluation.receipt as JsonObject | null,
    }),
  };
}

export function encodeSummary(summary: Summary): MessageInitShape<typeof EvaluationSummarySchema> {
  return {
    id: summary.id,
    state: encodeState(summary.state),
    createdAt: timestampFromDate(summary.createdAt),
    codePreview: summary.codePreview,
    language: summary.language,
    engine: summary.engine,
    ...present({
      completedAt: summary.completedAt && timestampFromDate(summary.completedAt),
      exitCode: summary.exitCode,
      runtimeMs: summary.runtimeMs,
      reason: summary.reason,
    }),
  };
}

export function encodeOutcome(outcome: Output<'submitBatch'>[number]): MessageInitShape<typeof BatchOutcomeSchema> {
  if (!outcome.accepted) return { outcome: { case: 'refused', value: outcome.message } };
  const { id, queuePosition } = outcome.evaluation;
  return { outcome: { case: 'accepted', value: { id, queuePosition } } };
}

function encodeFile(file: Evaluation['files'][number]): MessageInitShape<typeof ResultFileSchema> {
  if ('skipped' in file) return { path: file.path, result: { case: 'skipped', value: file.skipped } };
  return { path: file.path, result: { case: 'stored', value: { assetId: file.asset_id, size: BigInt(file.size) } } };
}
