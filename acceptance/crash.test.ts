import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { shiftedClock } from './harness/clock.ts';
import { endsOf, readHistory } from './harness/history.ts';
import { Load } from './harness/load.ts';
import { listProcesses, processesMarked, processTree } from './harness/processes.ts';
import { RemoteRunner } from './harness/remote-runner.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/*
 * Ends that nobody asked for. Whatever dies, at whatever moment: what was accepted ends, once, and nothing of it is left.
 */
const ROUNDS = Number(process.env['ASSAY_CRASH_ROUNDS'] ?? 10);
/** From the moment that everything runs again to the end of a program that is submitted then. */
const RECOVERY_MS = 15_000;
const HOUR_MS = 3_600_000;

// One engine only: each of the many starts here tests every engine that may be offered.
const server = await Server.start({
  env: { ASSAY_RATE_LIMITS: 'off', ASSAY_STOP_SECONDS: '3', ASSAY_RUNNER_ENGINES: 'bubblewrap' },
});
afterAll(() => server[Symbol.asyncDispose]());

const runnerPid = (): number => {
  const runner = processTree(server.pid).find(({ command }) => /runner\/src\/main\.ts/.test(command));
  if (!runner) throw new Error('No runner runs.');
  return runner.pid;
};

const postgresPid = async (): Promise<number> =>
  Number((await readFile(join(server.dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);

/** Runs a program to its end, ahead of all that waits, however long the server takes to come back for that. */
async function recovers(): Promise<void> {
  await until(
    'a program runs again',
    async () => {
      const { body } = await server.as().post('/api/eval?wait=15', { code: 'print("back")', priority: 2000 });
      return (body as { output?: string }).output === 'back\n';
    },
    RECOVERY_MS,
  );
}

const status = async (id: string): Promise<string> => (await server.sdk().evaluations.get(id)).status;
const isRunning = (id: string): Promise<unknown> => until(`${id} runs`, async () => (await status(id)) === 'running');

/** Everything that the server's death must take with it. */
const leftovers = (): string[] =>
  listProcesses()
    .filter(({ command }) => command.includes(server.dataDir))
    .map(({ command }) => command);

beforeEach(async () => {
  if (!server.isRunning) await server.start();
  await server.ready();
});

const VICTIMS = ['server', 'runner', 'postgres', 'all'] as const;

async function kill(victim: (typeof VICTIMS)[number]): Promise<void> {
  const pids = {
    server: async () => [server.pid],
    runner: async () => [runnerPid()],
    postgres: async () => [await postgresPid()],
    all: async () => [server.pid, runnerPid(), await postgresPid()],
  };
  for (const pid of await until(`${victim} is there to be killed`, pids[victim])) process.kill(pid, 'SIGKILL');
  if (victim === 'server' || victim === 'all') {
    await server.exited;
    // Leases are by the database's clock: that ours jumps by an hour must not matter.
    await server.start(victim === 'all' ? shiftedClock(-HOUR_MS) : {});
  }
}

test(
  `every accepted evaluation ends exactly once over ${ROUNDS} kills under load, and each time it recovers`,
  async () => {
    const mark = `86400.${randomInt(1e9)}`;
    const load = new Load(server.as(), {
      callers: 3,
      pauseMs: 250,
      program: (prints) => `import subprocess, time
print('${prints}', flush=True)
left = subprocess.Popen(['sleep', '${mark}'], start_new_session=True)
time.sleep(0.05)`,
    });
    onTestFinished(() => load.abandon());
    for (let round = 0; round < ROUNDS; round++) {
      await delay(randomInt(200, 1_200));
      await kill(VICTIMS[round % VICTIMS.length] ?? 'all');
      await recovers();
    }
    const accepted = await load.end();
    const { platform, evaluations } = server.sdk();
    await until('all have ended', async () => (await platform.queue()).queue_length === 0, 60_000);

    expect(accepted.length).toBeGreaterThan(ROUNDS * 5);
    const ends = endsOf(await readHistory(server));
    expect(accepted.filter(({ id }) => ends.get(id)?.length !== 1)).toEqual([]);
    for (const { id, prints } of accepted) {
      const { output, reason, attempt } = await evaluations.get(id);
      // What lost its runner at every attempt is given up; everything else ran to its end, and shows one run's output.
      if (reason === 'runner_lost') expect(attempt).toBe(3);
      else expect({ id, reason, output }).toEqual({ id, reason: 'ok', output: `${prints}\n` });
    }
    await until('no process of a program is left', () => processesMarked(mark).length === 0);
  },
  60_000 + ROUNDS * 2 * RECOVERY_MS,
);

test('a killed server takes its database, its runner and the programs with it', async () => {
  const mark = `86400.${randomInt(1e9)}`;
  const { eval_id } = await server
    .sdk()
    .evaluations.submit({ code: `import subprocess; subprocess.run(['sleep', '${mark}'])` });
  await until('it runs', () => processesMarked(mark).length > 0);
  process.kill(server.pid, 'SIGKILL');
  await server.exited;
  await until('nothing is left', () => leftovers().length === 0 && processesMarked(mark).length === 0);

  await server.start();
  await server.ready();
  await until('it runs again', () => processesMarked(mark).length > 0);
  expect(await server.sdk().evaluations.get(eval_id)).toMatchObject({ status: 'running', attempt: 2 });
  await server.sdk().evaluations.kill(eval_id);
});

describe('a stop', () => {
  test('lets what runs finish, and is then over', async () => {
    const { eval_id } = await server
      .sdk()
      .evaluations.submit({ code: 'import time; time.sleep(1.5); print("finished")' });
    await isRunning(eval_id);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(leftovers()).toEqual([]);
    await server.start();
    expect(await server.sdk().evaluations.get(eval_id)).toMatchObject({
      status: 'completed',
      output: 'finished\n',
      attempt: 1,
    });
  });

  test('hands back what takes longer, and it runs again after the next start', async () => {
    const { eval_id } = await server.sdk().evaluations.submit({ code: 'import time; time.sleep(60)', timeout: 120 });
    await isRunning(eval_id);
    const stoppedAt = performance.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    expect(leftovers()).toEqual([]);
    await server.start();
    await until(
      'its second attempt',
      async () => (await server.sdk().evaluations.get(eval_id)).attempt === 2,
      RECOVERY_MS,
    );
    await server.sdk().evaluations.kill(eval_id);
  });

  test('is forced by a second signal, and loses nothing either', async () => {
    const { eval_id } = await server.sdk().evaluations.submit({ code: 'import time; time.sleep(60)', timeout: 120 });
    await isRunning(eval_id);
    const stoppedAt = performance.now();
    const said = server.stderr.length;
    server.signal('SIGTERM');
    await until('the stop has begun', () => server.stderr.slice(said).includes('stopping'));
    server.signal('SIGTERM');
    expect(await server.exited).toEqual({ code: 130, signal: null });
    expect(performance.now() - stoppedAt).toBeLessThan(2_000);
    await until('nothing is left', () => leftovers().length === 0);
    await server.start();
    await until(
      'its second attempt',
      async () => (await server.sdk().evaluations.get(eval_id)).attempt === 2,
      RECOVERY_MS,
    );
    await server.sdk().evaluations.kill(eval_id);
  });

  test('ends open streams and waiting requests, and does not wait for callers that say nothing', async () => {
    const { eval_id } = await server.sdk().evaluations.submit({ code: 'import time; time.sleep(60)', timeout: 120 });
    const headers = { 'x-api-key': server.credentials.apiKey, accept: 'text/event-stream' };
    const streams = [`/v1/events/stream`, `/api/eval/${eval_id}/logs`].map((path) =>
      fetch(server.url + path, { headers }),
    );
    const bodies = (await Promise.all(streams)).map((response) => response.text().catch(() => ''));
    const waiting = server
      .as()
      .get(`/api/eval/${eval_id}?wait=60`)
      .catch(() => null);
    await isRunning(eval_id);
    const stoppedAt = performance.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    await Promise.all([...bodies, waiting]);
    await server.start();
    await server.sdk().evaluations.kill(eval_id);
  });
});

describe('a runner', () => {
  test('that is frozen for longer than its lease reports too late, and its work is done by another', async () => {
    await using other = await RemoteRunner.start(server);
    await until('both are connected', async () => (await server.anonymous.get('/readyz')).text.includes('2 connected'));
    const { evaluations } = server.sdk();
    const code = 'import time, uuid; print(uuid.uuid4()); time.sleep(4)';
    const submitted = await evaluations.submitBatch([{ code }, { code }, { code }, { code }]);
    const ids = submitted.evaluations.map(({ eval_id }) => eval_id ?? '');
    await Promise.all(ids.map(isRunning));
    const frozen = runnerPid();
    process.kill(frozen, 'SIGSTOP');
    try {
      for (const id of ids) {
        expect(await evaluations.waitForEnd(id, { within: 40_000 })).toMatchObject({ status: 'completed' });
      }
    } finally {
      process.kill(frozen, 'SIGCONT');
    }
    const before = await Promise.all(ids.map((id) => evaluations.get(id)));
    expect(before.map(({ attempt }) => attempt).toSorted()).toEqual([1, 1, 2, 2]);
    await recovers();
    await until('the woken runner is back', async () =>
      (await server.anonymous.get('/readyz')).text.includes('2 connected'),
    );
    expect(await Promise.all(ids.map((id) => evaluations.get(id)))).toEqual(before);
    const ends = endsOf(await readHistory(server));
    expect(ids.map((id) => ends.get(id)?.length)).toEqual([1, 1, 1, 1]);
    expect(before.map(({ output }) => output.length)).toEqual([37, 37, 37, 37]);
    expect(other.isRunning).toBe(true);
  });
});

test('a server whose clock is an hour fast renews leases, ends runs, begins jobs and goes over lists all the same', async () => {
  await server.stop();
  await server.start(shiftedClock(HOUR_MS));
  await server.ready();
  const { evaluations } = server.sdk();
  // Longer than a lease goes without being renewed.
  const ended = await evaluations.run({ code: 'import time; time.sleep(4); print("ran")' }, { within: 30_000 });
  expect(await evaluations.get(ended.eval_id)).toMatchObject({ status: 'completed', output: 'ran\n', attempt: 1 });
  const asked = await server.as().post('/v1/jobs', { modality: 'noop', input: 'Now.' });
  const { job_id } = (asked.body as { data: { job_id: string } }).data;
  await until('the job is done at once', async () => {
    const { body } = await server.as().get(`/v1/jobs/${job_id}`);
    return (body as { data: { job: { status: string } } }).data.job.status === 'completed';
  });
  const items = { items: [1, 2, 3] };
  const nodes = [{ key: 'all', runtime: 'native', operation: 'noop', for_each: items } as const];
  await server.sdk().workflows.deploy({ name: 'list', nodes });
  const run = await server.sdk().runs.createAndWait({ name: 'list' });
  expect(run.state).toBe('completed');
  await server.stop();
});
