import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Asked, Ran } from '../../../test/engine-under-test.ts';
import { openBubblewrap, runProgram } from '../../../test/engine-under-test.ts';
import type { Engine } from '../../engine.ts';

const HELLO: Record<string, string> = {
  python: "import sys\nprint('hello', sys.argv[1:], sys.stdin.read())",
  javascript: "console.log('hello', process.argv.slice(2), require('node:fs').readFileSync(0, 'utf8'))",
  typescript:
    "import { readFileSync } from 'node:fs';\nenum Word { Hello = 'hello' }\nconsole.log(Word.Hello, process.argv.slice(2), readFileSync(0, 'utf8'))",
  bash: 'echo "hello $* $(cat)"',
  c: '#include <stdio.h>\nint main(int c, char **v) { char s[99]; puts("hello"); puts(v[1]); puts(v[2]); puts(gets_line(s)); }'.replace(
    'gets_line(s)',
    'fgets(s, 99, stdin)',
  ),
  cpp: '#include <iostream>\nint main(int, char **v) { std::string s; std::getline(std::cin, s); std::cout << "hello " << v[1] << v[2] << s; }',
  go: 'package main\nimport ("fmt"; "io"; "os")\nfunc main() { s, _ := io.ReadAll(os.Stdin); fmt.Println("hello", os.Args[1:], string(s)) }',
  rust: 'use std::io::*;\nfn main() { let mut s = String::new(); stdin().read_to_string(&mut s).unwrap(); println!("hello {:?} {}", std::env::args(), s); }',
  java: 'class Any { public static void main(String[] a) throws Exception { System.out.println("hello " + a[0] + a[1] + new String(System.in.readAllBytes())); } }',
  ruby: 'puts "hello #{ARGV} #{STDIN.read}"',
  perl: 'local $/; print "hello @ARGV ", scalar(<STDIN>)',
  php: '<?php echo "hello ", $argv[1], $argv[2], stream_get_contents(STDIN);',
};
const ROOMY: Asked = { limits: { memory_mb: 1024, processes: 256, wall_ms: 30_000, cpu_ms: 30_000 } };

const ways = [
  { way: 'with cgroups, started when needed', cgroups: true, warm: 0 },
  { way: 'with cgroups, started ahead', cgroups: true, warm: 6 },
  { way: 'without cgroups', cgroups: false, warm: 0 },
];

describe.each(ways)('bubblewrap $way', ({ cgroups, warm }) => {
  let engine: Engine;
  const run = (language: string, code: string, asked?: Asked): Promise<Ran> =>
    runProgram(engine, language, code, asked);

  beforeAll(async () => {
    engine = await openBubblewrap({ cgroups, warm });
    // The first run of a kind teaches the pool the shape that these tests ask for.
    if (warm > 0) await Promise.all([run('python', ''), run('javascript', ''), run('typescript', '')]);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test('every language that the machine has runs with arguments and input', async () => {
    for (const language of engine.languages.filter((name) => !name.startsWith('tool:'))) {
      const { reason, stdout, stderr } = await run(language, HELLO[language] ?? '', {
        ...ROOMY,
        args: ['a b', '--c'],
        stdin: 'given',
      });
      expect(`${language}: ${reason} ${stderr}`).toBe(`${language}: ok `);
      for (const word of ['hello', 'a b', '--c', 'given']) expect(stdout).toContain(word);
    }
    expect(engine.languages).toEqual(
      expect.arrayContaining(['python', 'javascript', 'typescript', 'bash', 'c', 'cpp']),
    );
  });

  test('exit codes, signals and uncaught errors are told apart', async () => {
    expect(await run('python', 'import sys; sys.exit(3)')).toMatchObject({ reason: 'nonzero_exit', exitCode: 3 });
    expect(await run('python', 'import os; os.kill(os.getpid(), 6)')).toMatchObject({
      reason: 'signal',
      signal: 'SIGABRT',
    });
    const failed = await run('javascript', '\n\nthrow new Error("mine")');
    expect(failed).toMatchObject({ reason: 'nonzero_exit', exitCode: 1 });
    expect(failed.stderr).toContain('/work/main.js:3');
  });

  test("a compiler's complaint comes back as such, and nothing runs", async () => {
    const { reason, stdout, stderr, compileMs, exitCode } = await run('c', 'int main( { puts("ran"); }');
    expect({ reason, stdout, exitCode }).toEqual({ reason: 'compile_error', stdout: '', exitCode: 1 });
    expect(stderr).toContain('main.c:1');
    expect(compileMs).toBeGreaterThan(0);
  });

  test('files go in and come out', async () => {
    const code =
      "import os\nos.makedirs('out/deep')\nopen('out/deep/copy.txt', 'w').write(open('in/a.txt').read().upper())";
    const { files, filesSkipped, reason } = await run('python', code, {
      files: [{ path: 'in/a.txt', content: Buffer.from('héllo').toString('base64') }],
      outputs: ['out/**', 'none.txt'],
    });
    expect(reason).toBe('ok');
    expect(files.map(({ path, content }) => [path, content.toString()])).toEqual([['out/deep/copy.txt', 'HÉLLO']]);
    expect(filesSkipped).toEqual([{ path: 'none.txt', reason: 'there is no such file' }]);
  });

  test('a module among the files can be imported', async () => {
    const files = [{ path: 'greet.py', content: Buffer.from('word = "hi"').toString('base64') }];
    expect((await run('python', 'import greet; print(greet.word)', { files })).stdout).toBe('hi\n');
    const modules = [{ path: 'greet.cjs', content: Buffer.from('exports.word = "hi"').toString('base64') }];
    expect((await run('javascript', 'console.log(require("./greet.cjs").word)', { files: modules })).stdout).toBe(
      'hi\n',
    );
  });

  test('a large program and large input arrive whole', async () => {
    const stdin = 'x'.repeat(3 << 20);
    const code = `import sys\nblob = '${'y'.repeat(900_000)}'\nprint(len(blob), len(sys.stdin.read()))`;
    expect((await run('python', code, { stdin })).stdout).toBe(`900000 ${stdin.length}\n`);
  });

  test('variables of the caller are set, also those that an interpreter reads when it starts', async () => {
    const code = 'import os, sys; print(os.environ["MINE"], sys.flags.optimize)';
    expect((await run('python', code, { env: { MINE: 'a=b' } })).stdout).toBe('a=b 0\n');
    expect((await run('python', code, { env: { MINE: 'ü', PYTHONOPTIMIZE: '2' } })).stdout).toBe('ü 2\n');
  });

  test('output of both streams is kept apart, byte for byte', async () => {
    const code = 'import os\nos.write(1, bytes(range(256)))\nos.write(2, b"err")';
    const { stderr, reason } = await run('python', code);
    expect({ stderr, reason }).toEqual({ stderr: 'err', reason: 'ok' });
    expect((await run('bash', 'echo one > /dev/stdout; echo two > /dev/stderr')).stderr).toBe('two\n');
  });

  test('a run at its wall time is ended, and says so', async () => {
    const startedAt = performance.now();
    const ran = await run('python', 'import time\nprint("up", flush=True)\ntime.sleep(60)', {
      limits: { wall_ms: 300 },
    });
    expect(ran).toMatchObject({ reason: 'timeout', exitCode: null, stdout: 'up\n' });
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test('a run at its CPU time is ended, and says so', async () => {
    expect(await run('python', 'while True: pass', { limits: { cpu_ms: 200 } })).toMatchObject({ reason: 'cpu_limit' });
  });

  test('a cancelled run ends at once, whatever it does', async () => {
    for (const code of [
      'import time\ntime.sleep(60)',
      'while True: print("x" * 1000)',
      'import signal\nwhile True: signal.pause()',
    ]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 100);
      const startedAt = performance.now();
      const { reason } = await run('python', code, { signal: controller.signal, limits: { output_bytes: 1 << 30 } });
      expect(reason).toBe('cancelled');
      expect(performance.now() - startedAt).toBeLessThan(2000);
    }
  });

  test('a run that was cancelled before it began does not run', async () => {
    const { reason, stdout } = await run('python', 'print("ran")', { signal: AbortSignal.abort() });
    expect({ reason, stdout }).toEqual({ reason: 'cancelled', stdout: '' });
  });

  test('a slow reader slows the program and loses nothing', async () => {
    let received = 0;
    const spec = { stdin: '', args: [], env: {}, files: [], outputs: [], engine: 'bubblewrap' as const };
    const code = 'import os\nfor _ in range(64): os.write(1, b"z" * 65536)';
    const limits = { wall_ms: 20_000, cpu_ms: 20_000, memory_mb: 256, processes: 64, cpus: 1 };
    const sizes = { output_bytes: 8 << 20, file_size_mb: 64, disk_mb: 64, open_files: 256 };
    const { reason } = await engine.run(
      { ...spec, language: 'python', code, limits: { ...limits, ...sizes } },
      {
        async write(_, bytes) {
          received += bytes.length;
          await new Promise((resolve) => setTimeout(resolve, 5));
        },
      },
      new AbortController().signal,
    );
    expect({ reason, received }).toEqual({ reason: 'ok', received: 64 * 65_536 });
  });

  test('what the engine cannot hold or place is refused by name', async () => {
    expect(await run('python', '', { limits: { open_files: 3 } })).toMatchObject({
      reason: 'setup_failed',
      message: expect.stringContaining('limits.open_files'),
    });
    expect(await run('python', '', { files: [{ path: '../x', content: '' }] })).toMatchObject({
      reason: 'setup_failed',
      message: expect.stringContaining('"../x"'),
    });
    expect(await run('cobol', '')).toMatchObject({ reason: 'setup_failed', message: expect.stringContaining('cobol') });
  });

  test('the receipt says what was done', async () => {
    const { receipt } = await run('python', 'pass');
    expect(receipt).toMatchObject({
      engine: 'bubblewrap',
      level: cgroups ? 'strong' : 'standard',
      filesystem: 'namespace',
      network: 'namespace',
      processes: 'namespace',
      memory: cgroups ? 'cgroup' : 'rlimit+poll',
      seccomp: true,
      uid: process.getuid?.() === 0 ? 'per-run' : 'shared',
      prestarted: warm > 0,
    });
    expect(receipt.missing.length).toBe(cgroups ? 0 : 1);
    expect((await run('perl', '1')).receipt.prestarted).toBe(false);
  });
});
