import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WireServer } from '../test/wire-server.ts';

const BIN = fileURLToPath(new URL('../bin/assay.mjs', import.meta.url));
/** Makes this Node pass for an old one, which cannot replace its own process either. */
const AS_NODE_20 = `data:text/javascript,
  Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });
  process.execve = undefined;`;

// Each test starts programs, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

function start(argv: readonly string[], options: { node?: readonly string[]; bin?: string; env?: object } = {}) {
  const { node = [], bin = BIN, env = {} } = options;
  return spawn(process.execPath, [...node, bin, ...argv], {
    // Away from the terminal that the tests may run in: what a terminal sends is not passed on a second time.
    detached: true,
    env: { HOME: home, PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(...of: Parameters<typeof start>) {
  const child = start(...of);
  const [stdout, stderr, [exit, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exit, signal, stdout, stderr };
}

const OLD = { node: ['--import', AS_NODE_20] };

test('an old Node hands over to the one of the lockfile, output and exit code included', async () => {
  expect(await run(['--version'], OLD)).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(await run(['frob'], OLD)).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining('frob') });
});

test('an old Node that finds no other says what to do', async () => {
  const bin = join(home, 'packages/cli/bin/assay.mjs');
  await mkdir(join(home, 'packages/cli/bin'), { recursive: true });
  await cp(BIN, bin);
  const { exit, stdout, stderr } = await run(['--version'], { ...OLD, bin });
  expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' });
  expect(stderr).toContain(`this is Node 20.20.2; Node 24 or newer is needed, and ${home} has none of its own`);
  expect(stderr).toContain('npm ci');
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s reaches the command through an old Node', async (signal) => {
  const asked = Promise.withResolvers<void>();
  await using server = await WireServer.start({
    'GET /v1/me': () => {
      asked.resolve();
      return undefined;
    },
  });
  const child = start(['whoami'], { ...OLD, env: { ASSAY_URL: server.url } });
  const closed = once(child, 'close');
  await asked.promise;
  child.kill(signal);
  expect(await closed).toEqual(signal === 'SIGINT' ? [130, null] : [null, 'SIGTERM']);
});

test('what the server’s program does is done by it, with the arguments as they were given', async () => {
  const { exit, stdout } = await run(['config', '--json', '--http-port', '4999'], { env: { ASSAY_HOST: '127.0.0.9' } });
  expect(exit).toBe(0);
  const lines = JSON.parse(stdout) as { name: string; value: string; origin: string }[];
  expect(lines.find(({ name }) => name === 'http.port')).toMatchObject({ value: '4999', origin: 'flag' });
  expect(lines.find(({ name }) => name === 'http.host')).toMatchObject({ value: '127.0.0.9', origin: 'environment' });
});

test('the exit code of the server’s program is that of the command', async () => {
  expect(await run(['config', '--http-port', 'many'])).toMatchObject({ exit: 1 });
});

test('a reader that leaves is no failure', async () => {
  const child = start(['help', 'environment']);
  child.stdout.destroy();
  expect(await once(child, 'close')).toEqual([0, null]);
});

test('help loads neither the SDK nor the schemas', async () => {
  const env = { NODE_DEBUG: 'esm' };
  const { stderr } = await run(['eval', 'run', '--help'], { env });
  expect(stderr).toContain('packages/cli/src/commands/eval-run.ts');
  expect(stderr).not.toMatch(/packages\/sdk\/|node_modules\/zod\//);
});

test('a proxy is used for servers elsewhere, and never for one on this machine', async () => {
  await using server = await WireServer.start({});
  const closed = 'http://127.0.0.1:1';
  const elsewhere = await run(['whoami'], { env: { HTTP_PROXY: closed, ASSAY_URL: 'http://assay.example' } });
  expect(elsewhere).toMatchObject({ exit: 7, stderr: expect.stringContaining('ECONNREFUSED 127.0.0.1:1') });
  const here = await run(['whoami'], { env: { HTTP_PROXY: closed, ASSAY_URL: server.url } });
  expect(here).toMatchObject({ exit: 3 });
});
