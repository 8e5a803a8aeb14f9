import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Asked, Ran } from '../../../test/engine-under-test.ts';
import { openBubblewrap, runProgram } from '../../../test/engine-under-test.ts';
import type { Engine } from '../../engine.ts';

/** Runs a program in an interpreter that was started ahead, and insists that it was. */
async function runAhead(engine: Engine, language: string, code: string, asked?: Asked): Promise<Ran> {
  const ran = await runProgram(engine, language, code, asked);
  expect(ran.receipt.prestarted).toBe(true);
  return ran;
}

let engine: Engine;
let directory: string;
beforeAll(async () => {
  engine = await openBubblewrap({ cgroups: true, warm: 8 });
  directory = mkdtempSync(`${tmpdir()}/assay-plain-`);
  // The first run of a kind teaches the pool its shape.
  for (const language of ['python', 'javascript', 'typescript']) await runProgram(engine, language, '');
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

describe('a Python program in an interpreter that was started ahead', () => {
  const python = (code: string, asked?: Asked) => runAhead(engine, 'python', code, asked);

  test('is the main module, in its own file, with its arguments', async () => {
    const code = [
      'import sys',
      'print(__name__, __file__, sys.argv, sys.orig_argv[1:])',
      'print(sys.modules["__main__"].__dict__ is globals(), __spec__, __package__, __builtins__.__name__)',
      'print(sorted(name for name in globals() if not name.startswith("__")))',
    ].join('\n');
    expect((await python(code, { args: ['a b', ''] })).stdout).toBe(
      [
        "__main__ /work/main.py ['/work/main.py', 'a b', ''] ['/work/main.py', 'a b', '']",
        'True None None builtins',
        "['sys']\n",
      ].join('\n'),
    );
  });

  test('prints what a plain interpreter prints, down to its tracebacks', async () => {
    const code = [
      'import inspect, sys, traceback',
      'def fail():',
      '    print(inspect.getsource(fail), [frame.function for frame in inspect.stack()])',
      '    traceback.print_stack()',
      '    raise ValueError("mine")',
      'try:',
      '    fail()',
      'except ValueError as error:',
      '    raise RuntimeError("again") from error',
    ].join('\n');
    writeFileSync(`${directory}/main.py`, code);
    const plain = runPlain('/usr/bin/python3', [`${directory}/main.py`]);
    const { stdout, stderr, exitCode } = await python(code);
    expect(stdout).toBe(plain.stdout);
    expect(stderr).toBe(plain.stderr.replaceAll(directory, '/work'));
    expect(exitCode).toBe(plain.status);
  });

  test('reports a mistake of syntax as a plain interpreter does', async () => {
    const code = 'x = 1\nif x\n  print(x)\n';
    writeFileSync(`${directory}/main.py`, code);
    const plain = runPlain('/usr/bin/python3', [`${directory}/main.py`]);
    expect((await python(code)).stderr).toBe(plain.stderr.replaceAll(directory, '/work'));
  });

  test.each([
    ['import sys; sys.exit()', 0, ''],
    ['import sys; sys.exit(7)', 7, ''],
    ['import sys; sys.exit("why")', 1, 'why\n'],
    ['exit(3)', 3, ''],
    ['quit()', 0, ''],
    ['import os; os._exit(9)', 9, ''],
    ['raise SystemExit(4)', 4, ''],
    ['import atexit; atexit.register(lambda: print("bye", file=__import__("sys").stderr))', 0, 'bye\n'],
  ])('ends as a plain interpreter ends: %s', async (code, exitCode, stderr) => {
    expect(await python(code)).toMatchObject({ exitCode, stderr });
  });

  test('has the modules, paths and variables of a plain interpreter', async () => {
    const code = [
      'import os, sys, json',
      'known = [name for name in sys.modules if "assay" in name or name == "ctypes"]',
      'print(json.dumps([sys.path, known, sorted(os.environ), os.getcwd(), sys.flags.no_site, sys.meta_path[0].__name__ if hasattr(sys.meta_path[0], "__name__") else "deferred"]))',
    ].join('\n');
    const [path, known, environment, cwd, noSite] = JSON.parse((await python(code)).stdout) as unknown[];
    const plain = JSON.parse(
      runPlain('/usr/bin/python3', ['-c', 'import sys, json; print(json.dumps(sys.path[1:]))']).stdout,
    ) as string[];
    expect(path).toEqual(['/work', ...plain]);
    expect(known).toEqual([]);
    expect(environment).toEqual(['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR']);
    expect([cwd, noSite]).toEqual(['/work', 0]);
  });

  test('imports what is installed, as set up by its package', async () => {
    const code = 'import distutils, sys; print(sys.modules["distutils"].__file__)';
    const plain = runPlain('/usr/bin/python3', ['-c', code]);
    expect((await python(code)).stdout).toBe(plain.stdout);
  });

  test('reads its input, starts processes, threads and programs', async () => {
    const code = [
      'import multiprocessing, subprocess, sys, threading',
      'def double(x): return 2 * x',
      'if __name__ == "__main__":',
      '    print(input(), sys.stdin.read())',
      '    for method in ("fork", "spawn"):',
      '        with multiprocessing.get_context(method).Pool(2) as pool: print(pool.map(double, [1, 2, 3]))',
      '    threading.Thread(target=lambda: print("thread")).start()',
      '    print(subprocess.run([sys.executable, "-c", "print(6)"], capture_output=True, text=True).stdout)',
    ].join('\n');
    const { stdout, stderr } = await python(code, { stdin: 'first\nrest' });
    expect({ stdout, stderr }).toEqual({ stdout: 'first rest\n[2, 4, 6]\n[2, 4, 6]\nthread\n6\n\n', stderr: '' });
  });

  test('finds nothing of the run before it', async () => {
    const leave = [
      'import os, socket',
      'for place in ("/work", "/tmp", "/dev/shm"): open(f"{place}/left", "w").write("x")',
      'listener = socket.socket(socket.AF_UNIX); listener.bind("\\0left"); listener.listen()',
      'if os.fork() == 0: os.setsid(); __import__("time").sleep(60)',
    ].join('\n');
    const look = [
      'import os, socket',
      'print([os.listdir(place) for place in ("/work", "/tmp", "/dev/shm")])',
      'try: socket.socket(socket.AF_UNIX).connect("\\0left")',
      'except OSError as error: print(error.strerror)',
      'print(sorted(int(pid) for pid in os.listdir("/proc") if pid.isdigit()))',
    ].join('\n');
    for (let round = 0; round < 8; round += 1) {
      await python(leave);
      expect((await python(look)).stdout).toBe("[['main.py'], [], []]\nConnection refused\n[1, 2, 3]\n");
    }
  });

  test('shares no randomness with another', async () => {
    const code = 'import random, os, uuid; print(random.random(), os.urandom(4).hex(), uuid.uuid4())';
    const printed = new Set<string>();
    for (let round = 0; round < 5; round += 1) printed.add((await python(code)).stdout);
    expect(printed.size).toBe(5);
  });
});

describe('a JavaScript program in a Node that was started ahead', () => {
  const javascript = (code: string, asked?: Asked) => runAhead(engine, 'javascript', code, asked);

  test('is the main module of CommonJS, with its arguments', async () => {
    const code =
      'console.log(require.main === module, __filename, __dirname, process.argv.slice(1), process.execArgv, Object.keys(require.cache))';
    expect((await javascript(code, { args: ['a b', '--c'] })).stdout).toBe(
      "true /work/main.js /work [ '/work/main.js', 'a b', '--c' ] [] [ '/work/main.js' ]\n",
    );
  });

  test('may be an ES module that waits at its top', async () => {
    const code = [
      "import { setTimeout } from 'node:timers/promises';",
      'console.log(await setTimeout(1, "waited"), import.meta.filename, import.meta.main);',
    ].join('\n');
    expect((await javascript(code)).stdout).toBe('waited /work/main.js true\n');
  });

  test('prints the errors that a plain Node prints', async () => {
    const code = '\nfunction fail() {\n  throw new TypeError("mine");\n}\nfail();\n';
    writeFileSync(`${directory}/main.js`, code);
    const plain = runPlain(process.execPath, [`${directory}/main.js`]);
    const { stderr, exitCode } = await javascript(code);
    expect(stderr).toBe(plain.stderr.replaceAll(directory, '/work'));
    expect(exitCode).toBe(plain.status);
  });

  test('reads its input and its variables, and ends as it says', async () => {
    const code = [
      'process.stdin.on("data", (bytes) => console.log(String(bytes), process.env.MINE, process.env.TMPDIR));',
      'process.on("exit", () => console.log("bye"));',
      'process.exitCode = 5;',
    ].join('\n');
    expect(await javascript(code, { stdin: 'given', env: { MINE: 'ü' } })).toMatchObject({
      stdout: 'given ü /tmp\nbye\n',
      exitCode: 5,
    });
  });

  test('starts processes and threads of its own', async () => {
    const code = [
      'const { fork, execFileSync } = require("node:child_process");',
      'const { Worker, isMainThread } = require("node:worker_threads");',
      'if (process.argv[2] === "child") process.send("from the child");',
      'else if (isMainThread) {',
      '  fork(__filename, ["child"]).on("message", (message) => console.log(message));',
      '  new Worker("require(\'node:worker_threads\').parentPort.postMessage(\'from the thread\')", { eval: true }).on("message", console.log);',
      '  console.log(String(execFileSync(process.execPath, ["-p", "1 + 1"])).trim());',
      '}',
    ].join('\n');
    const { stdout, stderr } = await javascript(code, { limits: { memory_mb: 512 } });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n').sort()).toEqual(['2', 'from the child', 'from the thread']);
  });

  test('finds no descriptor of the way it came', async () => {
    const code = [
      'const { readdirSync, readlinkSync } = require("node:fs");',
      'const target = (fd) => { try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } };',
      'console.log(readdirSync("/proc/self/fd").map(target).filter((path) => /parcel|socket|args|filter/.test(path)));',
    ].join('\n');
    expect((await javascript(code)).stdout).toBe('[]\n');
  });
});

test('a TypeScript program runs with enums, imports and top-level waiting, and errors name its lines', async () => {
  const code = [
    "import { readFileSync } from 'node:fs';",
    'enum Colour { Red = 1, Green }',
    'interface Box<T> { value: T }',
    'const box: Box<number> = { value: await Promise.resolve(Colour.Green) };',
    "console.log(box.value, readFileSync(0, 'utf8') satisfies string, process.argv[2]);",
    'throw new Error("mine");',
  ].join('\n');
  const { stdout, stderr } = await runAhead(engine, 'typescript', code, { stdin: 'in', args: ['x'] });
  expect(stdout).toBe('2 in x\n');
  expect(stderr).toContain('/work/main.ts:6');
});

function runPlain(command: string, args: string[]): { stdout: string; stderr: string; status: number } {
  const script = `"$0" "$@" 2>${directory}/stderr; echo "status $?"`;
  const environment = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: '/nonexistent' };
  const printed = execFileSync('/bin/sh', ['-c', script, command, ...args], { env: environment, encoding: 'utf8' });
  const [, stdout = '', status = ''] = /^(.*)status (\d+)\n$/s.exec(printed) ?? [];
  const stderr = execFileSync('/bin/cat', [`${directory}/stderr`], { encoding: 'utf8' });
  return { stdout, stderr, status: Number.parseInt(status, 10) };
}
