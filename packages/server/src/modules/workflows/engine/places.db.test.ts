import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { until } from '../../../../test/until.ts';
import { workflowNode, workflowWorker } from '../../../../test/workflow-worker.ts';
import { newId } from '../../../kernel/ids.ts';
import type { ConcurrencyLimit, Definition } from '../definitions/model.ts';
import { insertDefinition } from '../definitions/store.ts';
import { Expressions } from '../expressions/expressions.ts';
import { isTerminal, type RunState } from '../model.ts';
import { newProgress } from '../runs/new-progress.ts';
import { findRun, insertRunWithNodes } from '../runs/store.ts';
import { completed, type Handler } from '../runtimes/model.ts';
import type { RunProgress } from './run-progress.ts';
import { givePlaces } from './store-places.ts';

const db = testDatabase();
const expressions = new Expressions({ deadlineMs: 2_000, threads: 1 });
afterAll(() => expressions[Symbol.asyncDispose]());

// Sees every commit that gives a place, whoever makes it.
beforeAll(async () => {
  await db.owner.query(`reset role;
    create table seen_places (org_id uuid, key text, held bigint, held_of_key bigint);
    grant insert, select on seen_places to assay_app, assay_system;
    create function see_places() returns trigger language plpgsql as $$
    begin
      insert into seen_places select new.org_id, new.key, count(*), count(*) filter (where p.key = new.key)
      from workflow_places p where p.org_id = new.org_id and p.name = new.name and p.is_held;
      return null;
    end $$;
    create constraint trigger see_places after update on workflow_places deferrable initially deferred
      for each row execute function see_places();
    set role assay_system`);
});

type Run = { orgId: string; id: string };
const NODES = [workflowNode('a', { operation: 'work' }), workflowNode('b', { operation: 'work', dependsOn: ['a'] })];

const define = (orgId: string, concurrency: readonly ConcurrencyLimit[]): Promise<Definition> =>
  db.app.transaction({ orgId }, async (tx) => {
    const content = {
      name: 'limited',
      description: '',
      nodes: NODES,
      inputSchema: null,
      timeoutMs: null,
      budget: null,
      concurrency,
    };
    const made = await insertDefinition(tx, { ...content, orgId, id: newId(), createdBy: 'somebody' });
    await givePlaces(tx, [made]);
    return made;
  });

async function start(
  { orgId, id: definitionId, concurrency }: Definition,
  { key = null, priority = 0 }: { key?: string | null; priority?: number } = {},
): Promise<Run> {
  const nodes = new Map(NODES.map((node) => [node.key, node]));
  const dependents = new Map([['a', ['b']]]);
  const graph = { definitionId, name: 'limited', isLimited: concurrency.length > 0, nodes, dependents };
  const progress = newProgress(graph, { orgId, id: newId(), priority, input: {} });
  progress.start();
  const by = { kind: 'user', id: newId(), limitedTo: null };
  const of = { definitionId, nodes: NODES, priority, input: {}, createdBy: by, requestId: 'test', scheduleId: null };
  await db.app.transaction({ orgId }, async (tx) =>
    insertRunWithNodes(tx, { ...of, progress, deadlineSeconds: null, concurrencyKey: key }),
  );
  return { orgId, id: progress.runId };
}

const stateOf = async ({ orgId, id }: Run): Promise<RunState> =>
  (await db.app.statements({ orgId }, (tx) => findRun(tx, orgId, id)))?.state ?? expect.unreachable();
const statesOf = (runs: readonly Run[]) => Promise.all(runs.map(stateOf));
const placesOf = async (orgId: string): Promise<number> =>
  (await db.owner.query('select from workflow_places where org_id = $1', [orgId])).rowCount ?? 0;

/** Decides about runs as whoever asks for it does. */
const decides =
  ({ settler }: ReturnType<typeof workflowWorker>) =>
  (run: Run, decide: (progress: RunProgress) => void) =>
    settler.decide(
      run,
      [
        { key: 'a', item: -1 },
        { key: 'b', item: -1 },
      ],
      decide,
    );

const work: Handler = async () => completed(null);

test('however many start over several workers, no limit is exceeded and no run is forgotten', async () => {
  const orgId = await db.organization();
  const definition = await define(orgId, [
    { limit: 3, key: null },
    { limit: 2, key: 'input.customer' },
  ]);
  let calls = 0;
  const handler: Handler = async () => {
    calls += 1;
    if (calls % 7 === 0) throw new Error('now and then');
    return completed(null);
  };
  await using first = workflowWorker(db, expressions, { handlers: { work: handler }, concurrency: 4 });
  await using second = workflowWorker(db, expressions, { handlers: { work: handler }, concurrency: 4 });
  await using third = workflowWorker(db, expressions, { handlers: { work: handler }, concurrency: 4 });
  const workers = [first, second, third];
  const runs = await Promise.all(
    Array.from({ length: 60 }, async (_, at) => {
      const run = await start(definition, { key: at % 10 === 0 ? null : `k${at % 4}`, priority: (at % 3) - 1 });
      const decide = decides(workers[at % 3] as typeof first);
      if (at % 9 === 0) await decide(run, (progress) => progress.cancel());
      if (at % 18 === 0) await decide(run, (progress) => void progress.retry());
      return run;
    }),
  );
  await until('every run has ended', async () => (await statesOf(runs)).every(isTerminal));
  expect(await placesOf(orgId)).toBe(0);
  const { rows } = await db.owner.query(
    'select max(held)::int as held, max(held_of_key)::int as of_key from seen_places where org_id = $1',
    [orgId],
  );
  expect(rows).toEqual([{ held: 3, of_key: 2 }]);
}, 30_000);

test('those that wait come by priority and then as they came, each in the transaction that ends the one before', async () => {
  const orgId = await db.organization();
  const definition = await define(orgId, [{ limit: 1, key: null }]);
  await using worker = workflowWorker(db, expressions, { handlers: { work }, concurrency: 0 });
  const decide = decides(worker);
  const runs = [
    await start(definition),
    await start(definition),
    await start(definition, { priority: 5 }),
    await start(definition),
  ];
  const [a, b, c, d] = runs as [Run, Run, Run, Run];
  for (const next of [a, c, b, d]) {
    expect((await statesOf(runs)).filter((state) => state === 'running')).toHaveLength(1);
    expect(await stateOf(next)).toBe('running');
    await decide(next, (progress) => progress.cancel());
  }
  expect(await placesOf(orgId)).toBe(0);
});

test('a run whose key has no room holds up no other', async () => {
  const orgId = await db.organization();
  const definition = await define(orgId, [{ limit: 1, key: 'input.customer' }]);
  const runs = [
    await start(definition, { key: 'a' }),
    await start(definition, { key: 'a' }),
    await start(definition, { key: 'b' }),
    await start(definition),
  ];
  expect(await statesOf(runs)).toEqual(['running', 'queued', 'running', 'running']);
});

test('a run keeps its place while it is paused, and asks for one again when it is retried', async () => {
  const orgId = await db.organization();
  const definition = await define(orgId, [{ limit: 1, key: null }]);
  await using worker = workflowWorker(db, expressions, { handlers: { work }, concurrency: 0 });
  const decide = decides(worker);
  const [first, second] = [await start(definition), await start(definition)];
  await decide(first, (progress) => progress.pause());
  expect(await statesOf([first, second])).toEqual(['paused', 'queued']);
  await decide(first, (progress) => progress.cancel());
  expect(await statesOf([first, second])).toEqual(['cancelled', 'running']);
  await decide(first, (progress) => void progress.retry());
  expect(await statesOf([first, second])).toEqual(['queued', 'running']);
  await decide(second, (progress) => progress.cancel());
  expect(await statesOf([first, second])).toEqual(['running', 'cancelled']);
});

test('the limits of the newest version hold for whoever waits', async () => {
  const orgId = await db.organization();
  const definition = await define(orgId, [{ limit: 1, key: null }]);
  const runs = [await start(definition), await start(definition), await start(definition)];
  await define(orgId, [{ limit: 2, key: null }]);
  expect(await statesOf(runs)).toEqual(['running', 'running', 'queued']);
  await define(orgId, []);
  expect(await statesOf(runs)).toEqual(['running', 'running', 'running']);
});

test('a run that somebody had locked when its turn came is found by the janitor', async () => {
  const orgId = await db.organization();
  const definition = await define(orgId, [{ limit: 1, key: null }]);
  await using worker = workflowWorker(db, expressions, { handlers: { work }, concurrency: 0 });
  const [first, second] = [await start(definition), await start(definition)];
  await db.owner.query('begin');
  await db.owner.query('select from workflow_runs where org_id = $1 and id = $2 for update', [orgId, second.id]);
  await decides(worker)(first, (progress) => progress.cancel());
  await db.owner.query('rollback');
  expect(await stateOf(second)).toBe('queued');
  await worker.janitor.sweep();
  expect(await stateOf(second)).toBe('running');
});
