import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { lockForProgress, writeProgress } from '../engine/store.ts';
import { jobErrors } from '../errors.ts';
import { isTerminal, type JsonObject } from '../model.ts';
import { actorOf } from '../runs/model.ts';
import { newProgress } from '../runs/new-progress.ts';
import { insertRunWithNodes } from '../runs/store.ts';
import { type Job, type JobState, jobGraph, type Modality } from './model.ts';
import * as store from './store.ts';

/** What was used and paid for the sake of one thing. */
export type WorkUsage = {
  records: number;
  cost: number;
  inputTokens: number;
  outputTokens: number;
  by: { provider: string; model: string; records: number; cost: number; inputTokens: number; outputTokens: number }[];
};

export type JobServices = {
  /** Signals, raised behind the commit: nodes became ready, or a run ended while an attempt may be under way. */
  ready(): void;
  ended(runId: string): void;
  usageOf(tx: Tx, of: { orgId: string; workId: string; since: Date }): Promise<WorkUsage>;
};

export type NewJob = {
  modality: Modality;
  request: JsonObject;
  estimate: JsonObject | null;
  priority: number;
  /** When it may begin; null is now. */
  runAt: Date | null;
};
export type JobQuery = { state: JobState | null; limit: number; cursor: string | null };
export type DeadJobQuery = { code: string | null; limit: number; cursor: string | null };
/** Which jobs are done again, and where to go on. */
export type Replay = { ids: string[]; nextCursor: string | null };
export type JobUsage = { job: Job; usage: WorkUsage };
type One = { id: string };

const WRITE = { scope: 'jobs:write', narrows: true, rate: 'control' } as const;
const READ = { scope: 'jobs:read', narrows: true, effect: 'read', rate: 'control', audit: null } as const;

export const jobOperations = (services: JobServices) =>
  ({
    createJob: createJob(services),
    listJobs,
    listDeadJobs,
    replayDeadJobs: replayDeadJobs(services),
    getJob,
    getJobUsage: getJobUsage(services),
    cancelJob: cancelJob(services),
    retryJob: retryJob(services),
  }) satisfies Record<string, AnyOperation>;

function createJob(services: JobServices) {
  /** Organizations that have the definition of jobs for sure. */
  const defined = new Set<string>();
  return operation({
    ...WRITE,
    name: 'jobs.job.create',
    summary: 'Have something done in the background: a model asked for text or vectors.',
    effect: 'create',
    audit: {
      action: 'job.created',
      target: (_input: NewJob, job: Job) => targetOf(job),
      detail: (_input, { modality, priority }) => ({ modality, priority }),
    },
    async run(context, { modality, request, estimate, priority, runAt }): Promise<Job> {
      const { tx, by, call } = context;
      const [orgId, id, createdAt] = [orgOf(context), newId(), new Date()];
      if (!defined.has(orgId)) {
        store.defineJobs(tx, orgId);
        tx.onCommit(() => defined.add(orgId));
      }
      const progress = newProgress(jobGraph(orgId), { orgId, id, priority, input: request });
      progress.start();
      context.emit({ type: 'job.created', subject: id, data: { job_id: id, modality, status: 'pending' } });
      const createdBy = actorOf(by);
      insertRunWithNodes(tx, {
        progress,
        nodes: [...jobGraph(orgId).nodes.values()],
        definitionId: orgId,
        priority,
        input: request,
        createdBy,
        requestId: call.requestId,
        scheduleId: null,
        deadlineSeconds: null,
        job: { modality, estimate },
        dueAt: runAt,
      });
      tx.onCommit(services.ready);
      return {
        ...{ orgId, id, modality, request, estimate, priority, createdBy, createdAt },
        ...{ state: 'pending', attempts: 0, output: null, error: null, startedAt: null, completedAt: null },
        dueAt: runAt ?? createdAt,
      };
    },
  });
}

const listJobs = operation({
  ...READ,
  name: 'jobs.job.list',
  summary: 'List jobs, newest first.',
  run: (context, { state, ...page }: JobQuery): Promise<Page<Job>> =>
    pageOf(context, page, (of) => store.listJobs(context.tx, { ...of, state })),
});

const listDeadJobs = operation({
  ...READ,
  name: 'jobs.dead_letter.list',
  summary: 'List jobs that failed for good, newest first, with why.',
  run: (context, query: DeadJobQuery): Promise<Page<Job>> => deadJobsOf(context, query),
});

/** One page is one transaction; its cursor leads past what is done again, so that what fails once more is not met twice. */
const replayDeadJobs = (services: JobServices) =>
  operation({
    ...WRITE,
    name: 'jobs.dead_letter.replay',
    summary: 'Do jobs again that failed for good, a page of them at once.',
    effect: 'create',
    audit: {
      action: 'job.dead_letters_replayed',
      detail: ({ code }: DeadJobQuery, { ids }: Replay) => ({ code, jobs: ids }),
    },
    async run(context, query): Promise<Replay> {
      const { tx } = context;
      const { items, nextCursor } = await deadJobsOf(context, query);
      const locked = await lockForProgress(
        tx,
        items.map(({ orgId, id }) => ({ orgId, id, nodes: 'all' })),
      );
      const now = new Date();
      const again = locked
        .map((run) => new RunProgress({ graph: jobGraph(run.run.orgId), ...run, now }))
        // Since they were listed, others may have done some of them again, or cancelled them.
        .filter((progress) => progress.state === 'failed' && progress.retry());
      if (again.length > 0) {
        writeProgress(tx, again);
        tx.onCommit(services.ready);
      }
      const replayed = new Set(again.map(({ runId }) => runId));
      return { ids: items.map(({ id }) => id).filter((id) => replayed.has(id)), nextCursor };
    },
  });

const getJob = operation({
  ...READ,
  name: 'jobs.job.get',
  summary: 'Get a job, how it stands and what it gave.',
  run: (context, { id }: One): Promise<Job> => requireJob(context, id),
});

const getJobUsage = ({ usageOf }: JobServices) =>
  operation({
    ...READ,
    name: 'jobs.job.get_usage',
    summary: 'Get what a job has used: money, tokens and seconds, of everything that it caused.',
    async run(context, { id }: One): Promise<JobUsage> {
      const job = await requireJob(context, id);
      const of = { orgId: job.orgId, workId: id, since: job.createdAt };
      return { job, usage: await usageOf(context.tx, of) };
    },
  });

const cancelJob = (services: JobServices) =>
  decision(services, {
    name: 'jobs.job.cancel',
    summary: 'Cancel a job. It ends at once, and what is under way is stopped.',
    effect: 'wind_down',
    action: 'job.cancelled',
    about: [],
    decide(progress) {
      if (progress.state === 'cancelled') return;
      if (isTerminal(progress.state)) throw jobErrors.ended(`The job has ended: it is ${progress.state}.`);
      progress.cancel();
    },
  });

const retryJob = (services: JobServices) =>
  decision(services, {
    name: 'jobs.job.retry',
    summary: 'Do a job again that failed or was cancelled.',
    effect: 'create',
    action: 'job.retried',
    about: 'all',
    decide(progress) {
      if (!progress.retry())
        throw jobErrors.not_failed('Only jobs that failed or were cancelled can be retried; this one did not.');
    },
  });

type DecisionOptions = {
  name: string;
  summary: string;
  effect: 'create' | 'wind_down';
  action: string;
  about: [] | 'all';
  decide(progress: RunProgress): void;
};

/** An operation that locks a job and decides something about it. */
const decision = (services: JobServices, { decide, about, action, ...of }: DecisionOptions) =>
  operation({
    ...of,
    ...WRITE,
    audit: {
      action,
      target: (_input: One, job: Job) => targetOf(job),
      detail: (_input, { modality }) => ({ modality }),
    },
    async run(context, { id }): Promise<Job> {
      const { tx } = context;
      const { orgId } = await requireJob(context, id);
      const [locked] = await lockForProgress(tx, [{ orgId, id, nodes: about }]);
      if (!locked) throw notFound();
      const progress = new RunProgress({ graph: jobGraph(orgId), ...locked });
      decide(progress);
      writeProgress(tx, [progress]);
      tx.onCommit(isTerminal(progress.state) ? () => services.ended(id) : services.ready);
      return requireJob(context, id);
    },
  });

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Job) => ({ type: 'job', id });
const notFound = (): Error => jobErrors.not_found('There is no job with this id.');

async function pageOf(
  context: Context,
  { limit, cursor }: { limit: number; cursor: string | null },
  find: (of: store.JobPage) => Promise<Job[]>,
): Promise<Page<Job>> {
  const [after = null] = cursor === null ? [] : decodeCursor(cursor, [isUuid]);
  const createdBy = context.ownOnly ? context.by.id : null;
  const found = await find({ orgId: orgOf(context), createdBy, after, limit: limit + 1 });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: found.length > limit && last ? encodeCursor([last.id]) : null };
}

const deadJobsOf = (context: Context, { code, ...page }: DeadJobQuery): Promise<Page<Job>> =>
  pageOf(context, page, (of) => store.listDeadJobs(context.tx, { ...of, code }));

/** A job of the caller's organization, as far as they reach. @throws AppError `not_found` */
export async function requireJob(context: Pick<Context, 'tx' | 'by' | 'ownOnly'>, id: string): Promise<Job> {
  const found = isUuid(id) ? await store.findJob(context.tx, orgOf(context), id) : null;
  if (!found || (context.ownOnly && found.createdBy.id !== context.by.id)) throw notFound();
  return found;
}
