import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { file, HEALTHY, ID, logFrames, record, submitted } from '../../test/samples.ts';
import { events, type Routes, WireServer } from '../../test/wire-server.ts';

const RUN = ['eval', 'run', '-c', 'x', '--lang', 'python'];
const LOGS = `GET /api/eval/${ID}/logs`;
const ending = (end: Record<string, unknown>): Routes => ({ ...HEALTHY, [LOGS]: events(logFrames(end)) });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('without --wait the id is the result', async () => {
  await using server = await WireServer.start(HEALTHY);
  expect(await assay(RUN, server)).toEqual({
    exit: 0,
    stdout: `${ID}\n`,
    stderr: `Queued, position 3. Follow it: assay eval logs -f ${ID}\n`,
  });
});

test('a program is submitted with all that was said about it, and nothing that was not', async () => {
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'main.cpp'), 'int main() {}\n');
  await writeFile(join(folder, 'data', 'in.csv'), 'a,b\n');
  await writeFile(join(folder, 'input.txt'), 'hé\n');
  await using server = await WireServer.start(HEALTHY);
  const argv = [
    '--timeout',
    '2m',
    '--mem',
    '1g',
    '--cpu',
    '0.5',
    '--processes',
    '8',
    '--engine',
    'docker',
    '--engine-strict',
  ]
    .concat(['--priority', '7', '--stdin', 'input.txt', '--arg', 'a', '--arg', '-b', '--env', 'A=1', '--env', 'B=x=y'])
    .concat(['--file', 'data/in.csv', '--file', './main.cpp:copy.cpp', '--file', `${folder}/input.txt`, '--out', 'o/*'])
    .concat(['--idempotency-key', 'k-1']);
  await assay(['eval', 'run', 'main.cpp', ...argv], { url: server.url, cwd: folder });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  expect(JSON.parse(server.last.body)).toEqual({
    code: 'int main() {}\n',
    language: 'cpp',
    timeout: 120,
    memory_mb: 1024,
    cpu: 0.5,
    processes: 8,
    engine: 'docker',
    engine_strict: true,
    priority: 7,
    stdin: 'hé\n',
    args: ['a', '-b'],
    env: { A: '1', B: 'x=y' },
    files: [
      { path: 'data/in.csv', content: base64('a,b\n') },
      { path: 'copy.cpp', content: base64('int main() {}\n') },
      { path: 'input.txt', content: base64('hé\n') },
    ],
    outputs: ['o/*'],
  });
  expect(server.last.headers['idempotency-key']).toBe('k-1');
  await assay(RUN, server);
  expect(JSON.parse(server.last.body)).toEqual({ code: 'x', language: 'python' });
});

test('the program and its input can come from standard input', async () => {
  await using server = await WireServer.start(HEALTHY);
  await assay(['eval', 'run', '-', '--lang', 'bash'], { url: server.url, stdin: 'echo hi' });
  expect(JSON.parse(server.last.body)).toEqual({ code: 'echo hi', language: 'bash' });
  await assay([...RUN, '--stdin', '-'], { url: server.url, stdin: 'in' });
  expect(JSON.parse(server.last.body)).toMatchObject({ code: 'x', stdin: 'in' });
});

test('with --wait both streams of the program come out as they went in', async () => {
  await using server = await WireServer.start(ending({}));
  expect(await assay([...RUN, '--wait'], server)).toEqual({ exit: 0, stdout: 'onetwo', stderr: 'oops' });
});

test.each([
  [{ status: 'failed', exit_code: 3 }, EXIT_CODES.remoteFailed, 'It exited with 3.'],
  [
    { status: 'failed', reason: 'memory', message: 'It took more memory than allowed.' },
    EXIT_CODES.remoteFailed,
    'more memory',
  ],
  [{ status: 'cancelled', exit_code: null }, EXIT_CODES.remoteFailed, 'cancelled'],
  [{ status: 'timeout', exit_code: null }, EXIT_CODES.timedOut, 'timeout'],
])('with --wait a run that ended as %o ends with %i', async (end, exit, why) => {
  await using server = await WireServer.start(ending(end));
  const outcome = await assay([...RUN, '--wait'], server);
  expect(outcome).toMatchObject({ exit, stdout: 'onetwo' });
  expect(outcome.stderr).toMatch(/^oopserror: /);
  expect(outcome.stderr).toContain(why);
});

test('with --wait --json the record is the one document, and the code tells how it went', async () => {
  const failed = { ...record, status: 'failed', exit_code: 3, reason: 'exit' };
  await using server = await WireServer.start({
    'POST /api/eval': { json: failed },
    [`GET /api/eval/${ID}`]: { json: failed },
  });
  const { exit, stdout, stderr } = await assay([...RUN, '--wait', '--json'], server);
  expect(JSON.parse(stdout)).toEqual(failed);
  expect({ exit, stderr }).toEqual({ exit: EXIT_CODES.remoteFailed, stderr: '' });
});

test('with --wait --jsonl every event is a line', async () => {
  await using server = await WireServer.start(ending({ status: 'failed', exit_code: 1 }));
  const { exit, stdout, stderr } = await assay([...RUN, '--wait', '--jsonl'], server);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).type)).toEqual(['output', 'output', 'output', 'end']);
  expect({ exit, stderr }).toEqual({ exit: EXIT_CODES.remoteFailed, stderr: '' });
});

test('a connection that breaks in the middle of a frame loses nothing and repeats nothing', async () => {
  const frames = logFrames();
  await using server = await WireServer.start({
    ...HEALTHY,
    [LOGS]: (received, response) => {
      const seen = frames.findIndex(({ id }) => id === received.headers['last-event-id']) + 1;
      const route = events(frames.slice(seen, seen + 1), seen === frames.length - 1 ? 'end' : 'break');
      return typeof route === 'function' ? route(received, response) : route;
    },
  });
  const { exit, stdout, stderr } = await assay([...RUN, '--wait'], server);
  expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'onetwo' });
  expect(stderr.replaceAll('reconnected\n', '')).toBe('oops');
});

test('a submission whose answer is lost is not made twice', async () => {
  const effects = new Set<unknown>();
  await using server = await WireServer.start({
    'POST /api/eval': ({ headers }, response) => {
      const isFirst = effects.size === 0;
      effects.add(headers['idempotency-key']);
      if (!isFirst) return { json: submitted };
      response.destroy();
      return undefined;
    },
  });
  expect(await assay(RUN, server)).toMatchObject({ exit: 0, stdout: `${ID}\n` });
  expect([server.received.length, effects.size]).toEqual([2, 1]);
});

test('who stops waiting is told that the run goes on, and how to end it', async () => {
  const controller = new AbortController();
  await using server = await WireServer.start({
    ...HEALTHY,
    [LOGS]: (_received, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      controller.abort(new Error('Interrupted.'));
      return undefined;
    },
  });
  const { exit, stderr } = await assay([...RUN, '--wait'], { url: server.url, signal: controller.signal });
  expect(exit).toBe(EXIT_CODES.interrupted);
  expect(stderr).toContain(`assay eval kill ${ID}`);
});

test('result files are saved in the folder, never outside it and never over another', async () => {
  const files = [
    { path: 'out/a.bin', size: 3, asset_id: 'asset-1' },
    { path: '../evil', size: 3, asset_id: 'asset-1' },
    { path: 'big', skipped: 'It is too large.' },
  ];
  const routes: Routes = {
    ...ending({}),
    [`GET /api/eval/${ID}`]: { json: { ...record, files } },
    'GET /v1/assets/asset-1': file('abc'),
  };
  await using server = await WireServer.start(routes);
  const argv = [...RUN, '--wait', '--save', 'results'];
  const { exit, stderr } = await assay(argv, { url: server.url, cwd: folder });
  expect(exit).toBe(0);
  expect(await readFile(join(folder, 'results/out/a.bin'), 'utf8')).toBe('abc');
  expect(stderr).toContain('../evil is left out');
  expect(stderr).toContain('big was not brought back: It is too large.');
  await expect(readFile(join(folder, 'evil'))).rejects.toThrow('ENOENT');
  expect((await assay(argv, { url: server.url, cwd: folder })).exit).toBe(EXIT_CODES.conflict);
});

test('escape sequences of a program do not reach a terminal, and do reach a file', async () => {
  const frames = [
    {
      id: '1.0',
      event: 'output',
      data: { eval_id: ID, stream: 'stdout', text: '\u001b[31mred\u001b[0m\u001b]0;title\u0007' },
    },
    ...logFrames().slice(-1),
  ];
  await using server = await WireServer.start({ ...HEALTHY, [LOGS]: events(frames) });
  const terminal = await assay([...RUN, '--wait'], { url: server.url, isTTY: true });
  expect(terminal.stdout).toBe('\u001b[31mred\u001b[0m␛]0;title␇');
  expect((await assay([...RUN, '--wait'], server)).stdout).toBe('\u001b[31mred\u001b[0m\u001b]0;title\u0007');
});
