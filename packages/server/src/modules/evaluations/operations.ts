import { type EvaluationId, newEvaluationId, newId } from '../../kernel/ids.ts';
import { AppError, toAppError } from '../../kernel/errors.ts';
import type { Tx } from '../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../platform/operation.ts';
import { type Fleet, type RunnerOffer, resolveEngine } from '../runners/index.ts';
import type { Endings } from './endings.ts';
import { evaluationErrors } from './errors.ts';
import { type Evaluation, type EvaluationRequest, type EvaluationState, isTerminal, limitsFor, previewOf, queuePosition } from './model.ts';
import { followOutput, type OutputChunk, readPieces } from './output.ts';
import { type PlatformStatus, type Probes, platformStatus } from './platform-status.ts';
import * as reads from './reads.ts';
import * as store from './store.ts';

export type EvaluationOperationsOptions = {
  fleet: Fleet;
  endings: Endings;
  /** On the system handle: what needs the whole queue. */
  systemStatements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** On the caller's organization, outside the operation's transaction. */
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  readAsset(orgId: string, assetId: string): Promise<Buffer>;
  /** Signals, raised behind the commit. */
  queued(): void;
  cancelled(id: string): void;
  probes: Probes;
  /** How long an evaluation may wait for a slot, seconds. */
  queueSeconds: number;
};

/** `ended` is there when the caller waited, and the end came in time. */
export type Submitted = { id: EvaluationId; queuePosition: number; ended?: Evaluation };
export type Submission = { request: EvaluationRequest; waitMs: number };
export type SubmitOutcome = { accepted: true; evaluation: Submitted } | { accepted: false; message: string };
export type KillOutcome = { id: string; wasKilled: boolean; state: string };

/** A kill answers when the end is recorded; the janitor forces it well before this. */
const KILL_WAIT_MS = 3_000;

const NOTHING = Promise.resolve(new Map<EvaluationState, number>());

const orgOf = (by: { orgId: string | null }): string => String(by.orgId);
const target = (id: string): { type: string; id: string } => ({ type: 'evaluation', id });

export function evaluationOperations(options: EvaluationOperationsOptions) {
  const { fleet, endings, systemStatements, statements, readAsset, queued, cancelled, queueSeconds } = options;

  const prepare = (request: EvaluationRequest, batchId: string | null): store.NewEvaluation => ({
    id: newEvaluationId(new Date()),
    priority: request.priority,
    batchId,
    retryOf: null,
    language: request.language,
    engineAsked: request.engine,
    engine: resolveEngine(fleet.engines, { language: request.language, engine: request.engine, strict: request.engineStrict }),
    code: request.code,
    codePreview: previewOf(request.code),
    stdin: request.stdin,
    args: request.args,
    env: request.env,
    files: request.files,
    outputs: request.outputs,
    limits: limitsFor(request),
    metadata: request.metadata,
  });

  /** Adds to the queue and gives each its place in it. */
  async function enqueue({ tx, by }: Context, evaluations: readonly store.NewEvaluation[]): Promise<Submitted[]> {
    const backlog = await systemStatements((system) => reads.readBacklog(system, orgOf(by)));
    store.insertEvaluations(tx, { orgId: orgOf(by), kind: by.kind, id: by.id, queueSeconds }, evaluations);
    tx.onCommit(queued);
    const before = new Map<number, number>();
    return evaluations.map(({ id, priority }) => {
      const nth = (before.get(priority) ?? 0) + 1;
      before.set(priority, nth);
      return { id, queuePosition: queuePosition(backlog, orgOf(by), priority, nth) };
    });
  }

  async function get(tx: Tx, orgId: string, id: string): Promise<Evaluation> {
    const found = await store.findEvaluation(tx, orgId, id);
    if (!found) throw evaluationErrors.not_found('There is no evaluation with this id.');
    return found;
  }

  /** The evaluation once it has ended, or as it stands when the wait is over. */
  async function whenEnded(orgId: string, id: string, waitMs: number, signal: AbortSignal): Promise<Evaluation> {
    const ended = endings.wait(id, waitMs, signal);
    const now = await statements(orgId, (tx) => get(tx, orgId, id));
    if (isTerminal(now.state)) return now;
    await ended;
    return statements(orgId, (tx) => get(tx, orgId, id));
  }

  const submit = operation({
    name: 'evaluations.evaluation.submit',
    summary: 'Submit code to be run in a sandbox.',
    scope: 'evaluations:write',
    effect: 'create',
    rate: 'evaluations',
    audit: {
      action: 'evaluation.submitted',
      target: (_input: Submission, output: Submitted) => target(output.id),
      detail: ({ request }) => ({ language: request.language, engine: request.engine }),
    },
    async run(context, { request }) {
      const [submitted] = await enqueue(context, [prepare(request, null)]);
      return submitted as Submitted;
    },
    async afterCommit({ by, call }, { waitMs }, output) {
      if (waitMs === 0) return output;
      const ended = await whenEnded(orgOf(by), output.id, waitMs, call.signal);
      return isTerminal(ended.state) ? { ...output, ended } : output;
    },
  });

  const submitBatch = operation({
    name: 'evaluations.batch.submit',
    summary: 'Submit up to 100 pieces of code at once; each is accepted or refused on its own.',
    scope: 'evaluations:write',
    effect: 'create',
    rate: 'evaluations.batch',
    audit: {
      action: 'evaluation.batch_submitted',
      detail: (input: (EvaluationRequest | AppError)[], output: SubmitOutcome[]) => ({
        items: input.length,
        accepted: output.flatMap((item) => (item.accepted ? [item.evaluation.id] : [])),
      }),
    },
    async run(context, input): Promise<SubmitOutcome[]> {
      const batchId = newId();
      const prepared = input.map((item) => attempt(() => (item instanceof AppError ? item : prepare(item, batchId))));
      const accepted = prepared.flatMap((item) => (item instanceof AppError ? [] : [item]));
      const submitted = accepted.length > 0 ? await enqueue(context, accepted) : [];
      let next = 0;
      return prepared.map((item) =>
        item instanceof AppError
          ? { accepted: false, message: item.message }
          : { accepted: true, evaluation: submitted[next++] as Submitted },
      );
    },
  });

  const getEvaluation = operation({
    name: 'evaluations.evaluation.get',
    summary: 'Get an evaluation; with a wait, once it has ended or the wait is over.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    async run({ tx, by, call }, input: { id: string; waitMs: number }): Promise<Evaluation> {
      if (input.waitMs === 0) return get(tx, orgOf(by), input.id);
      return whenEnded(orgOf(by), input.id, input.waitMs, call.signal);
    },
  });

  const getQueuePosition = operation({
    name: 'evaluations.queue_position.get',
    summary: 'The place of a queued evaluation in the queue; null when it no longer waits.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'included',
    audit: null,
    async run({ tx, by }, input: { id: string; priority: number }): Promise<number | null> {
      const ahead = await reads.countOwnAhead(tx, orgOf(by), input.id);
      if (ahead === null) return null;
      const backlog = await systemStatements((system) => reads.readBacklog(system, orgOf(by)));
      const asIfNew = backlog.map((row) =>
        row.orgId === by.orgId && row.priority === input.priority ? { ...row, queued: Math.min(row.queued, ahead) } : row,
      );
      return queuePosition(asIfNew, orgOf(by), input.priority, 1);
    },
  });

  const listEvaluations = operation({
    name: 'evaluations.evaluation.list',
    summary: "List the organization's evaluations, newest first.",
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    async run({ tx, by }, input: reads.ListRequest) {
      const [items, counts] = await Promise.all([
        reads.listEvaluations(tx, orgOf(by), input),
        input.state === null
          ? reads.countEvaluations(tx, orgOf(by)).then((byState) => [...byState.values()].reduce((sum, n) => sum + n, 0))
          : reads.countInState(tx, orgOf(by), input.state),
      ]);
      return { items, total: counts };
    },
  });

  const countEvaluations = operation({
    name: 'evaluations.evaluation.count',
    summary: "How many of the organization's evaluations are in each state.",
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    run: async ({ tx, by }) => reads.countEvaluations(tx, orgOf(by)),
  });

  const readStatistics = operation({
    name: 'evaluations.statistics.get',
    summary: 'What ended in the last hours, by engine and language, with run times.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    run: async ({ tx, by }, input: { hours: number }) => reads.readStatistics(tx, orgOf(by), input.hours),
  });

  const listOffers = operation({
    name: 'evaluations.offer.list',
    summary: 'The engines and languages that runners really have, and the engines they refused with the fix.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    transaction: 'none',
    run: async (): Promise<Pick<RunnerOffer, 'engines' | 'refused' | 'languages'>> => ({
      engines: fleet.engines,
      refused: fleet.refusals,
      languages: fleet.languages,
    }),
  });

  const followLogs = operation({
    name: 'evaluations.output.follow',
    summary: 'Follow the output of an evaluation from its start, or from where an earlier stream ended.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    transaction: 'none',
    async run({ by, call }, input: { id: string; stdout: number; stderr: number }): Promise<AsyncIterable<OutputChunk>> {
      await statements(orgOf(by), (tx) => get(tx, orgOf(by), input.id));
      return followOutput({ statements, endings, readAsset, orgId: orgOf(by), signal: call.signal, ...input });
    },
  });

  const readOutputSoFar = operation({
    name: 'evaluations.output.get',
    summary: 'The output of a running evaluation as far as it has arrived.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'included',
    audit: null,
    run: async ({ tx, by }, input: { id: string }) => readPieces(tx, orgOf(by), input.id),
  });

  const getPlatformStatus = operation({
    name: 'evaluations.platform.get',
    summary: 'Platform health, checked now, with the counts of the caller.',
    scope: 'public',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    transaction: 'none',
    async run({ by }): Promise<PlatformStatus> {
      const sees = by.orgId !== null && by.scopes.has('evaluations:read');
      return platformStatus(options.probes, () => (sees ? statements(orgOf(by), (tx) => reads.countEvaluations(tx, orgOf(by))) : NOTHING));
    },
  });

  const kill = operation({
    name: 'evaluations.evaluation.kill',
    summary: 'End an evaluation, queued or running, with everything it started.',
    scope: 'evaluations:write',
    effect: 'wind_down',
    rate: 'evaluations',
    audit: {
      action: 'evaluation.killed',
      target: (input: { id: string; reason: 'killed' | 'cancelled' }, _output: KillOutcome) => target(input.id),
      detail: (input, output) => ({ how: input.reason, had_ended: !output.wasKilled }),
    },
    async run({ tx, by }, input) {
      const marked = await store.markCancelled(tx, orgOf(by), input.id, input.reason);
      if (!marked) throw evaluationErrors.not_found('There is no evaluation with this id.');
      tx.onCommit(() => {
        if (marked.state === 'cancelled') endings.announce(input.id);
        else cancelled(input.id);
      });
      return { id: input.id, wasKilled: !marked.wasTerminal, state: marked.state };
    },
    async afterCommit({ by, call }, input, output) {
      if (output.state !== 'running') return output;
      const { state } = await whenEnded(orgOf(by), input.id, KILL_WAIT_MS, call.signal);
      return { id: input.id, wasKilled: state === 'cancelled', state };
    },
  });

  const listDeadLetters = operation({
    name: 'evaluations.dead_letter.list',
    summary: 'Evaluations that failed through no fault of their code.',
    scope: 'evaluations:read',
    effect: 'read',
    rate: 'evaluations',
    audit: null,
    run: async ({ tx, by }, input: { limit: number; offset: number }) => reads.listDeadLetters(tx, orgOf(by), input),
  });

  const retryDeadLetter = operation({
    name: 'evaluations.dead_letter.retry',
    summary: 'Submit a dead letter again, as a new evaluation.',
    scope: 'evaluations:write',
    effect: 'create',
    rate: 'evaluations',
    audit: {
      action: 'evaluation.retried',
      target: (_input: { id: string }, output: Submitted) => target(output.id),
      detail: (input) => ({ retry_of: input.id }),
    },
    async run(context, input) {
      const dead = await store.takeDeadLetterForRetry(context.tx, orgOf(context.by), input.id);
      if (!dead) throw evaluationErrors.not_found('There is no dead letter with this id.');
      const [submitted] = await enqueue(context, [{ ...dead, id: newEvaluationId(new Date()) }]);
      return submitted as Submitted;
    },
  });

  return {
    submit,
    submitBatch,
    getEvaluation,
    getQueuePosition,
    listEvaluations,
    countEvaluations,
    readStatistics,
    listOffers,
    followLogs,
    readOutputSoFar,
    getPlatformStatus,
    kill,
    listDeadLetters,
    retryDeadLetter,
  } satisfies Record<string, AnyOperation>;
}

/** Turns the refusal of one item into a value: the others go on. Faults of ours, and an absent fleet, end all. */
function attempt<Value>(work: () => Value): Value | AppError {
  try {
    return work();
  } catch (thrown) {
    const refusal = toAppError(thrown);
    if (refusal.kind !== 'invalid') throw refusal;
    return refusal;
  }
}
