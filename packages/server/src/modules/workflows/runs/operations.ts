import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import type { Definition } from '../definitions/model.ts';
import { findByName, findDefinition } from '../definitions/store.ts';
import type { Graphs } from '../engine/graphs.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { lockForProgress, writeProgress } from '../engine/store.ts';
import { definitionErrors, runErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import { isTerminal, type JsonObject, type RunState } from '../model.ts';
import type { RunNode, WorkflowRun } from './model.ts';
import { newProgress } from './new-progress.ts';
import * as store from './store.ts';

export type RunServices = {
  graphs: Graphs;
  expressions: Expressions;
  /** Signals, raised behind the commit: nodes became ready, or a run ended while attempts may be under way. */
  ready(): void;
  ended(runId: string): void;
};

export type NewRunRequest = {
  definition: { id: string } | { name: string; version: number | null };
  input: JsonObject;
  priority: number;
  /** Whether it starts at once. */
  start: boolean;
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
    async run(context, { input, priority, start, ...wanted }): Promise<WorkflowRun> {
      const { tx, by, call } = context;
      const orgId = orgOf(context);
      const definition = await requireDefinition(tx, orgId, wanted.definition);
      await assertFits(services, definition, input);
      const graph = await services.graphs.of(orgId, definition.id);
      const progress = newProgress(graph, { orgId, id: newId(), priority, input });
      emitCreated(context, progress.runId, definition);
      if (start) progress.start();
      for (const event of progress.changes.events) context.emit(event);
      store.insertRunWithNodes(tx, {
        progress,
        nodes: [...graph.nodes.values()],
        definitionId: definition.id,
        priority,
        input,
        createdBy: { kind: by.kind, id: by.id },
        requestId: call.requestId,
        deadlineSeconds: definition.timeoutMs === null ? null : definition.timeoutMs / 1000,
      });
      if (start) tx.onCommit(services.ready);
      return requireRun(context, progress.runId);
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
      const progress = new RunProgress({ graph, ...locked, now: new Date() });
      decide(progress, tx);
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
    return store.listNodes(context.tx, orgOf(context), id);
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
    const items = await store.listItems(context.tx, of);
    const nextCursor = items.length > limit ? encodeCursor([String(Number(after) + limit)]) : null;
    return { items: items.slice(0, limit), nextCursor };
  },
});

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

async function requireDefinition(tx: Tx, orgId: string, wanted: NewRunRequest['definition']): Promise<Definition> {
  const found =
    'name' in wanted
      ? await findByName(tx, { orgId, ...wanted })
      : isUuid(wanted.id)
        ? await findDefinition(tx, orgId, wanted.id)
        : null;
  if (!found)
    throw definitionErrors.not_found('There is no such workflow definition. List them at /v1/workflow-definitions.');
  if (found.archivedAt !== null)
    throw definitionErrors.archived('This version of the definition is archived. Use another one.');
  return found;
}

async function assertFits({ expressions }: RunServices, { inputSchema }: Definition, input: JsonObject): Promise<void> {
  if (inputSchema === null) return;
  const faults = await expressions.misfits(inputSchema, input, 'input');
  if (faults.length > 0)
    throw runErrors.input_invalid('The input does not fit the schema of the definition.', { faults });
}

function emitCreated(context: Context, id: string, { name, version }: Definition): void {
  const data = { workflow_run_id: id, definition: name, version, state: 'created' };
  context.emit({ type: 'workflow.run.created', subject: id, data });
}
