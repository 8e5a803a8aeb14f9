import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SocketMessage } from '@assay/contract';
import type { EvaluationRecord, EvaluationRequest } from '@assay/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { ECHO_PROGRAMS } from './harness/programs.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { until } from './harness/until.ts';

/* What becomes of programs in real sandboxes: what goes in, what comes out, and how they end. */
const server = await Server.start({ env: { ASSAY_RATE_LIMITS: 'off' } });
afterAll(() => server[Symbol.asyncDispose]());
const { evaluations, platform } = server.sdk();
const client = server.as();

/** Runs a program to its end, and gives everything that is kept of it. */
async function run(request: EvaluationRequest): Promise<EvaluationRecord> {
  const { eval_id } = await evaluations.run(request, { within: 100_000 });
  return evaluations.get(eval_id);
}

async function download(assetId: string | null | undefined): Promise<Buffer> {
  const headers = { 'x-api-key': server.credentials.apiKey };
  const response = await fetch(`${server.url}/v1/assets/${assetId}`, { headers });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

const { languages } = await platform.languages();

describe('a language', () => {
  test('of the six that set-up brings is offered, with its version', () => {
    const offered = new Map(languages.map(({ language, version }) => [language, version]));
    for (const name of ['python', 'javascript', 'typescript', 'bash', 'c', 'cpp']) {
      expect(`${name} ${offered.get(name)}`).toMatch(/ \d+\.\d+/);
    }
  });

  test.each(languages.map(({ language }) => language))(
    '%s gets arguments, environment and standard input',
    async (language) => {
      const code = ECHO_PROGRAMS[language];
      if (code === undefined) throw new Error(`Write a program in ${language} in programs.ts.`);
      const record = await run({
        code,
        language,
        args: ['argument é'],
        env: { NAME: 'value $HOME' },
        stdin: 'line 1\nline 2',
      });
      expect(record).toMatchObject({
        error: '',
        output: 'argument é\nvalue $HOME\nline 1\nline 2\n',
        status: 'completed',
      });
      expect(record).toMatchObject({ exit_code: 0, reason: 'ok', success: true });
      expect(record.receipt).toMatchObject({ engine: record.engine, network: expect.not.stringMatching('host') });
    },
  );

  test('that is compiled shows what its compiler says of a mistake', async () => {
    const record = await run({ code: 'int main() { return missing; }', language: 'c' });
    expect(record).toMatchObject({ status: 'failed', reason: 'compile_error', success: false });
    expect(record.error + record.output).toMatch(/missing.*undeclared/s);
  });
});

describe('files', () => {
  test('go in and come out byte for byte, and are downloaded as assets', async () => {
    const content = randomBytes(50_000);
    const code = `import os, pathlib
data = pathlib.Path('in/data.bin').read_bytes()
os.makedirs('out/deep')
pathlib.Path('out/deep/back.bin').write_bytes(data[::-1])
pathlib.Path('out/name with ü.txt').write_text('text')
pathlib.Path('left-behind.txt').write_text('not asked for')`;
    const files = [{ path: 'in/data.bin', content: content.toString('base64') }];
    const record = await run({ code, files, outputs: ['out/**', 'never-made.txt'] });
    expect(record).toMatchObject({ status: 'completed', error: '' });
    const kept = new Map(record.files.map((file) => [file.path, file]));
    expect([...kept.keys()].toSorted()).toEqual(['never-made.txt', 'out/deep/back.bin', 'out/name with ü.txt']);
    expect((await download(kept.get('out/deep/back.bin')?.asset_id)).equals(Buffer.from(content).reverse())).toBe(true);
    expect((await download(kept.get('out/name with ü.txt')?.asset_id)).toString()).toBe('text');
    expect(kept.get('never-made.txt')?.skipped).toMatch(/./);
  });

  test('of one run are gone in the next, and are not seen by one at the same time', async () => {
    const look = 'import os\nopen("mark", "x").close()\nprint(sorted(os.listdir(".")))\nimport time; time.sleep(0.5)';
    const outputs = await Promise.all([1, 2, 3, 4].map(async () => (await run({ code: look })).output));
    expect(new Set(outputs).size).toBe(1);
  });
});

const COUNTING = `import sys, time
for n in range(400):
  print(f'{n:04d}' + '.' * 60, flush=True)
  if n % 20 == 0: print(f'e{n:03d}', file=sys.stderr, flush=True)
  time.sleep(0.004)`;
const COUNTED = Array.from({ length: 400 }, (_, n) => `${String(n).padStart(4, '0')}${'.'.repeat(60)}\n`).join('');
const ERRORS = Array.from({ length: 20 }, (_, n) => `e${String(n * 20).padStart(3, '0')}\n`).join('');

describe('output', () => {
  const read = async (id: string, lastEventId?: string, most = Number.POSITIVE_INFINITY) => {
    const text = { stdout: '', stderr: '' };
    let events = 0;
    const stream = evaluations.followLogs(id, lastEventId === undefined ? {} : { lastEventId });
    for await (const event of stream) {
      events += 1;
      if (event.type === 'output') text[event.stream] += event.text;
      if (events >= most) break;
    }
    return { ...text, events, lastEventId: stream.lastEventId };
  };

  test('is streamed while the program runs, in order, with each stream apart', async () => {
    const { eval_id } = await evaluations.submit({ code: COUNTING });
    const begun = await read(eval_id, undefined, 1);
    expect(begun.stdout + begun.stderr).toMatch(/^e?000/);
    expect(await evaluations.status(eval_id)).toMatchObject({ status: 'running' });
    const whole = await read(eval_id);
    expect(whole).toMatchObject({ stdout: COUNTED, stderr: ERRORS });
    expect(whole.events).toBeGreaterThan(3);
  });

  test('goes on where a cut stream ended, during the run and after it', async () => {
    const { eval_id } = await evaluations.submit({ code: COUNTING });
    const first = await read(eval_id, undefined, 3);
    const second = await read(eval_id, first.lastEventId, 2);
    const third = await read(eval_id, second.lastEventId);
    expect(first.stdout + second.stdout + third.stdout).toBe(COUNTED);
    expect(first.stderr + second.stderr + third.stderr).toBe(ERRORS);

    const again = await read(eval_id, first.lastEventId);
    expect(first.stdout + again.stdout).toBe(COUNTED);
  });

  test('comes over a WebSocket in order, also when it is opened again in the middle', async () => {
    const open = (after: string) =>
      Socket.open<SocketMessage>(server.url, `/ws?after=${after}`, { 'x-api-key': server.credentials.apiKey });
    const { eval_id } = await evaluations.submit({ code: COUNTING });
    const first = await open('0-0');
    await until('some output', () => chunksOf(first, eval_id).length > 3);
    first[Symbol.dispose]();
    const seen = chunksOf(first, eval_id);
    using second = await open(first.messages.at(-1)?.id ?? '');
    await second.message('the end', (told) => told.eval_id === eval_id && told.type === 'completed');
    const output = [...seen, ...chunksOf(second, eval_id)]
      .filter(({ data }) => data['stream'] === 'stdout')
      .map(({ data }) => data['output'])
      .join('');
    // What is written in the last moment comes with the result, not as a chunk: the record has the whole.
    expect(COUNTED.startsWith(output)).toBe(true);
    expect(output.length).toBeGreaterThan(COUNTED.length / 2);
  });

  const chunksOf = (socket: Socket<SocketMessage>, id: string): SocketMessage[] =>
    socket.messages.filter(({ type, eval_id }) => type === 'output_chunk' && eval_id === id);

  test('over 1 MiB is shown to its first MiB and kept whole', async () => {
    const record = await run({ code: "for n in range(300000): print(f'{n:09d}')" });
    expect(record).toMatchObject({ status: 'completed', output_truncated: true });
    expect(record.output).toHaveLength(1 << 20);
    const whole = await download(record.output_asset_id);
    expect(whole.length).toBe(3_000_000);
    expect(whole.subarray(-10).toString()).toBe('000299999\n');
    expect((await read(record.eval_id)).stdout).toBe(whole.toString());
  });

  test('that ends in the middle of a character shows the character once it is whole', async () => {
    const code = `import sys, time
for byte in '€uro ü'.encode():
  sys.stdout.buffer.write(bytes([byte])); sys.stdout.buffer.flush(); time.sleep(0.15)`;
    const { eval_id } = await evaluations.submit({ code });
    expect((await read(eval_id)).stdout).toBe('€uro ü');
    expect((await evaluations.get(eval_id)).output).toBe('€uro ü');
  });
});

/** Eight processes with 32 MiB each: none of them is over 64 MiB, together they are. */
const GREEDY_CHILDREN = `import os, time
for n in range(8):
  if os.fork() == 0:
    x = bytearray(b'x' * (32 << 20))
    time.sleep(5)
    os._exit(0)
for n in range(8): os.wait()`;
const MANY_CHILDREN = `import os, time
for n in range(100):
  if os.fork() == 0:
    time.sleep(10)
    os._exit(0)`;

describe('a limit', () => {
  test.each<[string, EvaluationRequest, string]>([
    ['time', { code: 'while True: pass', timeout: 1 }, 'timeout'],
    ['time, asleep', { code: 'import time; time.sleep(60)', timeout: 1 }, 'timeout'],
    ['memory', { code: 'x = bytearray(1 << 30); print(len(x))', memory_mb: 64 }, 'memory_limit'],
    ['memory, together with its children', { code: GREEDY_CHILDREN, memory_mb: 64 }, 'memory_limit'],
    ['disk', { code: 'f = open("big", "wb")\nwhile True: f.write(bytes(1 << 20))' }, 'disk_limit'],
    ['processes', { code: MANY_CHILDREN, processes: 16 }, 'process_limit'],
  ])('of %s ends the run and says so', async (_, request, reason) => {
    const record = await run(request);
    const status = reason === 'timeout' ? 'timeout' : 'failed';
    expect(record).toMatchObject({ status, reason, message: expect.stringMatching(/limit/), success: false });
    expect(record.metadata).toMatchObject({ reason, message: record.message });
  });

  test('that is not reached costs nothing: a program that exits or is killed says how', async () => {
    expect(await run({ code: 'exit(7)' })).toMatchObject({ status: 'failed', reason: 'nonzero_exit', exit_code: 7 });
    const killed = await run({ code: 'import os, signal; os.kill(os.getpid(), signal.SIGSEGV)' });
    expect(killed).toMatchObject({ status: 'failed', reason: 'signal', signal: 'SIGSEGV' });
  });

  test('of the network holds: a program reaches nothing, not even this server', async () => {
    const { hostname, port } = new URL(server.url);
    const code = `import socket
for family, address in [(socket.AF_INET, ('${hostname}', ${port})), (socket.AF_INET, ('1.1.1.1', 53))]:
  try:
    socket.socket(family).connect(address); print('reached')
  except OSError as error: print('refused')`;
    expect(await run({ code })).toMatchObject({ output: 'refused\nrefused\n' });
  });
});

describe('?wait=', () => {
  test('answers with the result as soon as there is one', async () => {
    const { status, body } = await client.post('/api/eval?wait=30', { code: 'print(6 * 7)' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'completed',
      output: '42\n',
      queue_position: expect.any(Number),
      success: true,
    });
  });

  test('answers as things stand when the time is over', async () => {
    const startedAt = performance.now();
    const { body } = await client.post('/api/eval?wait=1', { code: 'import time; time.sleep(30)' });
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const { eval_id, status } = body as { eval_id: string; status: string };
    expect(status).toBeOneOf(['queued', 'running']);
    expect((await client.get(`/api/eval-status/${eval_id}?wait=1`)).body).toMatchObject({ status: 'running' });
    await evaluations.kill(eval_id);
  });

  test('is ended by a kill from elsewhere', async () => {
    const { eval_id } = await evaluations.submit({ code: 'import time; time.sleep(30)' });
    const waiting = client.get(`/api/eval/${eval_id}?wait=30`);
    await delay(100);
    await evaluations.kill(eval_id);
    expect((await waiting).body).toMatchObject({ status: 'cancelled', reason: 'killed' });
  });
});

describe('the same idempotency key', () => {
  const total = async (): Promise<number> =>
    ((await client.get('/api/queue-status')).body as { total_tasks: number }).total_tasks;

  test.each([
    ['/api/eval', { code: 'print(1)' }],
    ['/api/eval?wait=30', { code: 'print(2)' }],
    ['/api/eval-batch', { evaluations: [{ code: 'print(3)' }] }],
  ])('50 times at once on %s has one effect and one answer', async (path, body) => {
    const before = await total();
    const headers = { 'idempotency-key': `once ${path}`.replaceAll(' ', '-') };
    // A caller that comes while the first is still at work is told to come back, and does.
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        until('an answer', async () => {
          const answer = await client.post(path, body, headers);
          if (answer.status !== 409) return answer;
          expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
          return null;
        }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter((answer) => !answer.headers.has('idempotent-replayed'))).toHaveLength(1);
    expect(await total()).toBe(before + 1);
  });
});
