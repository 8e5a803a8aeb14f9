import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Asked, Ran } from '../../../test/engine-under-test.ts';
import { expectEngine, runProgram, TEST_LIMITS } from '../../../test/engine-under-test.ts';
import type { Engine } from '../../engine.ts';
import { createQuickJsEngine } from './quickjs-engine.ts';

type Wish = Asked & { language?: string };

let engine: Engine;

beforeAll(async () => {
  engine = expectEngine(await createQuickJsEngine());
});

afterAll(() => engine[Symbol.asyncDispose]());

const run = (code: string, { language = 'javascript', limits, ...asked }: Wish = {}): Promise<Ran> =>
  runProgram(engine, language, code, { ...asked, limits: { memory_mb: 64, ...limits } });
const file = (path: string, text: string) => ({ path, content: Buffer.from(text).toString('base64') });

describe('a program', () => {
  test('prints to standard output and standard error', async () => {
    const ran = await run(`console.log('out', 1, [1, { a: 'x' }]); console.error('err')`);
    expect(ran).toMatchObject({ reason: 'ok', exitCode: 0, stdout: "out 1 [ 1, { a: 'x' } ]\n", stderr: 'err\n' });
  });

  test('gets its input, arguments, environment and files', async () => {
    const code = `
      import { double } from './lib/double.js';
      import * as std from 'std';
      console.log(double(21), scriptArgs, std.getenv('KEY'), std.in.getline(), std.in.readAsString(), std.loadFile('note.txt'));`;
    const ran = await run(code, {
      stdin: 'first\nrest',
      args: ['a', 'b'],
      env: { KEY: 'value' },
      files: [file('lib/double.js', 'export const double = (n) => n * 2;'), file('note.txt', 'übung')],
    });
    expect(ran.stdout).toBe("42 [ 'a', 'b' ] value first rest übung\n");
  });

  test('can wait: timers fire in order and top-level await works', async () => {
    const code = `setTimeout(() => console.log('late'), 20); await new Promise((go) => setTimeout(go, 5)); console.log('soon');`;
    expect((await run(code)).stdout).toBe('soon\nlate\n');
  });

  test('exits with the code it asks for, and nothing after that runs', async () => {
    const ran = await run(`try { std.exit(3) } catch { console.log('caught') } finally { console.log('after') }`);
    expect(ran).toMatchObject({ reason: 'nonzero_exit', exitCode: 3, stdout: '' });
  });

  test.each([
    ['thrown', `function f() { throw new TypeError('boom') }\nf()`],
    ['rejected and not handled', `Promise.reject(new TypeError('boom'))`],
  ])('fails with an error that is %s, shown with its stack', async (_how, code) => {
    const ran = await run(code);
    expect(ran).toMatchObject({ reason: 'nonzero_exit', exitCode: 1 });
    expect(ran.stderr).toMatch(/^Uncaught TypeError: boom\n {4}at .*main\.js:\d/);
  });

  test('that does not parse fails with the place of the error', async () => {
    const ran = await run(`let x = 1;\nlet let = 2;`);
    expect(ran.stderr).toMatch(/SyntaxError.*\n.*main\.js:2/);
  });

  test('that waits for what can never come ends with code 13', async () => {
    expect(await run('await new Promise(() => {})')).toMatchObject({ reason: 'nonzero_exit', exitCode: 13 });
  });

  test('leaves nothing behind for the next one', async () => {
    await run('globalThis.left = 1; Array.prototype.push = null; Object.prototype.polluted = 1;');
    expect((await run('console.log(typeof left, typeof [].push, typeof {}.polluted)')).stdout).toBe(
      'undefined function undefined\n',
    );
  });

  test('that breaks the built-ins still gets its output printed', async () => {
    const code = `Array.prototype.push = null; String.prototype.slice = null; JSON.stringify = null; console.log({ a: 'b' })`;
    expect((await run(code)).stdout).toBe("{ a: 'b' }\n");
  });
});

describe('nothing of the host', () => {
  test('is in reach: no process, no modules, no network, no way to the host through a constructor', async () => {
    const code = `
      const way = console.log.constructor('return [typeof process, typeof require, typeof fetch, typeof WebAssembly]');
      console.log(way().join(' '), this.constructor.constructor('return typeof process')());`;
    expect((await run(code)).stdout).toBe('undefined undefined undefined undefined undefined\n');
  });

  test.each(['fs', 'node:fs', 'prelude:std.js', '../guest.ts'])('can be imported: %s is refused', async (name) => {
    const ran = await run(`import '${name}'; console.log('in')`);
    expect(ran).toMatchObject({ reason: 'nonzero_exit', stdout: '' });
    expect(ran.stderr).toContain('No module');
  });

  test('shows in an error: stacks name no file of the host', async () => {
    const ran = await run(`
      try { await import('nowhere') } catch (error) { console.log(error.stack) }
      function deep() { deep() } try { deep() } catch (error) { console.log(error.stack) }`);
    expect(ran.stdout).not.toMatch(/file:|wasm|node_modules|packages/);
  });
});

describe('a limit', () => {
  test('of wall time ends an endless loop, one that catches, and a sleeper', async () => {
    const programs = [
      'for (;;);',
      'for (;;) try { for (;;); } catch {}',
      'await new Promise((go) => setTimeout(go, 60000))',
    ];
    for (const code of programs) {
      const ran = await run(code, { limits: { wall_ms: 300 } });
      expect(ran).toMatchObject({ reason: 'timeout', exitCode: null });
      expect(ran.runtimeMs).toBeLessThan(1500);
    }
  });

  test('of wall time ends a built-in that never looks up', async () => {
    const ran = await run(`'x'.repeat(4e8).lastIndexOf('y'); new Array(1e9).fill(0)`, {
      limits: { wall_ms: 300, memory_mb: 2000 },
    });
    expect(ran.reason).toBe('timeout');
    expect(ran.runtimeMs).toBeLessThan(2000);
  });

  test('of CPU time ends a busy program and leaves a waiting one alone', async () => {
    expect(await run('for (;;);', { limits: { cpu_ms: 150 } })).toMatchObject({ reason: 'cpu_limit' });
    const waiting = await run('await new Promise((go) => setTimeout(go, 300))', { limits: { cpu_ms: 150 } });
    expect(waiting.reason).toBe('ok');
  });

  test.each([
    ['objects', 'const a = []; for (;;) a.push(new Array(1000).fill(1))'],
    ['buffers', 'const a = []; for (;;) a.push(new Uint8Array(1 << 20))'],
  ])('of memory ends a program that hoards %s', async (_what, code) => {
    const ran = await run(code);
    expect(ran).toMatchObject({ reason: 'memory_limit' });
    expect(ran.memoryPeakMb).toBeLessThan(80);
  });

  test('of the stack is an error that the program can catch', async () => {
    const code = `
      const deep = () => deep() + 1;
      const nest = () => { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return JSON.stringify(o); };
      for (const f of [deep, nest]) try { f() } catch (error) { console.log(error.name) }`;
    expect((await run(code)).stdout).toBe('RangeError\nRangeError\n');
  });

  test('of output keeps the head, of both streams together, and ends the program', async () => {
    const code = `for (;;) { console.log('x'.repeat(999)); console.error('y'.repeat(999)); }`;
    const ran = await run(code, { limits: { output_bytes: 100_000 } });
    expect(ran).toMatchObject({ reason: 'output_limit', outputTruncated: true });
    expect(ran.stdout.length + ran.stderr.length).toBe(100_000);
  });

  test.each<[string, Wish]>([
    ['limits.cpus', { limits: { cpus: 0.5 } }],
    ['outputs', { outputs: ['*.txt'] }],
    ['javascript', { language: 'python' }],
  ])('that can not be held is refused by name: %s', async (name, wish) => {
    const ran = await run('console.log(1)', wish);
    expect(ran).toMatchObject({ reason: 'setup_failed', stdout: '' });
    expect(ran.message).toContain(name);
  });
});

test('a slow reader holds the program back', async () => {
  const code = `for (let n = 0; n < 1500; n++) console.log(String(Date.now()).padEnd(999))`;
  const elsewhere = run('await new Promise((go) => setTimeout(go, 400))');
  const times: number[] = [];
  const write = async (_stream: string, bytes: Buffer) => {
    times.push(...bytes.toString().split('\n').filter(Boolean).map(Number));
    await elsewhere;
  };
  const nothing = { stdin: '', args: [], env: {}, files: [], outputs: [] };
  const limits = { ...TEST_LIMITS, output_bytes: 1 << 22 };
  const spec = { language: 'javascript', engine: engine.name, code, limits, ...nothing };
  await engine.run(spec, { write }, new AbortController().signal);
  const pauses = times.map((time, at) => time - (times[at - 1] ?? time));
  expect(times).toHaveLength(1500);
  expect(Math.max(...pauses)).toBeGreaterThan(200);
});

test('a cancelled run ends at once, before and after its start', async () => {
  expect((await run('for (;;);', { signal: AbortSignal.abort() })).reason).toBe('cancelled');
  const started = performance.now();
  expect((await run('for (;;);', { signal: AbortSignal.timeout(100) })).reason).toBe('cancelled');
  expect(performance.now() - started).toBeLessThan(1500);
});

test('runs at the same time do not meet', async () => {
  const ran = await Promise.all([1, 2, 3, 4].map((n) => run(`globalThis.n = ${n}; console.log(n)`)));
  expect(ran.map((one) => one.stdout)).toEqual(['1\n', '2\n', '3\n', '4\n']);
});

test('the receipt says what confined the run', async () => {
  expect((await run('1')).receipt).toMatchObject({
    engine: 'quickjs',
    level: 'language',
    memory: 'interpreter',
    network: 'none',
    filesystem: 'none',
    seccomp: false,
    missing: [],
  });
});
