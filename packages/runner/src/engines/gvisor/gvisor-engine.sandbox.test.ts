import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Asked, Ran } from '../../../test/engine-under-test.ts';
import { expectEngine, runProgram, TEST_LIMITS } from '../../../test/engine-under-test.ts';
import { hostile } from '../../../test/hostile-ground.ts';
import type { ControlGroups } from '../../cgroup/control-group.ts';
import { openGroups } from '../../cgroup/open-groups.ts';
import type { Engine } from '../../engine.ts';
import { detectLanguages } from '../../languages/detection.ts';
import type { Toolchain } from '../../languages/language.ts';
import { createGvisorEngine } from './create-gvisor-engine.ts';

const directory = join(tmpdir(), `assay-gvisor-${process.pid}`);
type Wish = Asked & { language?: string };

let engine: Engine;
let groups: ControlGroups;
let toolchains: readonly Toolchain[];

beforeAll(async () => {
  const access = openGroups(undefined);
  if (access.groups === null) throw new Error(`These tests need control groups: ${access.reason}.`);
  groups = access.groups;
  ({ toolchains } = await detectLanguages());
  engine = expectEngine(await createGvisorEngine({ directory, toolchains, groups, groupsReason: '' }));
});

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await groups?.close();
});

afterEach(async () => {
  expect(await sandboxProcesses()).toEqual([]);
});

const run = (code: string, { language = 'python', ...asked }: Wish = {}): Promise<Ran> =>
  runProgram(engine, language, code, asked);
const file = (path: string, text: string) => ({ path, content: Buffer.from(text).toString('base64') });

/** Command lines of what is left of gVisor for our directory. */
async function sandboxProcesses(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return commands.filter((command) => command.includes('runsc') && command.includes(directory));
}

describe('a program', () => {
  test('gets its input, arguments, environment and files, and its exit code is told', async () => {
    const code = `import sys, os
print(sys.stdin.read(), sys.argv[1:], os.environ['KEY'], open('d/x.txt').read(), os.getcwd())
print('oops', file=sys.stderr)
open('/dev/stdout', 'w').write('reopened')
sys.exit(3)`;
    const ran = await run(code, { stdin: 'in', args: ['a b'], env: { KEY: 'v' }, files: [file('d/x.txt', 'data')] });
    expect(ran).toMatchObject({ reason: 'nonzero_exit', exitCode: 3, stderr: 'oops\n' });
    expect(ran.stdout).toContain("in ['a b'] v data /work\n");
    expect(ran.stdout).toContain('reopened');
  });

  test.each([
    ['javascript', `console.log('js', process.argv[2], await 1)`, 'js one 1\n'],
    ['typescript', `enum A { X = 3 }; const n: number = A.X; console.log(n)`, '3\n'],
    ['bash', `read line; echo "$line $1"`, 'hello one\n'],
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
    expect(ran.stderr).toContain('undeclared');
  });

  test('is another user than the one that watches it, without capabilities', async () => {
    const code = `import os
print(os.getresuid(), os.getgroups())
print([l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm'))])
for s in (9, 15):
    try: os.kill(1, s); print('LEAK')
    except OSError as e: print(e.strerror)`;
    const { stdout } = await run(code);
    expect(stdout).toContain("(65534, 65534, 65534) [65534]\n['0000000000000000', '0000000000000000']");
    expect(stdout).not.toContain('LEAK');
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
    const ran = await run(hostile('loop.py'), { limits: { cpu_ms: 800 } });
    expect(ran.reason).toBe('cpu_limit');
    expect(ran.cpuMs).toBeLessThan(2000);
  });

  test.each(['mem.py', 'memchild.py', 'memfd.py'])('of memory holds %s', async (name) => {
    expect(await run(hostile(name))).toMatchObject({ reason: 'memory_limit' });
  });

  test('of processes ends forks and threads', async () => {
    const wish = { limits: { memory_mb: 512, wall_ms: 5000 } };
    expect((await run(hostile('forkbomb.py'), wish)).reason).toBe('process_limit');
    expect((await run(hostile('threads.py'), wish)).reason).toBe('process_limit');
  });

  test('of disk holds in every place that can be written', async () => {
    const { stdout } = await run(hostile('disk.py'));
    expect(stdout).toContain('/work 48MB then No space left');
    expect(stdout).toContain('/ 0MB then Read-only');
    expect(stdout).not.toContain('LEAK');
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
    ['cobol', { language: 'cobol' }],
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
    // The sandbox's own kernel has netlink sockets of its own; they lead nowhere.
    expect(stdout).not.toMatch(/LEAK connected|(?:VSOCK|PACKET|DNS) LEAK/);
    expect(hits).toBe(0);
  });

  test('shows none of its files, processes or settings', async () => {
    const { stdout } = await run(hostile('secrets.py'));
    expect(stdout).not.toMatch(/(?:shadow|rootonly|kcore|\.bashrc) READ|LEAK/);
    expect((await run(hostile('syswrite.py'))).stdout).not.toMatch(/core_pattern OPENED|sysrq-trigger OPENED/);
    expect((await run(hostile('sig.py'), { args: [String(process.pid)] })).stdout).not.toContain('LEAK');
  });

  test('has another kernel than the program', async () => {
    const { stdout } = await run(`print(open('/proc/version').read())`);
    expect(stdout.trim()).not.toBe((await readFile('/proc/version', 'utf8')).trim());
  });

  test('has no process of a program that went into the background', async () => {
    expect(await run(hostile('daemon.py'))).toMatchObject({ reason: 'ok' });
  });
});

test('a cancelled run ends at once', async () => {
  const started = performance.now();
  const ran = await run('while True: pass', { signal: AbortSignal.timeout(700) });
  expect(ran.reason).toBe('cancelled');
  expect(performance.now() - started).toBeLessThan(3000);
});

test('runs at the same time have users of their own and do not meet', async () => {
  const ran = await Promise.all(
    [1, 2, 3].map((n) => run(`open('/tmp/n', 'w').write('${n}'); print(open('/tmp/n').read())`)),
  );
  expect(ran.map(({ stdout }) => stdout)).toEqual(['1\n', '2\n', '3\n']);
});

test('a sandbox ends when the runner that started it was killed', async () => {
  const place = `${directory}-orphan`;
  const script = `
    const { createGvisorEngine } = await import(${JSON.stringify(new URL('./create-gvisor-engine.ts', import.meta.url).href)});
    const { openGroups } = await import(${JSON.stringify(new URL('../../cgroup/open-groups.ts', import.meta.url).href)});
    const { detectLanguages } = await import(${JSON.stringify(new URL('../../languages/detection.ts', import.meta.url).href)});
    const { toolchains } = await detectLanguages();
    const { groups } = openGroups(undefined);
    const engine = await createGvisorEngine({ directory: ${JSON.stringify(place)}, toolchains, groups, groupsReason: '' });
    const limits = ${JSON.stringify({ ...TEST_LIMITS, wall_ms: 60_000 })};
    const spec = { language: 'bash', engine: 'gvisor', code: 'echo up; sleep 60', stdin: '', args: [], env: {}, files: [], outputs: [], limits };
    await engine.run(spec, { write: () => process.kill(process.pid, 'SIGKILL') }, new AbortController().signal);`;
  await expect(promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).rejects.toMatchObject({
    signal: 'SIGKILL',
  });
  await expect.poll(sandboxProcesses, { timeout: 10_000 }).toEqual([]);
  await rm(place, { recursive: true, force: true });
});

test('the receipt says what confined the run', async () => {
  const { receipt } = await run('print(1)');
  expect(receipt).toMatchObject({
    engine: 'gvisor',
    level: 'kernel',
    network: 'none',
    memory: 'cgroup',
    disk: 'tmpfs',
  });
  expect(receipt.missing.join()).toContain('counted');
});

test('without control groups the engine is refused, with what to do', async () => {
  const refusal = await createGvisorEngine({
    directory: `${directory}-none`,
    toolchains,
    groups: null,
    groupsReason: 'read-only',
  });
  expect(refusal).toMatchObject({
    engine: 'gvisor',
    reason: expect.stringContaining('read-only'),
    fix: expect.any(String),
  });
});
