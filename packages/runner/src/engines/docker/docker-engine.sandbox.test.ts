import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TestDaemon } from '../../../test/docker-daemon.ts';
import { startDockerDaemon } from '../../../test/docker-daemon.ts';
import type { Asked, Ran } from '../../../test/engine-under-test.ts';
import { expectEngine, runProgram, TEST_LIMITS } from '../../../test/engine-under-test.ts';
import { hostile } from '../../../test/hostile-ground.ts';
import type { Engine } from '../../engine.ts';
import { createDockerEngine } from './docker-engine.ts';

type Wish = Asked & { language?: string };

let daemon: TestDaemon;
let engine: Engine;
let images: Record<string, string>;

beforeAll(async () => {
  daemon = await startDockerDaemon();
  images = Object.fromEntries(['python', 'javascript', 'typescript', 'bash', 'c'].map((name) => [name, daemon.image]));
  engine = await made({});
}, 120_000);

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  expect(await daemon.client.listContainers({ all: true })).toEqual([]);
});

async function made(options: { runtime?: string; runnerId?: string }): Promise<Engine> {
  return expectEngine(await createDockerEngine({ host: daemon.host, runnerId: 'tests', images, ...options }));
}

const run = (code: string, { language = 'python', ...asked }: Wish = {}, using = engine): Promise<Ran> =>
  runProgram(using, language, code, asked);
const file = (path: string, text: string) => ({ path, content: Buffer.from(text).toString('base64') });

describe('a program', () => {
  test('gets its input, arguments, environment and files, and its exit code is told', async () => {
    const code = `import sys, os
print(sys.stdin.read(), sys.argv[1:], os.environ['KEY'], open('d/x.txt').read(), os.getcwd(), __name__)
print('oops', file=sys.stderr)
sys.exit(3)`;
    const ran = await run(code, { stdin: 'in', args: ['a b'], env: { KEY: 'v' }, files: [file('d/x.txt', 'data')] });
    expect(ran).toMatchObject({ reason: 'nonzero_exit', exitCode: 3, stderr: 'oops\n' });
    expect(ran.stdout).toBe("in ['a b'] v data /work __main__\n");
  });

  test.each([
    ['javascript', `import fs from 'node:fs'; console.log(typeof fs, await 1)`, 'object 1\n'],
    ['typescript', `enum A { X = 3 }; const n: number = A.X; console.log(n)`, '3\n'],
    ['bash', `read line; echo "$line $1" > /dev/stdout`, 'hello one\n'],
    [
      'c',
      `#include <stdio.h>\nint main(void) { char s[9]; scanf("%8s", s); printf("%s from C\\n", s); }`,
      'hello from C\n',
    ],
  ])('in %s runs', async (language, code, stdout) => {
    expect(await run(code, { language, stdin: 'hello\n', args: ['one'] })).toMatchObject({ reason: 'ok', stdout });
  });

  test('that does not compile gets the messages of the compiler', async () => {
    const ran = await run('int main(void) { return x; }', { language: 'c' });
    expect(ran).toMatchObject({ reason: 'compile_error', exitCode: null });
    expect(ran.stderr).toContain("'x' undeclared");
  });

  test('that a signal ends says which', async () => {
    expect(await run('import os; os.kill(os.getpid(), 11)')).toMatchObject({ reason: 'signal', signal: 'SIGSEGV' });
  });

  test('brings back regular files that match, and nothing through a link', async () => {
    const ran = await run(hostile('links.py'), { outputs: ['out/*', 'gone.txt'] });
    expect(ran.files).toEqual([{ path: 'out/ok.txt', content: Buffer.from('fine') }]);
    expect(ran.filesSkipped.map(({ path }) => path).sort()).toEqual(
      ['gone.txt'].concat(['canary', 'fifo', 'inlink', 'rel', 'rootdir', 'shadow'].map((name) => `out/${name}`)),
    );
  });
});

describe('a limit', () => {
  test('of wall time ends a program that ignores every signal, with all it started', async () => {
    const ran = await run(hostile('sleepign.py'), { limits: { wall_ms: 800 } });
    expect(ran).toMatchObject({ reason: 'timeout', stdout: expect.stringContaining('ignoring') });
    expect(ran.runtimeMs).toBeLessThan(3000);
  });

  test('of CPU time counts all processes together', async () => {
    const ran = await run(hostile('loop.py'), { limits: { cpu_ms: 600 } });
    expect(ran.reason).toBe('cpu_limit');
    expect(ran.cpuMs).toBeLessThan(2000);
  });

  test.each(['mem.py', 'memchild.py', 'memfd.py'])('of memory holds %s', async (name) => {
    const ran = await run(hostile(name));
    expect(ran.reason).toBe('memory_limit');
    expect(ran.memoryPeakMb).toBeLessThanOrEqual(257);
  });

  test('of processes holds forks and threads, and the rest of the machine does not notice', async () => {
    const forks = await run(hostile('forkbomb.py'), { limits: { wall_ms: 1500 } });
    expect(Number(/fork failed after (\d+)/.exec(forks.stdout)?.[1])).toBeLessThanOrEqual(TEST_LIMITS.processes + 8);
    expect((await run(hostile('threads.py'))).stdout).toContain('thread fail after');
  });

  test('of disk holds in every place that can be written', async () => {
    const { stdout } = await run(hostile('disk.py'));
    expect(stdout).toContain('/work 48MB then No space left');
    expect(stdout).toContain('/tmp 16MB then No space left');
    expect(stdout).toContain('/ 0MB then Read-only');
    expect(stdout).not.toContain('LEAK');
    expect((await run(hostile('inodes.py'))).stdout).not.toContain('made');
    expect((await run(hostile('bigfile.py'))).stdout).toContain('File too large');
  });

  test('of output keeps the head of both streams together and ends the program', async () => {
    const ran = await run(hostile('flood.py'), { limits: { output_bytes: 100_000 } });
    expect(ran).toMatchObject({ reason: 'output_limit', outputTruncated: true });
    expect(ran.stdout.length + ran.stderr.length).toBe(100_000);
  });

  test.each<[string, Wish]>([
    ['limits.memory_mb', { limits: { memory_mb: 8 } }],
    ['limits.open_files', { limits: { open_files: 4 } }],
    ['../x', { files: [file('../x', '')] }],
    ['ruby', { language: 'ruby' }],
  ])('that can not be held is refused by name: %s', async (name, wish) => {
    const ran = await run('print(1)', wish);
    expect(ran).toMatchObject({ reason: 'setup_failed', stdout: '' });
    expect(ran.message).toContain(name);
  });
});

describe('the host', () => {
  test('is not in reach over a network, nor is its hypervisor', async () => {
    let hits = 0;
    const canary = createServer(() => {
      hits += 1;
    });
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
    const { port } = canary.address() as AddressInfo;
    const { stdout } = await run(hostile('net.py'), { args: [String(port)] });
    canary.close();
    expect(stdout).not.toContain('LEAK');
    expect(hits).toBe(0);
  });

  test.each(['syswrite.py', 'dev.py', 'nice.py', 'secrets.py', 'core.py'])('holds against %s', async (name) => {
    const { stdout } = await run(hostile(name));
    expect(stdout).not.toContain('LEAK');
    expect(stdout).not.toMatch(
      /core_pattern OPENED|\/dev\/(?:vda|mem|kvm|kmsg|fuse|vsock) OPEN|shadow READ|kcore READ/,
    );
  });

  test('has no process of a program that went into the background', async () => {
    const ran = await run(hostile('daemon.py'));
    expect(ran).toMatchObject({ reason: 'ok', stdout: expect.stringContaining('parent exits') });
  });

  test('is not held up by a background process that keeps the output open', async () => {
    const ran = await run(`import os, time\nif os.fork() == 0: time.sleep(30)\nelse: print('bye')`);
    expect(ran).toMatchObject({ reason: 'ok', stdout: 'bye\n' });
    expect(ran.runtimeMs).toBeLessThan(5000);
  });
});

test('the keeper cannot be killed, stopped or read by the program', async () => {
  const code = `import os
for s in (9, 15, 19):
    try: os.kill(1, s); print('LEAK kill', s)
    except OSError as e: print(e.strerror)
for p in ('/proc/1/mem', '/proc/1/environ'):
    try: open(p, 'r+b'); print('LEAK', p)
    except OSError as e: print(e.strerror)`;
  expect((await run(code)).stdout).not.toContain('LEAK');
});

test('a cancelled run ends at once, and its container with it', async () => {
  const started = performance.now();
  expect((await run('while True: pass', { signal: AbortSignal.timeout(600) })).reason).toBe('cancelled');
  expect(performance.now() - started).toBeLessThan(4000);
});

test('containers left by a crash of this runner are removed at its start, those of others are not', async () => {
  const leave = (runner: string) =>
    daemon.client.createContainer({ Image: daemon.image, Cmd: ['sleep', '60'], Labels: { 'assay.runner': runner } });
  const [mine, other] = [await leave('crashed'), await leave('other')];
  await (await made({ runnerId: 'crashed' }))[Symbol.asyncDispose]();
  await expect(mine.inspect()).rejects.toThrow('no such container');
  await other.remove();
});

test('the receipt says what confined the run', async () => {
  expect((await run('print(1)')).receipt).toMatchObject({
    engine: 'docker',
    level: 'container',
    network: 'namespace',
    memory: 'container',
    disk: 'tmpfs',
    seccomp: true,
    uid: 'container',
    missing: [],
  });
});

describe('with gVisor as the runtime', () => {
  let kernel: Engine;
  beforeAll(async () => {
    kernel = await made({ runtime: 'runsc' });
  }, 60_000);

  test('the level is that of a kernel of its own, and what is not held exactly is said', async () => {
    const ran = await run('print(1)', {}, kernel);
    expect(ran).toMatchObject({ reason: 'ok', stdout: '1\n', receipt: { level: 'kernel' } });
    expect(ran.receipt.missing.join()).toContain('Processes are counted');
  });

  test('memory, processes and CPU time are held', async () => {
    expect((await run(hostile('mem.py'), {}, kernel)).reason).toBe('memory_limit');
    const threads = await run(hostile('threads.py'), { limits: { memory_mb: 512 } }, kernel);
    expect(threads.reason).toBe('process_limit');
    expect((await run('while True: pass', { limits: { cpu_ms: 500 } }, kernel)).reason).toBe('cpu_limit');
  });
});

describe('the engine is refused, with what to do, when', () => {
  test.each([
    ['nothing listens', { host: 'unix:///nonexistent/docker.sock' }, 'ENOENT', 'Start the container engine'],
    ['the address has no certificates', { host: 'tcp://127.0.0.1:2375' }, 'can not be used', 'unix:///'],
    ['the runtime is unknown', { runtime: 'nonesuch' }, 'no runtime nonesuch', 'Add the runtime'],
    ['no image is there', { images: {} }, 'python:3.13-slim is not there', 'docker pull'],
  ])('%s', async (_when, options, reason, fix) => {
    const refusal = await createDockerEngine({ host: daemon.host, runnerId: 'tests', images, ...options });
    expect(refusal).toMatchObject({
      engine: 'docker',
      reason: expect.stringContaining(reason),
      fix: expect.stringContaining(fix),
    });
  });
});
