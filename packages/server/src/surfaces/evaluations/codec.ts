import type { SocketMessage, EvaluationRequest as WireRequest } from '@assay/contract';
import type { z } from 'zod';
import type { Evaluation, EvaluationRequest } from '../../modules/evaluations/index.ts';
import type { StreamedEvent } from '../../modules/events/index.ts';

/** Between crucible-platform's words and the module's. */
export function decodeRequest(body: z.output<typeof WireRequest>): EvaluationRequest {
  return {
    code: body.code,
    language: body.language.toLowerCase(),
    engine: body.engine.toLowerCase(),
    engineStrict: body.engine_strict,
    timeoutSeconds: body.timeout,
    stdin: body.stdin,
    args: body.args,
    env: body.env,
    files: body.files,
    outputs: body.outputs,
    memoryMb: body.memory_mb ?? null,
    cpus: body.cpu ?? null,
    processes: body.processes ?? null,
    priority: body.priority,
    metadata: body.metadata,
  };
}

/** Times as the seed shows them: seconds, `Z`. Milliseconds are kept, they are RFC 3339 as well. */
const time = (at: Date): string => at.toISOString();
const timeOrNull = (at: Date | null): string | null => (at === null ? null : time(at));

/** What the caller gave, and how it failed if it did. */
const metadataOf = ({ metadata, reason, message }: Evaluation): Record<string, unknown> =>
  reason === null || reason === 'ok' ? metadata : { ...metadata, reason, ...(message ? { message } : {}) };

export function encodeStatus(evaluation: Evaluation) {
  return {
    eval_id: evaluation.id,
    status: evaluation.state,
    created_at: time(evaluation.createdAt),
    completed_at: timeOrNull(evaluation.completedAt),
    output: evaluation.output,
    error: evaluation.error,
    success: evaluation.state === 'completed',
    exit_code: evaluation.exitCode,
    runtime_ms: evaluation.runtimeMs,
    output_truncated: evaluation.outputTruncated,
    metadata: metadataOf(evaluation),
  };
}

/** An item of a node that runs for each of a list is `key#0`. */
const nodeName = ({ key, item }: NonNullable<Evaluation['forNode']>): string => (item < 0 ? key : `${key}#${item}`);

export function encodeRecord(evaluation: Evaluation, queuePosition: number | null) {
  return {
    ...encodeStatus(evaluation),
    language: evaluation.language,
    engine: evaluation.engine,
    engine_asked: evaluation.engineAsked,
    code: evaluation.code,
    priority: evaluation.priority,
    queue_position: queuePosition,
    batch_id: evaluation.batchId,
    retry_of: evaluation.retryOf,
    workflow_run_id: evaluation.forNode?.runId ?? null,
    workflow_node: evaluation.forNode && nodeName(evaluation.forNode),
    created_by: evaluation.createdBy,
    started_at: timeOrNull(evaluation.startedAt),
    attempt: evaluation.attempt,
    reason: evaluation.reason,
    message: evaluation.message,
    signal: evaluation.signal,
    compile_ms: evaluation.compileMs,
    cpu_ms: evaluation.cpuMs,
    memory_peak_mb: evaluation.memoryPeakMb,
    output_asset_id: evaluation.outputAssetId,
    error_asset_id: evaluation.errorAssetId,
    files: evaluation.files,
    limits: evaluation.limits,
    receipt: evaluation.receipt,
  };
}

export const encodeLogs = (evaluation: Evaluation) => ({
  eval_id: evaluation.id,
  output: evaluation.output,
  error: evaluation.error,
  is_running: evaluation.state === 'running',
  exit_code: evaluation.exitCode,
  status: evaluation.state,
});

/** One event as the frame of `/ws`; null for events that the seed has no frame for. */
export function encodeSocketMessage(event: StreamedEvent): SocketMessage | null {
  const frame = (type: SocketMessage['type'], data: Record<string, unknown>): SocketMessage => ({
    type,
    eval_id: event.subject,
    data,
    id: event.position,
  });
  const { eval_id: _id, ...data } = event.data;
  switch (event.type) {
    case 'evaluation.output':
      return frame('output_chunk', { stream: data['stream'], offset: data['offset'], output: data['text'] });
    case 'evaluation.queued':
    case 'evaluation.running':
      // The seed shows the output beside the status. At these two moments there is none: it follows in chunks.
      return frame('status_update', { ...data, output: '' });
    case 'evaluation.completed':
    case 'evaluation.failed':
    case 'evaluation.timeout':
    case 'evaluation.cancelled':
      return frame('completed', { ...data, success: data['status'] === 'completed' });
    default:
      return null;
  }
}
