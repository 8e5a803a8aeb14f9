import { randomUUID } from 'node:crypto';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { inDatabase } from './harness/database.ts';
import { endsOf, readHistory } from './harness/history.ts';
import { dial, ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';

/*
 * What reports of runners may and may not do. The runner is scripted, so that late, doubled and foreign reports arrive
 * at the moment that matters.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const { evaluations } = server.sdk();

type Offer = Parameters<typeof ScriptedRunner.connect>[1];

/** Connects a runner for one test, and waits until work is given to it. */
async function connect(offer?: Offer): Promise<ScriptedRunner> {
  const runner = await ScriptedRunner.connect(server, offer);
  onTestFinished(() => runner[Symbol.dispose]());
  await server.ready();
  return runner;
}

const submit = async (timeout = 30): Promise<string> =>
  (await evaluations.submit({ code: 'print(1)', timeout })).eval_id;

const end = (id: string, within = 15_000) => evaluations.waitForEnd(id, { within });

/** Moves the data, where a test would otherwise have to wait for the clock. */
const changeEvaluation = (id: string, assignment: string): Promise<unknown> =>
  inDatabase(server, async (sql) => {
    await sql.query('set role assay_system');
    return sql.query(`update evaluations set ${assignment} where id = $1`, [id]);
  });

/** As if the runner had been silent for as long as a lease lasts. */
const EXPIRED = "lease_expires_at = now() - interval '1 second'";

async function expectOneEnd(id: string): Promise<void> {
  expect(endsOf(await readHistory(server)).get(id)).toHaveLength(1);
}

test('of two reports about one attempt, the first counts', async () => {
  const runner = await connect();
  const id = await submit();
  const lease = await runner.lease(id);
  runner.report(lease, 'first');
  runner.report(lease, 'second', { reason: 'nonzero_exit', exit_code: 1 });
  await end(id);
  await expectOneEnd(id);
  expect(await evaluations.get(id)).toMatchObject({ status: 'completed', output: 'first', exit_code: 0, attempt: 1 });
});

test('a report about an attempt that was given to another is dropped', async () => {
  const lost = await connect();
  const id = await submit();
  const first = await lost.lease(id);
  lost[Symbol.dispose]();

  // The same runner without the lease: its process was another one, so the work is free at once.
  const again = await connect({ id: lost.id });
  const second = await again.lease(id, { after: first.fence });
  again.report(first, 'late', { reason: 'nonzero_exit', exit_code: 1 });
  again.output(first, 0, 'late output');
  await again.hears('result_ack', first);
  expect(await evaluations.get(id)).toMatchObject({ status: 'running', attempt: 2 });
  expect((await evaluations.logs(id)).output).toBe('');

  again.report(second, 'in time');
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'in time' });
  await expectOneEnd(id);
});

test('a runner that dials again keeps what it holds, and loses no output', async () => {
  const runner = await connect();
  const id = await submit();
  const lease = await runner.lease(id);
  runner.output(lease, 0, 'before ');
  await runner.hears('output_ack', lease);
  runner[Symbol.dispose]();

  const again = await connect({ id: runner.id, held: [{ lease_id: lease.lease_id, fence: lease.fence }] });
  // What was not acknowledged is sent again, and may overlap.
  again.output(lease, 0, 'before ');
  again.output(lease, 7, 'and ');
  again.report(lease, 'after', { stdout_bytes: 'before and after'.length });
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'before and after' });
  expect(await evaluations.get(id)).toMatchObject({ attempt: 1 });
  await expectOneEnd(id);
});

test('work that a silent runner leaves behind is done by another', async () => {
  const gone = await connect();
  const id = await submit();
  const first = await gone.lease(id);
  const other = await connect();
  gone[Symbol.dispose]();
  await changeEvaluation(id, EXPIRED);

  const second = await other.lease(id, { after: first.fence });
  other.report(second, 'done');
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'done' });
  // It wakes with a report that is as good as any, but late.
  const woken = await connect({ id: gone.id, held: [{ lease_id: first.lease_id, fence: first.fence }] });
  await woken.hears('cancel', first);
  woken.report(first, 'late');
  await woken.isReleased(first);
  expect(await evaluations.get(id)).toMatchObject({ status: 'completed', output: 'done', attempt: 2 });
  await expectOneEnd(id);
});

test('a runner that stays connected and never reports does not keep a run open for ever', async () => {
  const stuck = await connect();
  const id = await submit();
  const first = await stuck.lease(id);
  await changeEvaluation(id, "started_at = started_at - interval '10 minutes'");
  await stuck.isReleased(first);
  await changeEvaluation(id, EXPIRED);

  const second = await stuck.lease(id, { after: first.fence });
  stuck.report(first, 'late');
  stuck.report(second, 'in time');
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'in time' });
  await expectOneEnd(id);
});

test('a kill that the runner never confirms takes effect within 2 s, and a late report changes nothing', async () => {
  const deaf = await connect();
  const id = await submit();
  const lease = await deaf.lease(id);
  const askedAt = performance.now();
  expect(await evaluations.kill(id)).toMatchObject({ killed: true });
  expect(performance.now() - askedAt).toBeLessThan(2_000);
  await deaf.hears('cancel', lease);

  deaf.report(lease, 'late');
  await deaf.isReleased(lease);
  expect(await evaluations.get(id)).toMatchObject({ status: 'cancelled', reason: 'killed', output: '' });
  await expectOneEnd(id);
});

test('a sandbox that cannot be set up is tried three times, and then the evaluation is a dead letter', async () => {
  const runner = await connect();
  const id = await submit();
  let fence = 0;
  for (let attempt = 1; attempt <= 3; attempt++) {
    const lease = await runner.lease(id, { after: fence });
    fence = lease.fence;
    runner.report(lease, '', { reason: 'setup_failed', message: 'No memory for a sandbox.', exit_code: null });
  }
  expect(await end(id)).toMatchObject({ status: 'failed', success: false });
  expect(await evaluations.get(id)).toMatchObject({ reason: 'setup_failed', message: 'No memory for a sandbox.' });
  await expectOneEnd(id);
});

test('a dead letter is listed, is retried once, and then runs as a new evaluation', async () => {
  const busy = await connect();
  const client = server.as();
  const first = await submit();
  const lease = await busy.lease(first);
  const id = await submit();
  await changeEvaluation(id, "queue_deadline = now() - interval '1 minute'");
  await end(id);
  expect((await client.get('/api/dead-letters')).body).toMatchObject({
    dead_letters: expect.arrayContaining([expect.objectContaining({ eval_id: id, reason: 'queue_timeout' })]),
  });

  const retried = await client.post(`/api/dead-letters/${id}/retry`);
  expect(retried).toMatchObject({ status: 200, body: { status: 'queued', eval_id: expect.not.stringMatching(id) } });
  const newId = (retried.body as { eval_id: string }).eval_id;
  busy.report(lease, 'makes room');
  busy.report(await busy.lease(newId), 'at last');
  expect(await end(newId)).toMatchObject({ status: 'completed', output: 'at last' });
  expect(await evaluations.get(newId)).toMatchObject({ retry_of: id });
  expect((await client.post(`/api/dead-letters/${id}/retry`)).status).toBe(404);
  expect(await evaluations.get(id)).toMatchObject({ status: 'failed' });
});

test('a lease that the runner refuses goes to one that takes it', async () => {
  const unwilling = await connect();
  const id = await submit();
  const refused = await unwilling.lease(id);
  const willing = await connect();
  unwilling.reject(refused, 'No room.');
  const [lease, runner] = await Promise.any(
    [willing, unwilling].map(async (runner) => [await runner.lease(id, { after: refused.fence }), runner] as const),
  );
  runner.report(lease, 'taken');
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'taken' });
});

test('a report about something that was never leased has no effect', async () => {
  const runner = await connect();
  const id = await submit();
  const lease = await runner.lease(id);
  runner.report({ lease_id: `eval_20250629_123456_${randomUUID().slice(0, 6)}`, fence: 1 }, 'made up');
  runner.report({ lease_id: lease.lease_id, fence: lease.fence + 1 }, 'from the future');
  runner.report(lease, 'real');
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'real' });
  await expectOneEnd(id);
});

test('a runner needs the runner token, and an API key is none', async () => {
  for (const credential of [undefined, 'Bearer wrong', `Bearer ${server.credentials.apiKey}`]) {
    const dialling = Socket.open(server.url, '/runner/v1/connect', credential ? { authorization: credential } : {});
    await expect(dialling).rejects.toThrow('refused');
  }
});

test('a runner that speaks another protocol, or nonsense, is cut off and harms nobody', async () => {
  const good = await connect();
  const old = ScriptedRunner.connect(server, { protocol: 99 });
  await expect(old).rejects.toThrow();
  for (const nonsense of ['{}', 'not json', '{"type":"result"}']) {
    using socket = await dial(server);
    socket.send(nonsense);
    expect(await socket.closed).toMatchObject({ code: 1008 });
  }
  const id = await submit();
  good.report(await good.lease(id), 'unharmed');
  expect(await end(id)).toMatchObject({ status: 'completed', output: 'unharmed' });
});
