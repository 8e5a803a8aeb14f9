import { EvaluationService } from '@assay/contract/grpc';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import { decodeCursor, encodeCursor } from '../../kernel/page.ts';
import { type evaluationOperations, isTerminal } from '../../modules/evaluations/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { invalidFields } from '../http/surface.ts';
import * as codec from './evaluation-codec.ts';
import { logMessages } from './log-messages.ts';
import { pageSizeOf, pageTokenOf } from './paging.ts';
import type { Handlers, RpcSurface } from './rpc-surface.ts';

type Operations = ReturnType<typeof evaluationOperations>;
type Run = HttpKit['operator']['run'];

const MAX_BATCH = 100;
const MAX_WAIT_SECONDS = 60;
const PAGES = { usual: 100, most: 1_000 };
const MAX_OFFSET = 10_000_000;
const MAX_ID_LENGTH = 64;
/** Two of them fit into a message, of whatever characters they are. */
const MAX_LOG_BYTES = 1 << 20;

export function serveEvaluations(surface: RpcSurface, run: Run, of: Operations): void {
  surface.serve(EvaluationService, 'evaluations', { ...work(run, of), ...reads(run, of) });
}

type All = Handlers<typeof EvaluationService>;

const work = (run: Run, of: Operations): Pick<All, 'submit' | 'submitBatch' | 'cancel' | 'kill'> => ({
  async submit({ evaluation, waitSeconds }, call) {
    const request = codec.decodeSpec(evaluation, 'evaluation');
    const { id, queuePosition, ended } = await run(of.submit, call, { request, waitMs: waitMs(waitSeconds) });
    return { id, queuePosition, ...(ended && { ended: codec.encodeEvaluation(ended, null) }) };
  },

  async submitBatch({ evaluations }, call) {
    if (evaluations.length === 0 || evaluations.length > MAX_BATCH) {
      throw outOfRange('evaluations', `must be 1 to ${MAX_BATCH} programs`);
    }
    const items = evaluations.map((spec, index) => attempt(() => codec.decodeSpec(spec, `evaluations.${index}`)));
    return { outcomes: (await run(of.submitBatch, call, items)).map(codec.encodeOutcome) };
  },

  async cancel({ id }, call) {
    const { wasKilled, state } = await run(of.kill, call, { id: idOf(id), reason: 'cancelled' });
    return { cancelled: wasKilled, state: codec.encodeState(state) };
  },

  async kill({ id }, call) {
    const { wasKilled, state } = await run(of.kill, call, { id: idOf(id), reason: 'killed' });
    return { killed: wasKilled, state: codec.encodeState(state) };
  },
});

const reads = (run: Run, of: Operations): Pick<All, 'get' | 'list' | 'getLogs' | 'streamLogs'> => ({
  async get({ id, waitSeconds }, call) {
    const evaluation = await run(of.getEvaluation, call, { id: idOf(id), waitMs: waitMs(waitSeconds) });
    const { priority } = evaluation;
    const waits = evaluation.state === 'queued';
    const position = waits ? await run(of.getQueuePosition, call, { id: evaluation.id, priority }) : null;
    return { evaluation: codec.encodeEvaluation(evaluation, position) };
  },

  async list({ pageSize, pageToken, state }, call) {
    const limit = pageSizeOf(pageSize, PAGES);
    const offset = await pageTokenOf(async () => offsetOf(pageToken));
    const { items, total } = await run(of.listEvaluations, call, { limit, offset, state: codec.decodeState(state) });
    const next = offset + items.length;
    return {
      evaluations: items.map(codec.encodeSummary),
      totalSize: total,
      nextPageToken: next < total && items.length > 0 ? encodeCursor([String(next)]) : '',
    };
  },

  async getLogs({ id }, call) {
    const evaluation = await run(of.getEvaluation, call, { id: idOf(id), waitMs: 0 });
    const { state, exitCode, outputTruncated } = evaluation;
    const { stdout, stderr } = isTerminal(state)
      ? { stdout: evaluation.output, stderr: evaluation.error }
      : await run(of.readOutputSoFar, call, { id: evaluation.id });
    const [output, error] = [within(stdout), within(stderr)];
    return {
      output,
      error,
      state: codec.encodeState(state),
      ...(exitCode !== null && { exitCode }),
      truncated: outputTruncated || output.length < stdout.length || error.length < stderr.length,
    };
  },

  async *streamLogs({ id, after }, call: HttpCall) {
    const from = { stdout: Number(after?.stdout ?? 0n), stderr: Number(after?.stderr ?? 0n) };
    if (!isPosition(from.stdout) || !isPosition(from.stderr)) {
      throw outOfRange('after', 'must be a position that an earlier stream gave');
    }
    yield* logMessages(await run(of.followLogs, call, { id: idOf(id), ...from }), from);
  },
});

const outOfRange = (field: string, rule: string): AppError =>
  invalidFields([{ field, constraint: 'range', message: `Field ${field}: ${rule}` }]);

function waitMs(seconds: number): number {
  if (seconds < 0 || seconds > MAX_WAIT_SECONDS) throw outOfRange('wait_seconds', `must be 0 to ${MAX_WAIT_SECONDS}`);
  return seconds * 1000;
}

function idOf(id: string): string {
  if (id === '' || id.length > MAX_ID_LENGTH) throw outOfRange('id', 'must be the id of an evaluation');
  return id;
}

const isOffset = (key: string): boolean => /^\d{1,8}$/.test(key) && Number(key) <= MAX_OFFSET;

const offsetOf = (pageToken: string): number => (pageToken === '' ? 0 : Number(decodeCursor(pageToken, [isOffset])[0]));

const isPosition = (bytes: number): boolean => Number.isSafeInteger(bytes) && bytes >= 0 && bytes < 1e12;

/** The start of a text that fits into a message. */
function within(text: string): string {
  if (Buffer.byteLength(text) <= MAX_LOG_BYTES) return text;
  // A character that the limit cuts in two would decode as the replacement character.
  return Buffer.from(text)
    .toString('utf8', 0, MAX_LOG_BYTES)
    .replace(/\uFFFD$/, '');
}

/** A program that is refused does not end its batch. */
function attempt<Value>(work: () => Value): Value | AppError {
  try {
    return work();
  } catch (thrown) {
    const refusal = toAppError(thrown);
    if (refusal.kind === 'invalid') return refusal;
    throw refusal;
  }
}
