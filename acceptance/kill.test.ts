import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { EvaluationRequest } from '@assay/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { endsOf, readHistory } from './harness/history.ts';
import { processesMarked, processTree } from './harness/processes.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/* An end that is asked for: at every stage of a run it comes within 2 s, and nothing of the run is left on the host. */
const server = await Server.start({ env: { ASSAY_RATE_LIMITS: 'off' } });
afterAll(() => server[Symbol.asyncDispose]());
const { evaluations } = server.sdk();

const BAR_MS = 2_000;

/** A number that no other process of this machine has on its command line: `sleep` takes it, and is found by it. */
const newMark = (): string => `86400.${randomInt(1e9)}`;

const WAYS = ['kill', 'cancel'] as const;

/** Ends an evaluation, and holds the end to the bar. */
async function endNow(id: string, way: (typeof WAYS)[number] = 'kill'): Promise<void> {
  const askedAt = performance.now();
  const answer = await evaluations[way](id);
  expect(performance.now() - askedAt).toBeLessThan(BAR_MS);
  expect(answer).toMatchObject(way === 'kill' ? { killed: true } : { cancelled: true, status: 'cancelled' });
  const reason = way === 'kill' ? 'killed' : 'cancelled';
  expect(await evaluations.get(id)).toMatchObject({ status: 'cancelled', reason, success: false });
}

/** Waits until a run has the processes that a test is about. */
const hasStarted = (mark: string, count = 1): Promise<unknown> =>
  until('the processes run', () => processesMarked(mark).length >= count, 30_000);

const isGone = (mark: string): Promise<unknown> =>
  until('no process is left', () => processesMarked(mark).length === 0, BAR_MS);

describe.each(WAYS)('%s', (way) => {
  test('of one that waits ends it before it runs', async () => {
    const busy = await Promise.all(
      Array.from({ length: 8 }, () => evaluations.submit({ code: 'import time; time.sleep(60)', priority: 10 })),
    );
    const { eval_id } = await evaluations.submit({ code: 'print("ran")' });
    await endNow(eval_id, way);
    expect(await evaluations.get(eval_id)).toMatchObject({ output: '', started_at: null, attempt: 0 });
    await Promise.all(busy.map((one) => evaluations.kill(one.eval_id)));
  });

  const programs: Record<string, (mark: string) => EvaluationRequest> = {
    'a program that waits': (mark) => ({ code: `import subprocess; subprocess.run(['sleep', '${mark}'])` }),
    'a program with a tree of children': (mark) => ({
      code: `import os, subprocess\nfor n in range(3): os.fork()\nsubprocess.run(['sleep', '${mark}'])`,
    }),
    'a program that hides in a session of its own': (mark) => ({
      code: `import os, subprocess, time
if os.fork() == 0:
  os.setsid()
  if os.fork() == 0: subprocess.run(['sleep', '${mark}'])
  os._exit(0)
time.sleep(60)`,
    }),
    'a program that ignores every signal': (mark) => ({
      code: `import signal, subprocess
for number in range(1, 65):
  try: signal.signal(number, signal.SIG_IGN)
  except (OSError, ValueError): pass
subprocess.run(['sleep', '${mark}'])`,
    }),
    'a program that floods its output': (mark) => ({
      code: `sleep ${mark} & while :; do echo flood; sleep 0.01; done`,
      language: 'bash',
    }),
    'a compiled program': (mark) => ({
      code: `#include <unistd.h>\nint main() { execlp("sleep", "sleep", "${mark}", nullptr); }`,
      language: 'cpp',
    }),
  };

  test.each(Object.keys(programs))('of %s ends it and every process of it', async (name) => {
    const mark = newMark();
    const request = programs[name]?.(mark) ?? { code: '' };
    const { eval_id } = await evaluations.submit({ ...request, timeout: 60 });
    await hasStarted(mark, name.includes('tree') ? 8 : 1);
    await endNow(eval_id, way);
    await isGone(mark);
  });
});

test('a kill while the compiler is at work ends the compiler', async () => {
  // The compiler evaluates this itself, and takes its time.
  const code = `constexpr long f() { long s = 0; for (long i = 0; i < 30000000; i++) s += i ^ s; return s; }
static_assert(f() != 1);
int main() {}`;
  const { eval_id } = await evaluations.submit({ code, language: 'cpp', timeout: 60 });
  const compilers = () => processTree(server.pid).filter(({ command }) => command.includes('cc1plus'));
  await until('the compiler runs', () => compilers().length > 0);
  await endNow(eval_id);
  await until('the compiler is gone', () => compilers().length === 0, BAR_MS);
});

test('a kill at any moment from submission on ends a run once, and leaves nothing', async () => {
  const mark = newMark();
  const ids: string[] = [];
  for (let ms = 0; ms <= 120; ms += 8) {
    const code = `import subprocess; print('up', flush=True); subprocess.run(['sleep', '${mark}'])`;
    const { eval_id } = await evaluations.submit({ code });
    await delay(ms);
    await endNow(eval_id);
    ids.push(eval_id);
  }
  await isGone(mark);
  const ends = endsOf(await readHistory(server));
  expect(ids.map((id) => ends.get(id))).toEqual(ids.map(() => ['evaluation.cancelled']));
});

test('a kill that races with the end leaves one end, and says which it was', async () => {
  const ids: string[] = [];
  for (let ms = 0; ms <= 60; ms += 6) {
    const { eval_id } = await evaluations.submit({ code: 'print("done")' });
    await delay(ms);
    const { killed } = await evaluations.kill(eval_id);
    const record = await evaluations.get(eval_id);
    expect(record.status).toBe(killed ? 'cancelled' : 'completed');
    ids.push(eval_id);
  }
  const ends = endsOf(await readHistory(server));
  for (const id of ids) expect(ends.get(id)).toHaveLength(1);
});

test('a kill of what has ended says so and changes nothing', async () => {
  const { eval_id } = await evaluations.run({ code: 'print("done")' }, { within: 30_000 });
  expect(await evaluations.kill(eval_id)).toMatchObject({
    killed: false,
    message: expect.stringContaining('completed'),
  });
  expect(await evaluations.cancel(eval_id)).toMatchObject({ cancelled: false, status: 'completed' });
  expect(await evaluations.get(eval_id)).toMatchObject({ status: 'completed', output: 'done\n', reason: 'ok' });
});

test('a run that ends by itself takes with it what it left in the background', async () => {
  const mark = newMark();
  const code = `import subprocess; subprocess.Popen(['sleep', '${mark}'], start_new_session=True)`;
  await evaluations.run({ code }, { within: 30_000 });
  await isGone(mark);
});

test('a run that was timed out leaves no process', async () => {
  const mark = newMark();
  const code = `import subprocess; subprocess.run(['sleep', '${mark}'])`;
  expect(await evaluations.run({ code, timeout: 1 }, { within: 30_000 })).toMatchObject({ status: 'timeout' });
  await isGone(mark);
});
