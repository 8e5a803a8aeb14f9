import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import type { PlaneMessage, RunnerMessage, RunSpec } from '@assay/contract/runner';
import { RUNNER_PATH, RunnerMessage as RunnerMessageSchema } from '@assay/contract/runner';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Engine, Outcome, OutputSink } from '../engine.ts';
import { Session } from './session.ts';

const LEASE_MS = 600;

/** The far side of the protocol, on a Unix socket that can go away and come back. */
class Plane {
  readonly path: string;
  readonly messages: RunnerMessage[] = [];
  readonly headers: (string | undefined)[] = [];
  #http: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #client: WebSocket | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async open(): Promise<void> {
    this.#http = createServer();
    this.#sockets = new WebSocketServer({ server: this.#http, path: RUNNER_PATH });
    this.#sockets.on('connection', (client, request) => {
      this.#client = client;
      this.headers.push(request.headers.authorization);
      client.on('message', (data, isBinary) => {
        if (isBinary) return;
        const message = RunnerMessageSchema.parse(JSON.parse(String(data)));
        this.messages.push(message);
        if (message.type === 'hello') this.say({ type: 'welcome', heartbeat_ms: 200, lease_ms: LEASE_MS });
      });
      const beat = setInterval(() => client.ping(), 200);
      client.on('close', () => clearInterval(beat));
    });
    this.#http.listen(this.path);
    await once(this.#http, 'listening');
  }

  say(message: PlaneMessage): void {
    this.#client?.send(JSON.stringify(message));
  }

  async close(): Promise<void> {
    for (const client of this.#sockets?.clients ?? []) client.terminate();
    this.#sockets?.close();
    this.#http?.closeAllConnections();
    await new Promise((resolve) => this.#http?.close(resolve));
  }

  of<T extends RunnerMessage['type']>(type: T): Extract<RunnerMessage, { type: T }>[] {
    return this.messages.filter((message): message is Extract<RunnerMessage, { type: T }> => message.type === type);
  }

  until(type: RunnerMessage['type'], count = 1): Promise<void> {
    return expect
      .poll(() => this.of(type).length, { timeout: 5000, interval: 5 })
      .toBeGreaterThanOrEqual(count) as Promise<void>;
  }
}

/** An engine whose runs end when the test says so, or when they are cancelled. */
class HandEngine implements Engine {
  readonly name = 'bubblewrap';
  readonly level = 'strong';
  readonly version = 'by hand';
  readonly languages = ['python'];
  readonly missing = [];
  readonly runs: { spec: RunSpec; sink: OutputSink; end: (known?: Partial<Outcome>) => void; cancelled: boolean }[] =
    [];

  run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome> {
    return new Promise((resolve) => {
      const end = (known: Partial<Outcome> = {}) => resolve({ ...ENDED, ...known });
      const run = { spec, sink, end, cancelled: false };
      this.runs.push(run);
      signal.addEventListener('abort', () => {
        run.cancelled = true;
        end({ reason: 'cancelled', exitCode: null });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const ENDED: Outcome = {
  reason: 'ok',
  message: '',
  exitCode: 0,
  signal: null,
  outputTruncated: false,
  runtimeMs: 5,
  compileMs: null,
  cpuMs: 3,
  memoryPeakMb: 4,
  files: [{ path: 'out.txt', content: Buffer.from('data') }],
  filesSkipped: [],
  receipt: {
    engine: 'bubblewrap',
    level: 'strong',
    version: 'by hand',
    filesystem: 'namespace',
    network: 'namespace',
    processes: 'namespace',
    memory: 'cgroup',
    cpu: 'cgroup',
    pids: 'cgroup',
    disk: 'tmpfs',
    seccomp: true,
    uid: 'per-run',
    prestarted: false,
    missing: [],
    self_test: 'a'.repeat(64),
  },
};

const SPEC: RunSpec = {
  language: 'python',
  engine: 'bubblewrap',
  code: 'print(1)',
  stdin: '',
  args: [],
  env: {},
  files: [],
  outputs: [],
  limits: {
    wall_ms: 1000,
    cpu_ms: 1000,
    memory_mb: 64,
    processes: 8,
    cpus: 1,
    output_bytes: 1 << 20,
    file_size_mb: 1,
    disk_mb: 1,
    open_files: 64,
  },
};
const lease = (id: string, fence = 1, spec: Partial<RunSpec> = {}): PlaneMessage => ({
  type: 'lease',
  lease_id: id,
  fence,
  spec: { ...SPEC, ...spec },
});

let directory: string;
let plane: Plane;
let engine: HandEngine;
let session: Session;

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/assay-session-`);
  plane = new Plane(`${directory}/plane.sock`);
  await plane.open();
  engine = new HandEngine();
  session = new Session({
    connect: `unix:${plane.path}`,
    token: 'secret-token',
    engines: [engine],
    presentation: {
      runner_id: '6f1c2f6e-9f4e-4f6c-9d51-0d7c1a3f2b10',
      name: 'test',
      version: '0.0.0',
      slots: 2,
      engines: [],
      refused: [],
      languages: [],
    },
    log: { info: () => undefined, warn: () => undefined },
  });
  session.start();
  await plane.until('hello');
});
afterEach(async () => {
  await session[Symbol.asyncDispose]();
  await plane.close();
  rmSync(directory, { recursive: true, force: true });
});

const runStarted = (count: number) => expect.poll(() => engine.runs.length, { interval: 5 }).toBe(count);

test('a runner shows its token, says who it is and runs what it is leased', async () => {
  expect(plane.headers).toEqual(['Bearer secret-token']);
  expect(plane.of('hello')[0]).toMatchObject({ protocol: 1, name: 'test', held: [] });
  plane.say(lease('one', 4));
  await runStarted(1);
  await plane.until('started');
  await engine.runs[0]?.sink.write('stdout', Buffer.from('hi\n'));
  engine.runs[0]?.end();
  await plane.until('result');
  expect(plane.of('result')[0]).toMatchObject({
    lease_id: 'one',
    fence: 4,
    reason: 'ok',
    stdout_tail: Buffer.from('hi\n').toString('base64'),
    stdout_bytes: 3,
    files: [{ path: 'out.txt', size: 4, content: Buffer.from('data').toString('base64') }],
    receipt: { self_test: 'a'.repeat(64) },
  });
});

test('what it does not offer is turned down and not started', async () => {
  plane.say(lease('one', 1, { language: 'cobol' }));
  plane.say(lease('two', 1, { engine: 'docker' }));
  await plane.until('rejected', 2);
  expect(plane.of('rejected').map(({ message }) => message)).toEqual([
    'it does not offer cobol under bubblewrap',
    'it does not offer python under docker',
  ]);
  expect(engine.runs).toEqual([]);
});

test('a cancelled run is ended and reported, or forgotten when nobody wants to hear of it', async () => {
  plane.say(lease('one'));
  plane.say(lease('two'));
  await runStarted(2);
  plane.say({ type: 'cancel', lease_id: 'one', fence: 1, report: true });
  await plane.until('result');
  expect(plane.of('result')[0]).toMatchObject({ lease_id: 'one', reason: 'cancelled' });
  plane.say({ type: 'cancel', lease_id: 'two', fence: 1, report: false });
  await expect.poll(() => engine.runs[1]?.cancelled).toBe(true);
  await plane.close();
  await plane.open();
  await plane.until('hello', 2);
  expect(plane.of('hello')[1]?.held).toEqual([{ lease_id: 'one', fence: 1 }]);
});

test('a message with an old fence has no effect', async () => {
  plane.say(lease('one', 2));
  await runStarted(1);
  plane.say({ type: 'cancel', lease_id: 'one', fence: 1, report: true });
  engine.runs[0]?.end();
  await plane.until('result');
  expect(plane.of('result')[0]).toMatchObject({ reason: 'ok', fence: 2 });
});

test('a run goes on over a short break, and its result comes again until it is acknowledged', async () => {
  plane.say(lease('one'));
  await runStarted(1);
  await plane.close();
  engine.runs[0]?.end();
  await plane.open();
  await plane.until('result');
  expect(plane.of('hello')[1]?.held).toEqual([{ lease_id: 'one', fence: 1 }]);
  await plane.close();
  await plane.open();
  await plane.until('result', 2);
  expect(engine.runs[0]?.cancelled).toBe(false);
  plane.say({ type: 'result_ack', lease_id: 'one', fence: 1 });
  await plane.close();
  await plane.open();
  await plane.until('hello', 4);
  expect(plane.of('hello')[3]?.held).toEqual([]);
});

test('a runner that cannot reach the plane for the time of a lease ends what it runs', async () => {
  plane.say(lease('one'));
  await runStarted(1);
  const lostAt = performance.now();
  await plane.close();
  await expect.poll(() => engine.runs[0]?.cancelled, { timeout: 5000, interval: 5 }).toBe(true);
  expect(performance.now() - lostAt).toBeGreaterThan(LEASE_MS * 0.9);
  await plane.open();
  await plane.until('hello', 2);
  expect(plane.of('hello')[1]?.held).toEqual([]);
});

test('a draining runner finishes what runs and takes nothing new', async () => {
  plane.say(lease('one'));
  await runStarted(1);
  let drained = false;
  const draining = session.drain().then(() => {
    drained = true;
  });
  plane.say(lease('two'));
  await plane.until('rejected');
  expect(plane.of('rejected')[0]).toMatchObject({ lease_id: 'two', message: 'the runner is stopping' });
  engine.runs[0]?.end();
  await plane.until('result');
  expect(drained).toBe(false);
  plane.say({ type: 'result_ack', lease_id: 'one', fence: 1 });
  await draining;
});

test('a plane that says nonsense is left and dialled again', async () => {
  plane.say({ type: 'nonsense' } as unknown as PlaneMessage);
  await plane.until('hello', 2);
});
