import { isUuid, newId } from '../../../kernel/ids.ts';
import type { Micros } from '../../../kernel/money.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Context } from '../../../platform/operation.ts';
import { assertInputFits } from '../context/bounds.ts';
import type { Definition } from '../definitions/model.ts';
import { findByName, findDefinition } from '../definitions/store.ts';
import type { Graphs } from '../engine/graphs.ts';
import { definitionErrors, runErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject } from '../model.ts';
import { actorOf, type Parent } from './model.ts';
import { newProgress } from './new-progress.ts';
import { insertRunWithNodes } from './store.ts';

export type MakingServices = {
  graphs: Graphs;
  expressions: Expressions;
  /** A signal, raised behind the commit: nodes became ready. */
  ready(): void;
  /** Caps what a run may cost. */
  openBudget(tx: Tx, of: { orgId: string; runId: string; limit: Micros; createdBy: string }): void;
};

/** Of a key, characters: it is part of an index. */
const MOST_KEY = 500;

export type NewRunRequest = {
  definition: { id: string } | { name: string; version: number | null };
  input: JsonObject;
  priority: number;
  /** Whether it starts at once. */
  start: boolean;
  /** In place of what the definition's own key gives; null to let it give one. */
  concurrencyKey?: string | null;
  /** What it may cost; null is what the definition says. */
  budget?: Micros | null;
};

/** Makes a run in the caller's name, of a definition that there is; gives its id. */
export async function makeRun(
  services: MakingServices,
  context: Context,
  {
    input,
    priority,
    start,
    scheduleId,
    parent = null,
    concurrencyKey = null,
    budget: ownBudget = null,
    ...wanted
  }: NewRunRequest & {
    scheduleId: string | null;
    parent?: Parent | null;
  },
): Promise<string> {
  const { tx, by, call } = context;
  const orgId = String(by.orgId);
  const definition = await requireDefinition(tx, orgId, wanted.definition);
  assertInputFits(input);
  await assertFits(services, definition, input);
  const key = await keyOf(services, definition, { given: concurrencyKey, input });
  const graph = await services.graphs.of(orgId, definition.id);
  const progress = newProgress(graph, { orgId, id: newId(), priority, input });
  emitCreated(context, progress.runId, definition);
  const budget = ownBudget ?? definition.budget;
  if (budget !== null) services.openBudget(tx, { orgId, runId: progress.runId, limit: budget, createdBy: by.id });
  if (start) progress.start();
  for (const event of progress.changes.events) context.emit(event);
  insertRunWithNodes(tx, {
    progress,
    nodes: [...graph.nodes.values()],
    definitionId: definition.id,
    priority,
    input,
    scheduleId,
    parent,
    concurrencyKey: key,
    budget,
    createdBy: actorOf(by),
    requestId: call.requestId,
    deadlineSeconds: definition.timeoutMs === null ? null : definition.timeoutMs / 1000,
  });
  if (start) tx.onCommit(services.ready);
  return progress.runId;
}

/** A definition that new runs may be made of. @throws AppError `not_found`, `conflict` for one that is archived */
export async function requireDefinition(
  tx: Tx,
  orgId: string,
  wanted: NewRunRequest['definition'],
): Promise<Definition> {
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

/** @throws AppError `invalid` with what does not fit */
export async function assertFits(
  { expressions }: Pick<MakingServices, 'expressions'>,
  { inputSchema }: Definition,
  input: JsonObject,
): Promise<void> {
  if (inputSchema === null) return;
  const faults = await expressions.misfits(inputSchema, input, 'input');
  if (faults.length > 0)
    throw runErrors.input_invalid('The input does not fit the schema of the definition.', { faults });
}

/** Of which key a run is, among those that may not all be under way at once; null for none. */
async function keyOf(
  { expressions }: MakingServices,
  { concurrency }: Definition,
  { given, input }: { given: string | null; input: JsonObject },
): Promise<string | null> {
  const expression = concurrency.find((limit) => limit.key !== null)?.key ?? null;
  if (given !== null && expression === null)
    throw runErrors.no_limit_of_keys('The definition has no limit of runs with the same key: leave the key out.');
  if (given !== null || expression === null) return given;
  const key = await expressions.key(expression, { input, context: { input } });
  if (key !== null && key.length > MOST_KEY)
    throw runErrors.key_too_long(`The key of the run has ${key.length} characters; it may have ${MOST_KEY}.`);
  return key;
}

function emitCreated(context: Context, id: string, { name, version }: Definition): void {
  const data = { workflow_run_id: id, definition: name, version, state: 'created' };
  context.emit({ type: 'workflow.run.created', subject: id, data });
}
