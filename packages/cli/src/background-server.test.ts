import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BackgroundServer } from './background-server.ts';
import { ensureRunning, untilReady } from './start-up.ts';

const program = fileURLToPath(new URL('../test/fake-server.mjs', import.meta.url));
const { signal } = new AbortController();

// Each test starts programs, some of them several, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

let dataDir: string;
let server: BackgroundServer;
const pids: number[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'assay-cli-'));
  server = new BackgroundServer(dataDir);
});
afterEach(async () => {
  for (const pid of pids.splice(0)) kill(pid, 'SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

function kill(pid: number | undefined, how: NodeJS.Signals): void {
  // Zero would be this whole group of processes.
  if (pid === undefined || pid <= 0) return;
  try {
    process.kill(pid, how);
  } catch {
    // It has ended by itself.
  }
}

async function start(...args: string[]): Promise<number | undefined> {
  await server.start({ program, args, env: process.env, cwd: dataDir }, signal);
  const pid = (await server.running())?.pid;
  if (pid !== undefined) pids.push(pid);
  return pid;
}

const ready = (withinMs = 20_000) => untilReady(server, { deadline: Date.now() + withinMs, signal });

const untilGone = () => until(async () => (await server.running()) === null);

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await holds()); await pause(10)) {
    if (Date.now() > deadline) throw new Error('It did not come to pass.');
  }
}

test('a server is started once, and found again until it ends', async () => {
  expect(await server.running()).toBeNull();
  const pid = await start();
  const { url } = await ready();
  expect(await new BackgroundServer(dataDir).running()).toEqual({ pid, url });
  expect(await ready()).toEqual({ pid, url });
  kill(pid, 'SIGTERM');
  await untilGone();
});

test('of starts at the same time all but one give way, also where a server has died', async () => {
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => start()));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(outcomes.length - 1);
    expect(refused[0]).toMatchObject({ reason: { code: 'conflict' } });
    kill(pids.at(-1), 'SIGKILL');
    await untilGone();
  }
});

test('a second start gives way to a server that runs', async () => {
  await start();
  await expect(start()).rejects.toMatchObject({ code: 'conflict' });
});

test('a server that runs is used, and one that is just stopping is followed by a new one', async () => {
  const how = { program, args: [], env: process.env, cwd: dataDir };
  const limit = { deadline: Date.now() + 20_000, signal };
  const first = await ensureRunning(server, how, limit);
  pids.push(first.pid);
  expect(await ensureRunning(server, how, limit)).toEqual({ ...first, isNew: false });
  kill(first.pid, 'SIGTERM');
  // Until the signal has reached it, it is a server like any other.
  await until(async () => !(await answers(first.url)));
  const second = await ensureRunning(server, how, limit);
  pids.push(second.pid);
  expect(second).toMatchObject({ isNew: true });
  expect(second.pid).not.toBe(first.pid);
});

test('what the server says is kept until it has been shown, and is readable by its owner only', async () => {
  const first = await start();
  await ready();
  expect(await server.unread()).toContain('Password   secret');
  for (const file of await readdir(join(dataDir, 'background'))) {
    expect((await stat(join(dataDir, 'background', file))).mode & 0o077).toBe(0);
  }
  kill(first, 'SIGTERM');
  await untilGone();
  await start();
  await ready();
  expect((await server.unread()).match(/secret/g)).toHaveLength(2);
  await server.forgetWords();
  expect(await server.unread()).toBe('');
});

test('a server that dies at its start is reported with the end of its log', async () => {
  const earlier = await start();
  kill(earlier, 'SIGTERM');
  await untilGone();
  await start('--dies');
  await expect(ready()).rejects.toMatchObject({
    code: 'start_failed',
    message: expect.stringMatching(/:\na line of the log\nthe disk is full$/),
  });
  expect(await server.running()).toBeNull();
});

test('a server that does not become ready is reported with what it lacks, and goes on', async () => {
  await start('--never-ready');
  await until(async () => (await server.words()) !== '');
  await expect(ready(0)).rejects.toMatchObject({ code: 'start_timeout', exit: 124 });
  await expect(ready(0)).rejects.toThrow('runners: no runner is connected');
  expect(await server.running()).not.toBeNull();
});

test('a pid that has become another program’s is not taken for the server', async () => {
  const file = join(dataDir, 'background', 'server.pid');
  const pid = await start();
  const held = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...held, pid: process.pid }));
  expect(await server.running()).toBeNull();
  await writeFile(file, 'half a fi');
  expect(await server.running()).toBeNull();
  await writeFile(file, JSON.stringify(held));
  expect(await server.running()).toMatchObject({ pid });
});

test('a long log is set aside at the next start', async () => {
  const pid = await start();
  kill(pid, 'SIGTERM');
  await untilGone();
  await writeFile(server.logFile, 'x'.repeat(17 * 1024 * 1024));
  await start();
  await ready();
  expect((await stat(`${server.logFile}.1`)).size).toBeGreaterThan(16 * 1024 * 1024);
  expect(await server.lastLines(5)).toBe('a line of the log');
});
