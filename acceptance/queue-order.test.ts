import type { Assay } from '@assay/sdk';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { addTenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/* In which order evaluations run. The runner is scripted: with one slot it takes the next only when told to. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
let runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

const first = server.sdk();
const second = server.sdk((await addTenant(server, 'second')).apiKey);

type Place = { id: string; position: number };

async function submit(to: Assay, priority = 0): Promise<Place> {
  const { eval_id, queue_position } = await to.evaluations.submit({ code: 'print(1)', priority });
  return { id: eval_id, position: queue_position };
}

/** Takes the only slot before each test, so that what the test submits waits. */
let running = '';
beforeEach(async () => {
  running = (await submit(first)).id;
  await runner.lease(running);
});

/** Lets what waits run, one after the other, and gives the order. */
async function drain(count: number): Promise<string[]> {
  const before = runner.leases.length;
  for (let n = 1; n <= count; n++) {
    runner.report(await runner.lease(running), '');
    const next = await until(`${n} of ${count} run`, () => runner.leases[before + n - 1]);
    running = next.lease_id;
  }
  runner.report(await runner.lease(running), '');
  return runner.leases.slice(before).map(({ lease_id }) => lease_id);
}

test('higher priority runs first, then age, and each is told its place', async () => {
  const low = await submit(first);
  const high = await submit(first, 10);
  const lowLater = await submit(first);
  const highLater = await submit(first, 10);
  expect([low, high, lowLater, highLater].map(({ position }) => position)).toEqual([1, 1, 3, 2]);

  const expected = [high, highLater, low, lowLater].map(({ id }) => id);
  const places = await Promise.all(expected.map(async (id) => (await first.evaluations.get(id)).queue_position));
  expect(places).toEqual([1, 2, 3, 4]);
  expect(await drain(4)).toEqual(expected);
});

test('an organization that floods the queue does not keep another one waiting', async () => {
  const flood: Place[] = [];
  for (let n = 0; n < 6; n++) flood.push(await submit(first));
  const lone = await submit(second);
  expect(lone.position).toBe(1);
  expect((await drain(7))[0]).toBe(lone.id);
});

test('organizations that wait share the slots in turn, as their places said', async () => {
  // Nothing runs while they are told their places: what runs counts against its organization until it ends.
  runner.report(await runner.lease(running), '');
  await first.evaluations.waitForEnd(running);
  runner[Symbol.dispose]();
  const mine: Place[] = [];
  for (let n = 0; n < 3; n++) mine.push(await submit(first));
  const theirs: Place[] = [];
  for (let n = 0; n < 3; n++) theirs.push(await submit(second));
  const place = async (of: Assay, { id }: Place): Promise<[number | null, string]> => [
    (await of.evaluations.get(id)).queue_position,
    id,
  ];
  const places = await Promise.all([
    ...mine.map((one) => place(first, one)),
    ...theirs.map((one) => place(second, one)),
  ]);
  const told = places.toSorted(([a], [b]) => Number(a) - Number(b));
  expect(told.map(([position]) => position)).toEqual([1, 2, 3, 4, 5, 6]);

  runner = await ScriptedRunner.connect(server);
  running = (await until('the first one runs', () => runner.leases[0])).lease_id;
  expect([running, ...(await drain(5))]).toEqual(told.map(([, id]) => id));
});

test('the items of a batch are queued in their order', async () => {
  const { evaluations } = await first.evaluations.submitBatch([1, 2, 3].map((n) => ({ code: `print(${n})` })));
  expect(evaluations.map(({ queue_position }) => queue_position)).toEqual([1, 2, 3]);
  expect(await drain(3)).toEqual(evaluations.map(({ eval_id }) => eval_id));
});

test('what is cancelled while it waits leaves the queue, and those behind it move up', async () => {
  const ahead = await submit(first);
  const behind = await submit(first);
  expect(await first.evaluations.cancel(ahead.id)).toMatchObject({ cancelled: true, status: 'cancelled' });
  expect((await first.evaluations.get(behind.id)).queue_position).toBe(1);
  expect(await drain(1)).toEqual([behind.id]);
});
