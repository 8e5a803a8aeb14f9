import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testContents } from '../../../../test/contents.ts';
import { testDatabase } from '../../../../test/database.ts';
import { until } from '../../../../test/until.ts';
import { keyShelf, openVault, type TestVault } from '../../../../test/vault.ts';
import { aWorkflowRun } from '../../../../test/workflow-run.ts';
import { workflowNode as node, workflowWorker } from '../../../../test/workflow-worker.ts';
import { collectGarbage, deleteAssets, readAsset } from '../../assets/index.ts';
import { Expressions } from '../expressions/expressions.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import { deleteRunsOlderThan } from '../runs/jobs.ts';
import { findRun } from '../runs/store.ts';
import { completed, type Handler } from '../runtimes/model.ts';
import { Contexts } from './contexts.ts';

const db = testDatabase();
const expressions = new Expressions({ deadlineMs: 2_000, threads: 1 });
let vault: TestVault;
beforeAll(async () => {
  vault = await openVault(db, keyShelf());
});
afterAll(() => expressions[Symbol.asyncDispose]());

type Run = { orgId: string; id: string };

/** 200 KiB, and another text for each node. */
const textOf = (key: string): string => key.repeat(204_800 / key.length).padEnd(204_800, '.');
const write: Handler = async ({ node: { key } }) => completed(textOf(key));
/** Nodes that write one behind another, each to its own place and to a list. */
const chain = (length: number): NodeDefinition[] =>
  Array.from({ length }, (_, index) =>
    node(`n${index}`, {
      operation: 'write',
      dependsOn: index === 0 ? [] : [`n${index - 1}`],
      inputs: index === 0 ? [] : [{ name: 'before', source: { kind: 'context', path: [`n${index - 1}`] } }],
    }),
  );
const expectedOf = (length: number): JsonObject =>
  Object.fromEntries([['input', {}], ...chain(length).map(({ key }) => [key, textOf(key)])]);

const runOf = ({ orgId, id }: Run) => db.app.statements({ orgId }, (tx) => findRun(tx, orgId, id));
const ended = (run: Run) =>
  until('the run ends', async () => {
    const now = await runOf(run);
    return now?.completedAt ? now : null;
  });
const rows = async (sql: string, orgId: string): Promise<Record<string, unknown>[]> =>
  (await db.owner.query(sql, [orgId])).rows;
const assetsOf = (orgId: string) => rows('select id from assets where org_id = $1', orgId);
const contentsOf = (orgId: string) => rows('select object from asset_contents where org_id = $1', orgId);
const usageOf = async (orgId: string) =>
  (
    await rows(
      'select asset_count::int, stored_bytes::int, reserved_bytes::int from asset_usage where org_id = $1',
      orgId,
    )
  )[0];

/** Collects as if a day had gone by. */
async function collect({ objects }: Awaited<ReturnType<typeof testContents>>, orgId: string): Promise<void> {
  for (const [table, column] of [
    ['asset_contents', 'released_at'],
    ['asset_uploads', 'started_at'],
  ])
    await db.owner.query(`update ${table} set ${column} = ${column} - interval '25 hours' where org_id = $1`, [orgId]);
  await collectGarbage({
    objects,
    transaction: (work) => db.system.transaction({ orgId: null }, work),
    statements: (work) => db.system.statements({ orgId: null }, work),
  });
}

describe('a context that is too large for its row', () => {
  test('is kept as one asset, which replaces the one before and goes with the run', async () => {
    await using disk = await testContents(db, { vault });
    const { contents } = disk;
    await using _worker = workflowWorker(db, expressions, { handlers: { write }, contents });
    const run = await aWorkflowRun(db, chain(10));
    const { orgId } = run;
    const found = await ended(run);
    expect(found).toMatchObject({ state: 'completed', context: null, contextAsset: { id: expect.any(String) } });
    const { id = '', bytes = 0 } = found?.contextAsset ?? {};
    const content = await db.app.statements({ orgId }, (tx) => readAsset(tx, contents, orgId, id));
    expect(content).toHaveLength(bytes);
    expect(JSON.parse(content.toString('utf8'))).toEqual(expectedOf(10));
    expect(await assetsOf(orgId)).toEqual([{ id }]);
    expect(await usageOf(orgId)).toEqual({ asset_count: 1, stored_bytes: bytes, reserved_bytes: 0 });
    await collect(disk, orgId);
    expect(await contentsOf(orgId)).toHaveLength(1);

    const byHand = db.app.transaction({ orgId }, (tx) => deleteAssets(tx, orgId, [id]));
    await expect(byHand).rejects.toMatchObject({ kind: 'conflict', code: 'workflow_context.in_use' });

    await db.owner.query(`update workflow_runs set completed_at = now() - interval '9 days' where org_id = $1`, [
      orgId,
    ]);
    await db.system.transaction({ orgId: null }, (tx) => deleteRunsOlderThan(tx, 8));
    expect(await assetsOf(orgId)).toEqual([]);
    await collect(disk, orgId);
    expect([await contentsOf(orgId), await usageOf(orgId)]).toEqual([
      [],
      { asset_count: 0, stored_bytes: 0, reserved_bytes: 0 },
    ]);
  });

  test('is read by another process, and where it was replaced meanwhile the later one is', async () => {
    await using disk = await testContents(db, { vault });
    await using _worker = workflowWorker(db, expressions, { handlers: { write }, contents: disk.contents });
    const run = await aWorkflowRun(db, chain(3));
    const { contextAsset } = (await ended(run)) ?? expect.unreachable();
    const other = new Contexts({
      contents: disk.contents,
      statements: (work) => db.system.statements({ orgId: null }, work),
    });
    const of = { orgId: run.orgId, runId: run.id };
    const isGone = await other.load(of, { context: {}, asset: '00000000-0000-7000-8000-000000000000' });
    const isThere = await other.load(of, { context: {}, asset: contextAsset?.id ?? '' });
    expect([isGone, isThere]).toEqual([expectedOf(3), expectedOf(3)]);
  });

  test('fails the node for good where the organization has no room for it', async () => {
    await using disk = await testContents(db, { quotaBytes: 300_000, vault });
    let attempts = 0;
    const counted: Handler = (task) => {
      attempts += task.node.key === 'n1' ? 1 : 0;
      return write(task);
    };
    await using _worker = workflowWorker(db, expressions, { handlers: { write: counted }, contents: disk.contents });
    const nodes = chain(2).map((each) => ({ ...each, policy: { ...each.policy, retries: 2 } }));
    const run = await aWorkflowRun(db, nodes);
    const found = await ended(run);
    expect(found).toMatchObject({
      state: 'failed',
      error: { node: 'n1', code: 'workflow_context.no_room', message: expect.stringContaining('no room left') },
      context: { input: {}, n0: textOf('n0') },
    });
    expect([attempts, await assetsOf(run.orgId)]).toEqual([1, []]);
  });

  test('has the node tried again while the store is away', async () => {
    await using disk = await testContents(db, { vault });
    await using _worker = workflowWorker(db, expressions, {
      handlers: {
        write: async (task) => {
          if (task.node.key === 'n1') away = task.attempt === 1;
          return write(task);
        },
      },
      contents: Object.assign(Object.create(disk.contents), {
        receive: (...of: Parameters<typeof disk.contents.receive>) => {
          if (away) throw new Error('The store is away.');
          return disk.contents.receive(...of);
        },
        open: (...of: Parameters<typeof disk.contents.open>) => disk.contents.open(...of),
      }),
    });
    let away = false;
    const run = await aWorkflowRun(
      db,
      chain(2).map((each) => ({ ...each, policy: { ...each.policy, retries: 1 } })),
    );
    expect(await ended(run)).toMatchObject({ state: 'completed', contextAsset: { id: expect.any(String) } });
    const [{ attempt } = {}] = await rows(
      `select attempt from workflow_nodes where org_id = $1 and key = 'n1'`,
      run.orgId,
    );
    expect(attempt).toBe(2);
  });

  test('leaves only what is collected where the transaction of it ends in a crash', async () => {
    await using disk = await testContents(db, { vault });
    const { contents } = disk;
    const orgId = await db.organization();
    const store = new Contexts({ contents, statements: (work) => db.system.statements({ orgId: null }, work) });
    const of = { orgId, runId: orgId, maker: { kind: 'user', id: 'somebody' }, before: null };
    const crash = db.system.transaction({ orgId: null }, async (tx) => {
      await store.keep(tx, [{ ...of, context: expectedOf(3) }]);
      throw new Error('crash');
    });
    await expect(crash).rejects.toThrow('crash');
    expect([await assetsOf(orgId), await contentsOf(orgId)]).toEqual([[], []]);
    await collect(disk, orgId);
    expect(await rows('select object from asset_uploads where org_id = $1', orgId)).toEqual([]);
    expect(await usageOf(orgId)).toEqual({ asset_count: 0, stored_bytes: 0, reserved_bytes: 0 });
  });
});
