import { afterAll, describe, expect, test } from 'vitest';
import { eventsOf } from '../../../../test/builders.ts';
import { testDatabase } from '../../../../test/database.ts';
import { until } from '../../../../test/until.ts';
import { aWorkflowRun } from '../../../../test/workflow-run.ts';
import { workflowNode as node, workflowWorker } from '../../../../test/workflow-worker.ts';
import { AppError } from '../../../kernel/errors.ts';
import { Expressions } from '../expressions/expressions.ts';
import type { ForEach, NodeDefinition } from '../model.ts';
import { endRunsOf } from '../runs/organization-end.ts';
import { findRun, listItems, listNodes } from '../runs/store.ts';
import { completed, type Handler } from '../runtimes/model.ts';

const db = testDatabase();
const expressions = new Expressions({ deadlineMs: 2_000, threads: 1 });
afterAll(() => expressions[Symbol.asyncDispose]());

const aRun = (nodes: readonly NodeDefinition[], of: Parameters<typeof aWorkflowRun>[2] = {}) =>
  aWorkflowRun(db, nodes, of);

const runOf = ({ orgId, id }: { orgId: string; id: string }) =>
  db.app.statements({ orgId }, (tx) => findRun(tx, orgId, id));
const nodesOf = async ({ orgId, id }: { orgId: string; id: string }) => {
  const nodes = await db.app.statements({ orgId }, (tx) => listNodes(tx, orgId, id));
  return Object.fromEntries(nodes.map((each) => [each.key, each]));
};
const isEnded = async (run: { orgId: string; id: string }) => {
  const found = await until('the run ends', async () => {
    const now = await runOf(run);
    return now?.completedAt ? now : null;
  });
  return found;
};

describe('a worker', () => {
  test('walks a run to its end, with what each node writes', async () => {
    await using _worker = workflowWorker(db, expressions);
    const run = await aRun(
      [
        node('double', {
          operation: 'transform',
          config: { expression: '$map(list, function($n) { $n * 2 })' },
          inputs: [{ name: 'list', source: { kind: 'context', path: ['input', 'list'] } }],
        }),
        node('many', { dependsOn: ['double'], when: 'size(context.double) > 2' }),
        node('choose', {
          operation: 'branch',
          dependsOn: ['double'],
          config: { cases: [{ when: 'context.double[0] == 2', to: ['yes'] }], otherwise: ['no'] },
        }),
        node('yes', { dependsOn: ['choose'] }),
        node('no', { dependsOn: ['choose'] }),
      ],
      { input: { list: [1, 2] } },
    );
    expect(await isEnded(run)).toMatchObject({
      state: 'completed',
      context: { double: [2, 4], choose: { to: ['yes'] } },
    });
    const states = Object.entries(await nodesOf(run)).map(([key, { state }]) => [key, state]);
    expect(Object.fromEntries(states)).toEqual({
      double: 'completed',
      many: 'skipped',
      choose: 'completed',
      yes: 'completed',
      no: 'skipped',
    });
    expect((await eventsOf(db, run.id)).filter((type) => type.startsWith('workflow.run'))).toEqual([
      'workflow.run.completed',
    ]);
  });

  test('ends nodes that only move values in the transaction that makes them ready', async () => {
    await using _worker = workflowWorker(db, expressions);
    const from = (...path: string[]) => ({ kind: 'context', path }) as const;
    const run = await aRun([
      node('first', { operation: 'validate', config: { schema: {} } }),
      node('left', { dependsOn: ['first'], inputs: [{ name: 'a', source: { kind: 'literal', value: 1 } }] }),
      node('both', {
        operation: 'merge',
        dependsOn: ['left'],
        config: { merge: 'replace' },
        inputs: [{ name: 'one', source: from('left') }],
      }),
      node('list', {
        operation: 'fan_in',
        dependsOn: ['both'],
        config: { as: 'list' },
        inputs: [{ name: 'one', source: from('both', 'a') }],
      }),
      node('last', { operation: 'validate', dependsOn: ['list'], config: { schema: {} } }),
    ]);
    expect(await isEnded(run)).toMatchObject({ state: 'completed', context: { both: { a: 1 }, list: [1] } });
    const { rows } = await db.owner.query(
      `select data->>'node' as node, xid::text from events where subject = $1 and type = 'workflow.node.completed'`,
      [run.id],
    );
    const at = Object.fromEntries(rows.map((row) => [row.node, row.xid]));
    expect([at['left'], at['both'], at['list']]).toEqual([at['first'], at['first'], at['first']]);
    expect(at['last']).not.toBe(at['first']);
    expect((await nodesOf(run))['both']).toMatchObject({ attempt: 1, startedAt: expect.any(Date) });
  });

  test('leaves a node that cannot move its values failed, with why', async () => {
    await using _worker = workflowWorker(db, expressions);
    const inputs = [{ name: 'one', source: { kind: 'context', path: ['gone'] } }] as const;
    const run = await aRun([
      node('first', { operation: 'validate', config: { schema: {} } }),
      node('second', { dependsOn: ['first'], inputs }),
    ]);
    expect(await isEnded(run)).toMatchObject({
      state: 'failed',
      error: { node: 'second', code: 'workflow_context.no_such_path' },
    });
  });

  test('tells why a node failed', async () => {
    await using _worker = workflowWorker(db, expressions);
    const schema = { type: 'object', required: ['name'] };
    const run = await aRun([
      node('check', {
        operation: 'validate',
        config: { schema },
        inputs: [{ name: 'value', source: { kind: 'context', path: ['input'] } }],
        policy: { retries: 5 },
      }),
    ]);
    expect(await isEnded(run)).toMatchObject({
      state: 'failed',
      error: { node: 'check', code: 'workflow_node.does_not_fit', faults: [{ field: 'value.name' }] },
    });
    // What does not fit will not fit the next time.
    expect((await nodesOf(run))['check']?.attempt).toBe(1);
  });

  test('tries again what failed by accident, as its policy says', async () => {
    let tries = 0;
    const flaky: Handler = async () => {
      tries += 1;
      if (tries < 3) throw new Error('by accident');
      return completed(tries);
    };
    await using _worker = workflowWorker(db, expressions, { handlers: { flaky } });
    const run = await aRun([node('a', { operation: 'flaky', policy: { retries: 3 } })]);
    expect(await isEnded(run)).toMatchObject({ state: 'completed', context: { a: 3 } });
    expect((await nodesOf(run))['a']).toMatchObject({ attempt: 3, error: null });
  });

  test('ends an attempt that takes longer than its policy says', async () => {
    const aborted = Promise.withResolvers<void>();
    const endless: Handler = ({ signal }) =>
      new Promise(() => signal.addEventListener('abort', () => aborted.resolve()));
    await using worker = workflowWorker(db, expressions, { handlers: { endless } });
    const run = await aRun([node('a', { operation: 'endless', policy: { timeoutMs: 50 } })]);
    expect(await isEnded(run)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.too_late' } });
    await aborted.promise;
    expect(worker).toBeDefined();
  });

  test('holds nothing while a node waits for a time', async () => {
    await using _worker = workflowWorker(db, expressions);
    const run = await aRun([
      node('wait', { operation: 'delay', config: { ms: 300 } }),
      node('then', { dependsOn: ['wait'] }),
    ]);
    await until('it waits', async () => (await nodesOf(run))['wait']?.state === 'waiting');
    expect(await isEnded(run)).toMatchObject({ state: 'completed' });
    expect((await nodesOf(run))['wait']?.attempt).toBe(1);
  });

  test('runs a node for each of a list, no more at once than it says, and gathers what they gave', async () => {
    let [underWay, most] = [0, 0];
    const square: Handler = async ({ input, attempt }) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      const n = Number(input['n']);
      // Each by itself: one that fails by accident is tried again, and the others are not.
      if (n === 7 && attempt === 1) throw new Error('by accident');
      return completed(n * n);
    };
    await using _worker = workflowWorker(db, expressions, { handlers: { square } });
    const run = await aRun(
      [
        node('squares', {
          operation: 'square',
          forEach: { items: { kind: 'context', path: ['input', 'list'] }, concurrency: 3, writtenAs: 'for_each' },
          inputs: [{ name: 'n', source: { kind: 'item', path: ['n'] } }],
          policy: { retries: 1 },
        }),
        node('then', { dependsOn: ['squares'] }),
      ],
      { input: { list: Array.from({ length: 30 }, (_, n) => ({ n })) } },
    );
    expect(await isEnded(run)).toMatchObject({
      state: 'completed',
      context: { squares: Array.from({ length: 30 }, (_, n) => n * n) },
    });
    expect(most).toBeLessThanOrEqual(3);
    expect((await nodesOf(run))['squares']).toMatchObject({ state: 'completed', items: { total: 30, left: 0 } });
    const of = { ...run, key: 'squares', after: 6, limit: 2 };
    const items = await db.app.statements(run, (tx) => listItems(tx, of));
    expect(items).toMatchObject([
      { key: 'squares#7', attempt: 2, output: 49 },
      { key: 'squares#8', attempt: 1, output: 64 },
    ]);
    const told = (await eventsOf(db, run.id)).filter((type) => type === 'workflow.node.completed');
    expect(told).toHaveLength(32);
  });

  test('refuses outputs that are too large, one by one and together', async () => {
    const large: Handler = async ({ node: { config } }) => completed('x'.repeat(Number(config['bytes'])));
    await using _worker = workflowWorker(db, expressions, { handlers: { large } });
    const one = await aRun([node('a', { operation: 'large', config: { bytes: 1_048_576 } })]);
    const code = 'workflow_context.too_large';
    expect(await isEnded(one)).toMatchObject({ state: 'failed', error: { node: 'a', code } });
    const forEach: ForEach = {
      items: { kind: 'literal', value: [1, 2, 3, 4, 5] },
      concurrency: 2,
      writtenAs: 'for_each',
    };
    const many = await aRun([node('a', { operation: 'large', config: { bytes: 1_000_000 }, forEach })]);
    expect(await isEnded(many)).toMatchObject({ state: 'failed', error: { node: 'a', code } });
    const outputs = Array.from({ length: 34 }, (_, at) => ({
      name: null,
      path: [`to${at}`],
      merge: 'replace' as const,
    }));
    const wide = await aRun([node('a', { operation: 'large', config: { bytes: 1_000_000 }, outputs })]);
    expect(await isEnded(wide)).toMatchObject({ state: 'failed', error: { node: 'a', code } });
  });

  test('fails a node whose list is none', async () => {
    await using _worker = workflowWorker(db, expressions);
    const forEach = { items: { kind: 'context', path: ['input'] }, concurrency: 1, writtenAs: 'for_each' } as const;
    const run = await aRun([node('a', { forEach })]);
    expect(await isEnded(run)).toMatchObject({ state: 'failed', error: { node: 'a', code: 'workflow_node.no_list' } });
  });

  test('stops what it does for a run that was cancelled, and its report has no effect', async () => {
    const begun = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const slow: Handler = ({ signal }) =>
      new Promise((resolve) => {
        begun.resolve();
        signal.addEventListener('abort', () => {
          stopped.resolve();
          resolve(completed('late'));
        });
      });
    await using worker = workflowWorker(db, expressions, { handlers: { slow } });
    const run = await aRun([node('a', { operation: 'slow' })]);
    await begun.promise;
    await worker.settler.decide(run, [], (progress) => progress.cancel());
    worker.end(run.id);
    await stopped.promise;
    expect(await isEnded(run)).toMatchObject({ state: 'cancelled', context: {} });
    expect((await nodesOf(run))['a']).toMatchObject({ state: 'cancelled', output: null });
  });

  test('lets a node wait for a capability that nobody has now, and says so', async () => {
    const capabilities = new Set<string>();
    await using worker = workflowWorker(db, expressions, { capabilities: () => capabilities });
    const run = await aRun([node('a', { requires: ['tool:jq'] })]);
    worker.look();
    const waits = await until('the node waits', async () => {
      const { a } = await nodesOf(run);
      return a?.state === 'waiting' ? a : null;
    });
    expect(waits).toMatchObject({ attempt: 1, error: { code: 'workflow_node.missing_capability' } });
    capabilities.add('tool:jq');
    await db.owner.query('update workflow_nodes set due_at = now() where run_id = $1', [run.id]);
    worker.look();
    expect(await isEnded(run)).toMatchObject({ state: 'completed' });
    expect((await nodesOf(run))['a']).toMatchObject({ attempt: 1, error: null });
  });
});

describe('what became ready', () => {
  const chain = (...keys: string[]) =>
    keys.map((key, at) => node(key, { operation: 'step', dependsOn: keys.slice(Math.max(0, at - 1), at) }));

  test('is handed over in the commit that made it so, as if it had been claimed', async () => {
    let claims = 0;
    const step: Handler = async ({ fence, attempt, input, resume }) => {
      expect({ fence, attempt, input, resume }).toEqual({ fence: 1, attempt: 1, input: {}, resume: null });
      claims += 1;
      return completed(claims);
    };
    await using _worker = workflowWorker(db, expressions, { handlers: { step } });
    const run = await aRun(chain('a', 'b', 'c'));
    expect(await isEnded(run)).toMatchObject({ state: 'completed', context: { a: 1, b: 2, c: 3 } });
    const { rows } = await db.owner.query<{ transactions: number; events: number }>(
      `select count(distinct xid)::int as transactions, count(*)::int as events from events
       where subject = '${run.id}' and type in ('workflow.node.started', 'workflow.node.completed')`,
    );
    // The claim of the first, and one for the end of each.
    expect(rows).toEqual([{ transactions: 4, events: 6 }]);
  });

  test('comes behind those who wait in the queue', async () => {
    const order: string[] = [];
    const held = Promise.withResolvers<void>();
    const atB = Promise.withResolvers<void>();
    const step: Handler = async ({ node: { key } }) => {
      order.push(key);
      if (key === 'b') {
        atB.resolve();
        await held.promise;
      }
      return completed(null);
    };
    await using worker = workflowWorker(db, expressions, { handlers: { step }, concurrency: 1, leaseMs: 10_000 });
    const long = await aRun(chain('a', 'b', 'c', 'd'));
    await atB.promise;
    const other = await aRun(chain('other'));
    worker.look();
    held.resolve();
    await Promise.all([isEnded(long), isEnded(other)]);
    expect(order).toEqual(['a', 'b', 'other', 'c', 'd']);
  });
});

describe('a worker that is lost', () => {
  test('leaves its nodes to another, and what it reports later has no effect', async () => {
    const wakes: (() => void)[] = [];
    const frozen: Handler = () => new Promise((resolve) => wakes.push(() => resolve(completed('frozen'))));
    const done: Handler = async () => completed('done');
    const first = workflowWorker(db, expressions, { handlers: { work: frozen }, leaseMs: 60_000 });
    const run = await aRun([node('a', { operation: 'work' })]);
    await until('the first has it', () => wakes.length === 1);
    await db.owner.query(
      `update workflow_nodes set lease_expires_at = now() - interval '1 second' where run_id = '${run.id}'`,
    );
    await using second = workflowWorker(db, expressions, { handlers: { work: done } });
    await second.janitor.sweep();
    wakes[0]?.();
    expect(await isEnded(run)).toMatchObject({ state: 'completed', context: { a: 'done' } });
    await first[Symbol.asyncDispose]();
    expect(await runOf(run)).toMatchObject({ context: { a: 'done' } });
    expect((await eventsOf(db, run.id)).filter((type) => type === 'workflow.node.completed')).toHaveLength(1);
  });

  test('loses nothing when several walk the same run', async () => {
    const counts = new Map<string, number>();
    const count: Handler = async ({ node: { key }, runId }) => {
      counts.set(`${runId} ${key}`, (counts.get(`${runId} ${key}`) ?? 0) + 1);
      return completed(1);
    };
    await using _a = workflowWorker(db, expressions, { handlers: { count } });
    await using _b = workflowWorker(db, expressions, { handlers: { count } });
    const middle = Array.from({ length: 100 }, (_, index) =>
      node(`m${index}`, {
        operation: 'count',
        dependsOn: ['first'],
        outputs: [{ name: null, path: ['all'], merge: 'append' }],
      }),
    );
    const last = node('last', { operation: 'count', dependsOn: middle.map(({ key }) => key) });
    const run = await aRun([node('first', { operation: 'count' }), ...middle, last]);
    const ended = await isEnded(run);
    expect(ended).toMatchObject({ state: 'completed', context: { first: 1, last: 1 } });
    expect(ended?.context?.['all']).toHaveLength(100);
    expect([...counts.values()].every((times) => times === 1)).toBe(true);
  });
});

test('a worker that stops hands back at once what it does not bring to its end', async () => {
  const never: Handler = () => new Promise(() => {});
  const first = workflowWorker(db, expressions, { handlers: { work: never }, leaseMs: 60_000, stopMs: 10 });
  const run = await aRun([node('a', { operation: 'work' })]);
  await until('the first has it', async () => (await nodesOf(run))['a']?.state === 'running');
  await first[Symbol.asyncDispose]();
  await using _second = workflowWorker(db, expressions, { handlers: { work: async () => completed('done') } });
  expect(await isEnded(run)).toMatchObject({ state: 'completed', context: { a: 'done' } });
  expect(await nodesOf(run)).toMatchObject({ a: { attempt: 2 } });
});

test('that the database leaves in the middle of an attempt is no failure of the node', async () => {
  let attempts = 0;
  const asks: Handler = async () => {
    attempts += 1;
    if (attempts === 1) throw new AppError('unavailable', 'database.unavailable', 'Not now.');
    return completed('asked');
  };
  await using _worker = workflowWorker(db, expressions, { handlers: { asks } });
  const run = await aRun([node('a', { operation: 'asks' })]);
  expect(await isEnded(run)).toMatchObject({ state: 'completed', context: { a: 'asked' } });
  expect(await eventsOf(db, run.id)).not.toContain('workflow.node.failed');
});

test('runs of an organization that is deleted are cancelled', async () => {
  const never: Handler = () => new Promise(() => {});
  const worker = workflowWorker(db, expressions, { handlers: { never } });
  const run = await aRun([node('a', { operation: 'never' }), node('b', { dependsOn: ['a'] })]);
  const other = await aRun([node('a', { operation: 'never' })]);
  const ended: string[] = [];
  await db.system.transaction({ orgId: null }, (tx) =>
    endRunsOf(tx, run.orgId, { graphs: worker.graphs, endWork: async () => {}, ended: (id) => ended.push(id) }),
  );
  expect(ended).toEqual([run.id]);
  expect(await runOf(run)).toMatchObject({ state: 'cancelled' });
  expect(await runOf(other)).toMatchObject({ state: 'running' });
});

test('a run past its deadline fails', async () => {
  const never: Handler = () => new Promise(() => {});
  const worker = workflowWorker(db, expressions, { handlers: { never } });
  const run = await aRun([node('a', { operation: 'never' })], { deadlineSeconds: 0.05 });
  await until('its time is over', async () => {
    await worker.janitor.sweep();
    return (await runOf(run))?.completedAt;
  });
  expect(await runOf(run)).toMatchObject({ state: 'failed', error: { node: null, code: 'workflow_run.timed_out' } });
  worker.end(run.id);
});
