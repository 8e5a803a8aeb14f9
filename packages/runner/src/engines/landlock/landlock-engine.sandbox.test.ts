import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Asked, Ran } from '../../../test/engine-under-test.ts';
import { expectEngine, runProgram, TEST_LIMITS } from '../../../test/engine-under-test.ts';
import { hostile } from '../../../test/hostile-ground.ts';
import type { Engine } from '../../engine.ts';
import { detectLanguages } from '../../languages/detection.ts';
import { createLandlockEngine } from './create-landlock-engine.ts';

const directory = join(tmpdir(), `assay-landlock-${process.pid}`);
type Wish = Asked & { language?: string };

let engine: Engine;

beforeAll(async () => {
  const { toolchains } = await detectLanguages();
  engine = expectEngine(await createLandlockEngine({ directory, toolchains, allowSharedUser: false }));
});

afterAll(() => engine?.[Symbol.asyncDispose]());

afterEach(async () => {
  expect(await leftovers(directory)).toEqual([]);
});

const run = (code: string, { language = 'python', ...asked }: Wish = {}): Promise<Ran> =>
  runProgram(engine, language, code, asked);
const file = (path: string, text: string) => ({ path, content: Buffer.from(text).toString('base64') });

/** The hostile programs were written for a box whose working directory is /work. */
const here = (name: string): string => hostile(name).replaceAll("'/work'", "'.'").replaceAll('/work/', './');

/** Processes whose working directory is below a place, and folders of runs that are still there. */
async function leftovers(place: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  const folders = (await readdir(place).catch(() => [])).filter((name) => /^\d+$/.test(name));
  return [...commands.filter((command) => command.includes(`${place}/`)), ...folders];
}

describe('a program', () => {
  test('gets its input, arguments, environment and files, and its exit code is told', async () => {
    const code = `import sys, os
print(sys.stdin.read(), sys.argv[1:], os.environ['KEY'], open('d/x.txt').read(), __name__)
print('oops', file=sys.stderr)
open('/dev/stdout', 'w').write('reopened')
sys.exit(3)`;
    const ran = await run(code, { stdin: 'in', args: ['a b'], env: { KEY: 'v' }, files: [file('d/x.txt', 'data')] });
    expect(ran).toMatchObject({ reason: 'nonzero_exit', exitCode: 3, stderr: 'oops\n' });
    expect(ran.stdout).toContain("in ['a b'] v data __main__\n");
    expect(ran.stdout).toContain('reopened');
  });

  test.each([
    ['javascript', `console.log('js', process.argv[2], await 1)`, 'js one 1\n'],
    ['typescript', `enum A { X = 3 }; const n: number = A.X; console.log(n)`, '3\n'],
    ['bash', `read line; echo "$line $1"; cat <(echo sub)`, 'hello one\nsub\n'],
    ['perl', `print "perl $ARGV[0]\\n"`, 'perl one\n'],
    [
      'c',
      `#include <stdio.h>\nint main(void) { char s[9]; scanf("%8s", s); printf("%s from C\\n", s); }`,
      'hello from C\n',
    ],
    ['cpp', `#include <iostream>\nint main() { std::cout << "C++\\n"; }`, 'C++\n'],
  ])('in %s runs', async (language, code, stdout) => {
    expect(await run(code, { language, stdin: 'hello\n', args: ['one'] })).toMatchObject({ reason: 'ok', stdout });
  });

  test('brings back regular files that match, and nothing through a link', async () => {
    const ran = await run(here('links.py'), { outputs: ['out/*', 'gone.txt'] });
    expect(ran.stdout).not.toContain('LEAK');
    expect(ran.files).toEqual([{ path: 'out/ok.txt', content: Buffer.from('fine') }]);
    expect(ran.filesSkipped.map(({ path }) => path).sort()).toEqual(
      ['gone.txt'].concat(['canary', 'fifo', 'inlink', 'rel', 'rootdir', 'shadow'].map((name) => `out/${name}`)),
    );
  });
});

describe('a limit', () => {
  test('of wall time ends a program that ignores every signal, with all it started', async () => {
    const ran = await run(here('sleepign.py'), { limits: { wall_ms: 800 } });
    expect(ran).toMatchObject({ reason: 'timeout', stdout: expect.stringContaining('ignoring') });
    expect(ran.runtimeMs).toBeLessThan(3000);
  });

  test('of CPU time counts all processes together, those that have ended too', async () => {
    const ran = await run(here('loop.py'), { limits: { cpu_ms: 600 } });
    expect(ran.reason).toBe('cpu_limit');
    expect(ran.cpuMs).toBeLessThan(2000);
    const children = `import os
for _ in range(8):
    if os.fork() == 0:
        for _ in range(10**6): pass
        os._exit(0)
    os.wait()`;
    expect((await run(children)).cpuMs).toBeGreaterThan(50);
  });

  test('of cores slows a program that wants more', async () => {
    const code = `import time
end = time.monotonic() + 2
while time.monotonic() < end: pass`;
    const ran = await run(code, { limits: { cpus: availableParallelism() / 8 } });
    expect(ran.reason).toBe('ok');
    expect(ran.cpuMs ?? 0).toBeLessThan((ran.runtimeMs * availableParallelism()) / 8 + 300);
  });

  test('of memory holds one process, and many together', async () => {
    expect(await run(here('mem.py'))).toMatchObject({ stderr: expect.stringContaining('MemoryError') });
    expect((await run(here('memchild.py'))).reason).toBe('memory_limit');
    expect((await run(here('memfd.py'))).stdout).not.toContain('LEAK');
  });

  test('of memory counts a page that forks share once', async () => {
    const code = `import os, time
block = bytearray(b'x') * (30 << 20)
for _ in range(6):
    if os.fork() == 0: time.sleep(0.5); os._exit(0)
while True:
    try: os.wait()
    except ChildProcessError: break
print('shared')`;
    expect(await run(code)).toMatchObject({ reason: 'ok', stdout: 'shared\n' });
  });

  test('of processes holds forks and threads', async () => {
    const forks = await run(here('forkbomb.py'), { limits: { wall_ms: 1500 } });
    expect(Number(/fork failed after (\d+)/.exec(forks.stdout)?.[1])).toBeLessThanOrEqual(TEST_LIMITS.processes);
    expect((await run(here('threads.py'))).stdout).toContain('thread fail after');
  });

  test('of disk ends a program that writes too much, or too many files', async () => {
    expect((await run(here('disk.py'))).reason).toBe('disk_limit');
    expect((await run(here('inodes.py'))).reason).toBe('disk_limit');
    expect((await run(here('bigfile.py'))).stdout).toContain('File too large');
  });

  test.each([
    ['held open', 'keep.append(f)'],
    ['mapped', 'keep.append(mmap.mmap(f.fileno(), 12 << 20)); f.close()'],
  ])('of disk counts deleted files that are %s', async (_how, keep) => {
    const code = `import mmap, os, time
keep = []
for i in range(8):
    f = open('f', 'w+b'); os.unlink('f'); f.write(b'x' * (12 << 20)); f.flush()
    ${keep}
time.sleep(5)`;
    expect((await run(code)).reason).toBe('disk_limit');
  });

  test('of output keeps the head of both streams together and ends the program', async () => {
    const ran = await run(here('flood.py'), { limits: { output_bytes: 100_000 } });
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
    const { stdout } = await run(here('net.py').replace(/^print\('ifs'.*$/m, ''), { args: [String(port)] });
    canary.close();
    expect(stdout).toContain('127.0.0.1 canary');
    expect(stdout).not.toContain('LEAK');
    expect(hits).toBe(0);
  });

  test('shows none of its files, connections, mounts or processes', async () => {
    const { stdout } = await run(here('secrets.py'));
    expect(stdout).not.toMatch(/(?:shadow|passwd|rootonly|environ|\.bashrc|\/net\/\w+|mounts|cmdline) READ|LEAK/);
    expect((await run('import os; os.listdir("/proc")')).stderr).toContain('Permission denied');
    expect((await run('import os; os.listdir("/tmp")')).stderr).toContain('Permission denied');
  });

  test.each(['syswrite.py', 'dev.py', 'core.py', 'nice.py'])('holds against %s', async (name) => {
    const { stdout } = await run(here(name));
    expect(stdout).not.toMatch(/LEAK|OPENED-W|\/dev\/(?:vda|mem|kvm|kmsg|fuse|tty|vsock) OPEN/);
  });

  test('gets no signal, limit or priority from a program', async () => {
    const code = `import os, resource, sys
for pid in map(int, sys.argv[1:]):
    for act in (lambda: os.kill(pid, 0), lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)),
                lambda: os.sched_setaffinity(pid, {0}), lambda: os.setpriority(os.PRIO_PROCESS, pid, 5)):
        try: act(); print('LEAK')
        except (OSError, ValueError) as e: print(e)
try: os.kill(os.getppid(), 9); print('LEAK')
except OSError as e: print(e)`;
    const { stdout } = await run(code, { args: [String(process.pid), '1'] });
    expect(stdout.match(/not permitted/g)?.length).toBe(9);
    expect(stdout).not.toContain('LEAK');
  });

  test('answers the dangerous system calls with no such call', async () => {
    const { stdout } = await run(here('sysprobe.c'), { language: 'c' });
    for (const name of ['bpf', 'ptrace', 'mount', 'unshare', 'setns', 'io_uring_setup', 'keyctl', 'userfaultfd']) {
      expect(stdout).toContain(`${name}=ENOSYS`);
    }
    expect((await run(here('ia32.c'), { language: 'c' })).signal).toBe('SIGSYS');
  });

  test('has no process of a program that went into the background', async () => {
    const code = `import os, time
for _ in range(3):
    if os.fork() == 0:
        if os.fork() == 0:
            os.closerange(0, 100)
            while True: time.sleep(0.2)
        os._exit(0)
print('parent exits')`;
    expect(await run(code)).toMatchObject({ reason: 'ok', stdout: 'parent exits\n' });
  });

  test('gets its disk back from a program that hides what it wrote', async () => {
    const code = `import os
os.makedirs('closed/in'); open('closed/in/f', 'w').write('1'); os.chmod('closed/in', 0); os.chmod('closed', 0)
for _ in range(60): os.mkdir('d' * 200); os.chdir('d' * 200)`;
    expect((await run(code)).reason).toBe('ok');
  });
});

test('a cancelled run ends at once, before and after its start', async () => {
  expect((await run('print(1)', { signal: AbortSignal.abort() })).reason).toBe('cancelled');
  const started = performance.now();
  expect((await run('while True: pass', { signal: AbortSignal.timeout(400) })).reason).toBe('cancelled');
  expect(performance.now() - started).toBeLessThan(2000);
});

test('runs at the same time see nothing of each other', async () => {
  const code = `import os, time
open('n', 'w').write('mine'); time.sleep(0.2)
print(open('n').read(), end=' ')
try: print(os.listdir('../../'))
except OSError as e: print(e.strerror)`;
  const ran = await Promise.all([run(code), run(code), run(code)]);
  expect(ran.map(({ stdout }) => stdout)).toEqual(Array(3).fill('mine Permission denied\n'));
});

test('a run ends when the runner that started it was killed', async () => {
  const place = `${directory}-orphan`;
  const script = `
    const { createLandlockEngine } = await import(${JSON.stringify(new URL('./create-landlock-engine.ts', import.meta.url).href)});
    const { detectLanguages } = await import(${JSON.stringify(new URL('../../languages/detection.ts', import.meta.url).href)});
    const { toolchains } = await detectLanguages();
    const engine = await createLandlockEngine({ directory: ${JSON.stringify(place)}, toolchains, allowSharedUser: false });
    const limits = ${JSON.stringify({ ...TEST_LIMITS, wall_ms: 60_000 })};
    const code = 'echo up; sleep 60 & sleep 60';
    const spec = { language: 'bash', engine: 'landlock', code, stdin: '', args: [], env: {}, files: [], outputs: [], limits };
    await engine.run(spec, { write: () => process.kill(process.pid, 'SIGKILL') }, new AbortController().signal);`;
  await expect(promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).rejects.toMatchObject({
    signal: 'SIGKILL',
  });
  const processes = async () => (await leftovers(place)).filter((line) => line.includes(place));
  await expect.poll(processes, { timeout: 10_000 }).toEqual([]);
  await rm(place, { recursive: true, force: true });
});

test('the receipt says what confined the run, and what is approximate', async () => {
  const { receipt } = await run('print(1)');
  expect(receipt).toMatchObject({
    engine: 'landlock',
    level: 'reduced',
    filesystem: 'landlock',
    network: 'seccomp',
    memory: 'rlimit+poll',
    disk: 'rlimit+poll',
    seccomp: true,
  });
  expect(receipt.missing.join()).toContain('not held exactly');
});
