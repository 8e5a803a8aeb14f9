import { EvaluationRequest, evaluationRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import { type evaluationOperations, isTerminal } from '../../modules/evaluations/index.ts';
import { rateHeaders } from '../http/headers.ts';
import type { HttpKit } from '../http/kit.ts';
import { sendEvents } from '../http/sse.ts';
import { invalidFields, Surface, toFault } from '../http/surface.ts';
import * as codec from './codec.ts';
import { logFrames, parseLogPosition } from './logs.ts';
import { renderError } from './render-error.ts';

export { serveEvaluationSocket } from './socket.ts';

export type EvaluationsSurface = { kit: HttpKit; operations: ReturnType<typeof evaluationOperations> };

/** crucible-platform's API: flat answers, `{error, detail, status_code}`. */
export function registerEvaluations(scope: FastifyInstance, { kit, operations: of }: EvaluationsSurface): Surface {
  const surface = new Surface(scope, { name: 'evaluations', renderError, rate: 'evaluations', kit });
  const run = kit.operator.run.bind(kit.operator);
  registerWork(surface, of, run);
  registerReads(surface, of, run);
  return surface;
}

type Run = HttpKit['operator']['run'];
type Operations = EvaluationsSurface['operations'];

function registerWork(surface: Surface, of: Operations, run: Run): void {
  const queuedAnswer = ({ id, queuePosition }: { id: string; queuePosition: number }) => ({
    eval_id: id,
    status: 'queued',
    message: 'Evaluation queued successfully',
    queue_position: queuePosition,
  });

  surface.serve(routes.submit, async ({ body, query }, call) => {
    const submitted = await run(of.submit, call, { request: codec.decodeRequest(body), waitMs: query.wait * 1000 });
    return submitted.ended
      ? { ...queuedAnswer(submitted), ...codec.encodeStatus(submitted.ended) }
      : queuedAnswer(submitted);
  });

  surface.serve(routes.submitBatch, async ({ body }, call) => {
    const items = body.evaluations.map((item) => {
      const result = EvaluationRequest.safeParse(item);
      return result.success
        ? codec.decodeRequest(result.data)
        : invalidFields(result.error.issues.map((issue) => toFault(issue, '')));
    });
    const outcomes = await run(of.submitBatch, call, items);
    const evaluations = outcomes.map((outcome) =>
      outcome.accepted
        ? queuedAnswer(outcome.evaluation)
        : { eval_id: null, status: 'failed', message: outcome.message },
    );
    const queued = outcomes.filter(({ accepted }) => accepted).length;
    return { evaluations, total: outcomes.length, queued, failed: outcomes.length - queued };
  });

  surface.serve(routes.kill, async ({ params }, call) => {
    const outcome = await run(of.kill, call, { id: params.eval_id, reason: 'killed' });
    return {
      eval_id: outcome.id,
      killed: outcome.wasKilled,
      message: outcome.wasKilled
        ? 'Evaluation terminated successfully'
        : `Evaluation has already ended with status ${outcome.state}`,
    };
  });

  surface.serve(routes.cancel, async ({ params }, call) => {
    const outcome = await run(of.kill, call, { id: params.eval_id, reason: 'cancelled' });
    return {
      eval_id: outcome.id,
      cancelled: outcome.wasKilled,
      status: outcome.state,
      message: outcome.wasKilled ? 'Evaluation cancelled' : `Evaluation has already ended with status ${outcome.state}`,
    };
  });

  surface.serve(routes.retryDeadLetter, async ({ params }, call) =>
    queuedAnswer(await run(of.retryDeadLetter, call, { id: params.eval_id })),
  );
}

function registerReads(surface: Surface, of: Operations, run: Run): void {
  const get = (call: Parameters<Run>[1], id: string, waitSeconds: number) =>
    run(of.getEvaluation, call, { id, waitMs: waitSeconds * 1000 });

  surface.serve(routes.status, async ({ params, query }, call) =>
    codec.encodeStatus(await get(call, params.eval_id, query.wait)),
  );

  surface.serve(routes.record, async ({ params, query }, call) => {
    const evaluation = await get(call, params.eval_id, query.wait);
    const waits = evaluation.state === 'queued';
    const position = waits
      ? await run(of.getQueuePosition, call, { id: evaluation.id, priority: evaluation.priority })
      : null;
    return codec.encodeRecord(evaluation, position);
  });

  surface.serve(routes.logs, async ({ params }, call, { request, reply }) => {
    if (!(request.headers.accept ?? '').includes('text/event-stream'))
      return currentLogs(params.eval_id, call, of, run);
    const from = parseLogPosition(request.headers['last-event-id']);
    const chunks = await run(of.followLogs, call, { id: params.eval_id, ...from });
    const headers = { 'x-request-id': call.requestId, ...rateHeaders(call.notes.rate) };
    await sendEvents(reply, logFrames(params.eval_id, chunks), { headers, signal: call.signal });
    return undefined;
  });

  surface.serve(routes.list, async ({ query }, call) => {
    const { limit, offset, status } = query;
    const { items, total } = await run(of.listEvaluations, call, { limit, offset, state: status ?? null });
    return {
      evaluations: items.map((item) => ({
        eval_id: item.id,
        status: item.state,
        created_at: item.createdAt.toISOString(),
        code_preview: item.codePreview,
        success: item.state === 'completed',
        completed_at: item.completedAt?.toISOString() ?? null,
        language: item.language,
        engine: item.engine,
        exit_code: item.exitCode,
        runtime_ms: item.runtimeMs,
        reason: item.reason,
      })),
      count: total,
      limit,
      offset,
      has_more: offset + items.length < total,
    };
  });

  surface.serve(routes.queueStatus, async (_decoded, call) => {
    const counts = await run(of.countEvaluations, call, undefined);
    const queued = counts.get('queued') ?? 0;
    const processing = counts.get('running') ?? 0;
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { queued, processing, queue_length: queued + processing, total_tasks: total };
  });

  surface.serve(routes.platformStatus, async (_decoded, call) => run(of.getPlatformStatus, call, undefined));

  surface.serve(routes.languages, async (_decoded, call) => ({
    languages: (await run(of.listOffers, call, undefined)).languages,
  }));

  surface.serve(routes.engines, async (_decoded, call) => {
    const { engines, refused } = await run(of.listOffers, call, undefined);
    return { engines, refused, default: 'auto' };
  });

  surface.serve(routes.statistics, async ({ query }, call) => {
    const rows = await run(of.readStatistics, call, query);
    return {
      hours: query.hours,
      by_engine_and_language: rows.map(({ medianMs, p95Ms, cpuMs, ...row }) => ({
        ...row,
        median_ms: medianMs,
        p95_ms: p95Ms,
        cpu_ms: cpuMs,
      })),
    };
  });

  surface.serve(routes.deadLetters, async ({ query }, call) => {
    const dead = await run(of.listDeadLetters, call, query);
    return { dead_letters: dead.map((evaluation) => codec.encodeRecord(evaluation, null)), ...query };
  });
}

/** The output as it stands: of a running evaluation, what has arrived until now. */
async function currentLogs(id: string, call: Parameters<Run>[1], of: Operations, run: Run) {
  const evaluation = await run(of.getEvaluation, call, { id, waitMs: 0 });
  if (isTerminal(evaluation.state)) return codec.encodeLogs(evaluation);
  const { stdout, stderr } = await run(of.readOutputSoFar, call, { id });
  return { ...codec.encodeLogs(evaluation), output: stdout, error: stderr };
}
