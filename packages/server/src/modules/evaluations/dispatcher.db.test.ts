import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aQueuedEvaluation, eventsOf, stateOf } from '../../../test/builders.ts';
import { type TestContents, testContents } from '../../../test/contents.ts';
import { testDatabase } from '../../../test/database.ts';
import { type FakeRunner, fakeRunner, wentWell } from '../../../test/fakes/runner.ts';
import { until } from '../../../test/until.ts';
import { newId } from '../../kernel/ids.ts';
import { readAsset } from '../assets/index.ts';
import { RunnerHub } from '../runners/index.ts';
import { Dispatcher } from './dispatcher.ts';
import { Endings } from './endings.ts';
import { deleteEvaluationsOlderThan, Janitor } from './janitor.ts';

const db = testDatabase();
const log = pino({ level: 'silent' });
let disk: TestContents;
beforeAll(async () => {
  disk = await testContents(db);
});
afterAll(() => disk[Symbol.asyncDispose]());

/** One control-plane process, as far as dispatch goes. */
function aPlane() {
  const statements: ConstructorParameters<typeof RunnerHub>[0]['statements'] = (work) =>
    db.system.statements({ orgId: null }, work);
  const endings = new Endings();
  const cancels = new Set<(id: string) => void>();
  const hub = new RunnerHub({ statements, changed: () => dispatcher.wakeForTest(), log });
  const dispatcher = Object.assign(
    new Dispatcher({
      hub,
      contents: disk.contents,
      endings,
      statements,
      transaction: (work) => db.system.transaction({ orgId: null }, work),
      onQueued: () => () => {},
      onRunners: (listener) => {
        dispatcher.wakeForTest = listener;
        return () => {};
      },
      onCancelled: (listener) => {
        cancels.add(listener);
        return () => {};
      },
      told: () => {},
      nodeWoken: () => {},
      observe: { waited: () => {}, ended: () => {} },
      leaseMs: 1_500,
      log,
    }),
    { wakeForTest: (): void => {} },
  );
  dispatcher.start();
  const janitor = new Janitor({ statements, endings, requeued: () => dispatcher.wakeForTest(), told: () => {}, log });
  return {
    hub,
    dispatcher,
    janitor,
    cancel(id: string) {
      for (const listener of cancels) listener(id);
    },
    async [Symbol.asyncDispose]() {
      await dispatcher[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const leased = (runner: FakeRunner, id: string) =>
  until('the lease arrives', () => runner.leases.findLast(({ leaseId }) => leaseId === id));
const ends = (id: string, state: string) =>
  until(`${id} is ${state}`, async () => (await stateOf(db, id))['state'] === state);

describe('the dispatcher', () => {
  test('gives a queued evaluation to a free runner and records its end once', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const lease = await leased(runner, id);
    expect(lease.spec.code).toBe('print(1)');
    runner.session.result(lease, wentWell('hi\n'));
    await ends(id, 'completed');
    await until('the result is acknowledged', () => runner.acked.includes(id));
    expect(await stateOf(db, id)).toMatchObject({ output: 'hi\n', attempt: 1, reason: 'ok' });
    expect(await eventsOf(db, id)).toEqual(['evaluation.running', 'evaluation.completed']);
  });

  test('drops a report under an older fence, and a second report of the same run', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const lease = await leased(runner, id);
    runner.session.result({ leaseId: id, fence: lease.fence - 1 }, wentWell('old'));
    runner.session.result(lease, wentWell('first'));
    runner.session.result(lease, wentWell('second'));
    await ends(id, 'completed');
    expect(await stateOf(db, id)).toMatchObject({ output: 'first' });
    expect((await eventsOf(db, id)).filter((type) => type === 'evaluation.completed')).toHaveLength(1);
  });

  test('never gives a runner more than its slots', async () => {
    await using plane = aPlane();
    const orgId = await db.organization();
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) ids.push(await aQueuedEvaluation(db, { orgId }));
    const runner = await fakeRunner(plane.hub, { slots: 2 });
    await until('two leases', () => runner.leases.length >= 2);
    const [first] = runner.leases;
    if (!first) throw new Error('no lease');
    expect(runner.leases).toHaveLength(2);
    runner.session.result(first, wentWell(''));
    await until('a third lease for the freed slot', () => runner.leases.length === 3);
    for (const lease of runner.leases.slice(1)) runner.session.result(lease, wentWell(''));
    await until('the last lease', () => runner.leases.length === 4);
    const last = runner.leases[3];
    if (last) runner.session.result(last, wentWell(''));
    for (const id of ids) await ends(id, 'completed');
  });

  test('serves the organization that holds the fewest slots, then higher priority first within it', async () => {
    await using plane = aPlane();
    const [busy, quiet] = [await db.organization(), await db.organization()];
    const many: string[] = [];
    for (let index = 0; index < 3; index++) many.push(await aQueuedEvaluation(db, { orgId: busy }));
    const one = await aQueuedEvaluation(db, { orgId: quiet });
    const runner = await fakeRunner(plane.hub, { slots: 2 });
    await until('two leases', () => runner.leases.length === 2);
    expect(runner.leases.map(({ leaseId }) => leaseId).sort()).toEqual([many[0], one].sort());
    const urgent = await aQueuedEvaluation(db, { orgId: busy, priority: 5 });
    const [first] = runner.leases;
    if (first) runner.session.result(first, wentWell(''));
    await until('a third lease', () => runner.leases.length === 3);
    expect(runner.leases[2]?.leaseId).toBe(urgent);
    runner.session.closed();
  });

  test('keeps a lease over a broken connection when the runner dials again with it', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const lease = await leased(runner, id);
    runner.session.closed();
    const again = await fakeRunner(plane.hub, { id: runner.id, held: [lease] });
    again.session.result(lease, wentWell('kept'));
    await ends(id, 'completed');
    expect(await stateOf(db, id)).toMatchObject({ attempt: 1, output: 'kept' });
  });

  test('requeues at once what a restarted runner no longer holds', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    await leased(runner, id);
    runner.session.closed();
    const again = await fakeRunner(plane.hub, { id: runner.id, held: [] });
    const second = await leased(again, id);
    expect(second.fence).toBe(2);
    again.session.result(second, wentWell('second try'));
    await ends(id, 'completed');
  });

  test('tells a runner to forget a lease that is not its own any more', async () => {
    await using plane = aPlane();
    const runner = await fakeRunner(plane.hub, { held: [{ leaseId: 'eval_20200101_000000_aaaaaa', fence: 7 }] });
    expect(runner.cancelled).toEqual([{ leaseId: 'eval_20200101_000000_aaaaaa', fence: 7, report: false }]);
  });

  test('joins output that came in pieces with the tail of the result', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const lease = await leased(runner, id);
    const whole = Buffer.from('one zwö three');
    runner.session.output(lease, { stream: 'stdout', offset: 0, bytes: whole.subarray(0, 7) });
    runner.session.output(lease, { stream: 'stdout', offset: 0, bytes: whole.subarray(0, 7) });
    runner.session.output(lease, { stream: 'stdout', offset: 7, bytes: whole.subarray(7, 9) });
    runner.session.result(lease, wentWell('', { stdoutTail: whole.subarray(9), stdoutBytes: whole.length }));
    await ends(id, 'completed');
    expect(await stateOf(db, id)).toMatchObject({ output: 'one zwö three' });
    const { rows } = await db.owner.query('select 1 from evaluation_output where evaluation_id = $1', [id]);
    expect(rows).toEqual([]);
  });

  test('keeps output that is not text whole, as an asset', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const bytes = Buffer.of(0, 255, 254, 65);
    runner.session.result(await leased(runner, id), wentWell('', { stdoutTail: bytes, stdoutBytes: 4 }));
    await ends(id, 'completed');
    const { output_asset_id } = await stateOf(db, id);
    const { rows } = await db.owner.query<{ org_id: string }>('select org_id from assets where id = $1', [
      output_asset_id,
    ]);
    const orgId = String(rows[0]?.org_id);
    const kept = await db.app.statements({ orgId }, (tx) =>
      readAsset(tx, disk.contents, orgId, String(output_asset_id)),
    );
    expect(kept).toEqual(bytes);
  });

  test('leaves files that go with it when its retention is over', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const file = { path: 'a', content: Buffer.from('kept for a time') };
    const report = { stdoutTail: Buffer.of(0, 255), stdoutBytes: 2, files: [file] };
    runner.session.result(await leased(runner, id), wentWell('', report));
    await ends(id, 'completed');
    const assets = async (): Promise<number> => {
      const { rows } = await db.owner.query<{ count: string }>(
        `select count(*) from assets where filename in ('a', $1 || '.stdout')`,
        [id],
      );
      return Number(rows[0]?.count);
    };
    expect(await assets()).toBe(2);
    await db.owner.query(`update evaluations set completed_at = now() - interval '91 days' where id = $1`, [id]);
    const retain = () => db.system.transaction({ orgId: null }, (tx) => deleteEvaluationsOlderThan(tx, 90));
    expect([await retain(), await retain(), await assets()]).toEqual([1, 0, 0]);
  });

  test('tries a sandbox that could not be set up again, and then gives up with a dead letter', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    for (const attempt of [1, 2, 3]) {
      const lease = await until('the next try', () =>
        runner.leases.find(({ leaseId, fence }) => leaseId === id && fence === attempt),
      );
      runner.session.result(lease, wentWell('', { reason: 'setup_failed', message: 'no room', exitCode: null }));
    }
    await ends(id, 'failed');
    expect(await stateOf(db, id)).toMatchObject({ reason: 'setup_failed', attempt: 3, dead: true });
  });
});

describe('the janitor', () => {
  const markCancelled = (id: string, ago: string) =>
    db.owner.query(
      `update evaluations set cancel_requested_at = now() - $2::interval, cancel_reason = 'killed' where id = $1`,
      [id, ago],
    );
  const expire = (id: string) =>
    db.owner.query(`update evaluations set lease_expires_at = now() - interval '1 second' where id = $1`, [id]);

  test('puts what lost its runner back into the queue, and fails it after its last attempt', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    await leased(runner, id);
    runner.session.closed();
    await plane.dispatcher.drain();
    await expire(id);
    await plane.janitor.sweep();
    expect(await stateOf(db, id)).toMatchObject({ state: 'queued', attempt: 1, runner_id: null });
    await db.owner.query(
      `update evaluations set state = 'running', attempt = 3, lease_expires_at = now() - interval '1 second' where id = $1`,
      [id],
    );
    await plane.janitor.sweep();
    expect(await stateOf(db, id)).toMatchObject({ state: 'failed', reason: 'runner_lost', dead: true });
    expect((await eventsOf(db, id)).slice(-2)).toEqual(['evaluation.queued', 'evaluation.failed']);
  });

  test('ends a killed run whose runner does not confirm, and fences its late report off', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const lease = await leased(runner, id);
    await markCancelled(id, '2 seconds');
    await plane.janitor.sweep();
    expect(await stateOf(db, id)).toMatchObject({ state: 'cancelled', reason: 'killed' });
    runner.session.result(lease, wentWell('too late'));
    await until('the report is dropped', () => runner.cancelled.length > 0 || runner.acked.includes(id));
    expect(await stateOf(db, id)).toMatchObject({ state: 'cancelled', output: '' });
  });

  test('leaves a kill that was only just asked for to the runner', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization() });
    const runner = await fakeRunner(plane.hub);
    const lease = await leased(runner, id);
    await markCancelled(id, '0 seconds');
    plane.cancel(id);
    expect(runner.cancelled).toEqual([{ leaseId: id, fence: lease.fence, report: true }]);
    await plane.janitor.sweep();
    expect(await stateOf(db, id)).toMatchObject({ state: 'running' });
    runner.session.result(lease, wentWell('', { reason: 'cancelled', exitCode: null, message: 'Killed.' }));
    await ends(id, 'cancelled');
  });

  test('fails what waited past its deadline', async () => {
    await using plane = aPlane();
    const id = await aQueuedEvaluation(db, { orgId: await db.organization(), engine: 'gvisor', queueSeconds: -1 });
    await plane.janitor.sweep();
    expect(await stateOf(db, id)).toMatchObject({ state: 'failed', reason: 'queue_timeout', dead: true });
  });
});

test('two dispatchers never give out the same evaluation', async () => {
  await using one = aPlane();
  await using two = aPlane();
  const orgId = await db.organization();
  const ids = new Set<string>();
  for (let index = 0; index < 20; index++) ids.add(await aQueuedEvaluation(db, { orgId }));
  const runners = await Promise.all([
    fakeRunner(one.hub, { id: newId(), slots: 20 }),
    fakeRunner(two.hub, { id: newId(), slots: 20 }),
  ]);
  const given = await until('all are given out', () => {
    const mine = runners.flatMap(({ leases }) => leases.map(({ leaseId }) => leaseId)).filter((id) => ids.has(id));
    return mine.length >= ids.size ? mine : null;
  });
  expect(new Set(given).size).toBe(given.length);
  expect(given).toHaveLength(20);
  for (const runner of runners) for (const lease of runner.leases) runner.session.result(lease, wentWell(''));
  for (const id of ids) await ends(id, 'completed');
});
