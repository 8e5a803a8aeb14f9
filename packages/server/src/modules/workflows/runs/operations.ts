import { isUuid } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { findEvaluationsOfNodes } from '../../evaluations/index.ts';
import type { Contexts } from '../context/contexts.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { type EndWork, endWorkOfStopped } from '../engine/stopped-work.ts';
import { lockForProgress, writeProgress } from '../engine/store.ts';
import { runErrors } from '../errors.ts';
import { isTerminal, type RunState } from '../model.ts';
import { type MakingServices, makeRun, type NewRunRequest } from './make-run.ts';
import type { RunNode, WorkflowRun } from './model.ts';
import * as store from './store.ts';

export type RunServices = MakingServices & {
  contexts: Contexts;
  endWork: EndWork;
  /** A signal, raised behind the commit: a run ended while attempts may be under way. */
  ended(runId: string): void;
};

export type RunQuery = { state: RunState | null; definition: string | null; limit: number; cursor: string | null };

export type RunItemQuery = { id: string; key: string; limit: number; cursor: string | null };

const READ = { scope: 'workflows:read', narrows: true, effect: 'read', rate: 'control', audit: null } as const;

export const runOperations = (services: RunServices) =>
  ({
    createRun: createRun(services),
    startRun: startRun(services),
    pauseRun: pauseRun(services),
    resumeRun: resumeRun(services),
    retryRun: retryRun(services),
    cancelRun: cancelRun(services),
    listRuns,
    getRun,
    listRunNodes,
    listRunItems,
  }) satisfies Record<string, AnyOperation>;

const createRun = (services: RunServices) =>
  operation({
    name: 'workflows.run.create',
    summary: 'Make a run of a workflow, and start it if that is asked for.',
    scope: 'workflows:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'workflow_run.created',
      target: (_input: NewRunRequest, run: WorkflowRun) => targetOf(run),
      detail: ({ start }, { definition }) => ({ definition: definition.name, version: definition.version, start }),
    },
    async run(context, request): Promise<WorkflowRun> {
      return requireRun(context, await makeRun(services, context, { ...request, scheduleId: null }));
    },
  });

const startRun = (services: RunServices) =>
  decision(services, {
    name: 'workflows.run.start',
    summary: 'Start a run that was made without being started.',
    effect: 'create',
    action: 'workflow_run.started',
    decide(progress) {
      if (isTerminal(progress.state)) throw alreadyEnded(progress.state);
      if (progress.state !== 'created') throw runErrors.already_started('The run has been started already.');
      progress.start();
    },
  });

const pauseRun = (services: RunServices) =>
  decision(services, {
    name: 'workflows.run.pause',
    summary: 'Pause a run: what is under way goes on to its end, nothing else begins.',
    effect: 'wind_down',
    action: 'workflow_run.paused',
    decide(progress) {
      if (isTerminal(progress.state)) throw alreadyEnded(progress.state);
      if (progress.state !== 'running') throw runErrors.not_running(`The run is ${progress.state}.`);
      progress.pause();
    },
  });

const resumeRun = (services: RunServices) =>
  decision(services, {
    name: 'workflows.run.resume',
    summary: 'Go on with a run that is paused.',
    effect: 'create',
    action: 'workflow_run.resumed',
    decide(progress) {
      if (isTerminal(progress.state)) throw alreadyEnded(progress.state);
      if (progress.state !== 'paused') throw runErrors.not_paused(`The run is ${progress.state}, not paused.`);
      progress.resume();
    },
  });

const retryRun = (services: RunServices) =>
  decision(services, {
    name: 'workflows.run.retry',
    summary: 'Make again what failed or was cancelled of a run, and keep what was finished.',
    effect: 'create',
    action: 'workflow_run.retried',
    about: 'all',
    decide(progress, tx) {
      if (!progress.retry())
        throw runErrors.not_failed(`The run is ${progress.state}: only failed and cancelled ones can be retried.`);
      store.renewDeadline(tx, progress.orgId, progress.runId);
    },
  });

const cancelRun = (services: RunServices) =>
  decision(services, {
    name: 'workflows.run.cancel',
    summary: 'Cancel a run. It ends at once, and what is under way is stopped.',
    effect: 'wind_down',
    action: 'workflow_run.cancelled',
    decide(progress) {
      if (progress.state === 'cancelled') return;
      if (isTerminal(progress.state)) throw alreadyEnded(progress.state);
      progress.cancel();
    },
  });

type DecisionOptions = {
  name: string;
  summary: string;
  effect: 'create' | 'wind_down';
  action: string;
  /** Which nodes it must know of; none unless given. */
  about?: 'all';
  decide(progress: RunProgress, tx: Tx): void;
};

/** An operation that locks a run and decides something about it. */
const decision = (services: RunServices, { decide, about, action, ...of }: DecisionOptions) =>
  operation({
    ...of,
    scope: 'workflows:write',
    narrows: true,
    rate: 'control',
    audit: {
      action,
      target: (_input: { id: string }, run: WorkflowRun) => targetOf(run),
      detail: (_input, { definition }) => ({ definition: definition.name, version: definition.version }),
    },
    async run(context, { id }): Promise<WorkflowRun> {
      const { tx } = context;
      const orgId = orgOf(context);
      await requireRun(context, id);
      const [locked] = await lockForProgress(tx, [{ orgId, id, nodes: about ?? [] }]);
      if (!locked) throw notFound();
      const graph = await services.graphs.of(orgId, locked.run.definitionId);
      const progress = new RunProgress({ graph, ...locked });
      decide(progress, tx);
      await endWorkOfStopped(tx, [progress], services);
      writeProgress(tx, [progress]);
      tx.onCommit(isTerminal(progress.state) ? () => services.ended(id) : services.ready);
      return requireRun(context, id);
    },
  });

const listRuns = operation({
  ...READ,
  name: 'workflows.run.list',
  summary: 'List runs of workflows, newest first.',
  async run(context, { state, definition, limit, cursor }: RunQuery): Promise<Page<WorkflowRun>> {
    const [after = null] = cursor === null ? [] : decodeCursor(cursor, [isUuid]);
    const createdBy = context.ownOnly ? context.by.id : null;
    const of = { orgId: orgOf(context), createdBy, state, definition, after, limit: limit + 1 };
    const found = await store.listRuns(context.tx, of);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return { items, nextCursor: found.length > limit && last ? encodeCursor([last.id]) : null };
  },
});

const getRun = operation({
  ...READ,
  name: 'workflows.run.get',
  summary: 'Get a run of a workflow and how it stands.',
  run: (context, { id }: { id: string }): Promise<WorkflowRun> => requireRun(context, id),
});

const listRunNodes = operation({
  ...READ,
  name: 'workflows.node.list',
  summary: 'List the nodes of a run and how they stand, in the order of the definition.',
  async run(context, { id }: { id: string }): Promise<RunNode[]> {
    await requireRun(context, id);
    return withEvaluations(context, id, await store.listNodes(context.tx, orgOf(context), id));
  },
});

const listRunItems = operation({
  ...READ,
  name: 'workflows.item.list',
  summary: 'List the items of a node that runs for each of a list, and how they stand, in the order of the list.',
  async run(context, { id, key, limit, cursor }: RunItemQuery): Promise<Page<RunNode>> {
    await requireRun(context, id);
    const [after = '-1'] = cursor === null ? [] : decodeCursor(cursor, [isIndex]);
    const of = { orgId: orgOf(context), id, key, after: Number(after), limit: limit + 1 };
    const items = await withEvaluations(context, id, await store.listItems(context.tx, of));
    const nextCursor = items.length > limit ? encodeCursor([String(Number(after) + limit)]) : null;
    return { items: items.slice(0, limit), nextCursor };
  },
});

/** Says of each what it asked for last. */
async function withEvaluations(context: Context, runId: string, nodes: readonly RunNode[]): Promise<RunNode[]> {
  const names = nodes.map(({ key }) => key);
  const found = await findEvaluationsOfNodes(context.tx, { orgId: orgOf(context), runId, names });
  return nodes.map((node) => ({ ...node, evaluationId: found.get(node.key) ?? null }));
}

const isIndex = (text: string): boolean => /^\d{1,9}$/.test(text);
const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: WorkflowRun) => ({ type: 'workflow_run', id });
const notFound = (): Error => runErrors.not_found('There is no workflow run with this id.');
const alreadyEnded = (state: RunState): Error => runErrors.ended(`The run has ended: it is ${state}.`);

/** A run of the caller's organization, as far as they reach. @throws AppError `not_found` */
export async function requireRun(context: Pick<Context, 'tx' | 'by' | 'ownOnly'>, id: string): Promise<WorkflowRun> {
  const found = isUuid(id) ? await store.findRun(context.tx, orgOf(context), id) : null;
  if (!found || (context.ownOnly && found.createdBy.id !== context.by.id)) throw notFound();
  return found;
}
