import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectEngine, openBubblewrap, runProgram } from '../../test/engine-under-test.ts';
import { processesNamed } from '../../test/hostile-ground.ts';
import type { Engine, Outcome } from '../engine.ts';
import { CanaryGround } from './canary-ground.ts';
import { attackEngine } from './self-attack.ts';

let directory: string;
let ground: CanaryGround;
beforeAll(async () => {
  directory = mkdtempSync(`${tmpdir()}/assay-ground-`);
  ground = await CanaryGround.open(directory);
});
afterAll(async () => {
  await ground[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const OUTCOME: Omit<Outcome, 'receipt'> = {
  reason: 'ok',
  message: '',
  exitCode: 0,
  signal: null,
  outputTruncated: false,
  runtimeMs: 1,
  compileMs: null,
  cpuMs: null,
  memoryPeakMb: null,
  files: [],
  filesSkipped: [],
};

/** What the product must never have: a program as a plain process of this one's user, with its environment. */
function plainProcess(receipt: Outcome['receipt']): Engine {
  return {
    name: 'bubblewrap',
    level: 'strong',
    version: 'none',
    languages: ['python'],
    missing: [],
    async run(spec, sink) {
      const child = spawn('/usr/bin/python3', ['-c', spec.code, ...spec.args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      child.stdout.on('data', (bytes: Buffer) => void sink.write('stdout', bytes));
      await once(child, 'close');
      return { ...OUTCOME, receipt };
    },
    async [Symbol.asyncDispose]() {},
  };
}

test('an engine that holds is offered, and its receipts carry the hash of the attack', async () => {
  await using engine = await openBubblewrap({ cgroups: true });
  const offered = expectEngine(await attackEngine(engine, ground));
  expect(offered).toMatchObject({ name: 'bubblewrap', level: 'strong', version: engine.version });
  expect((await runProgram(offered, 'python', 'pass')).receipt.self_test).toMatch(/^[0-9a-f]{64}$/);
});

test('an attack in Perl or JavaScript holds as well', async () => {
  await using engine = await openBubblewrap({ cgroups: true });
  for (const language of ['perl', 'javascript']) {
    const only: Engine = { ...expectEngine(await attackEngine(engine, ground)), languages: [language] };
    expectEngine(await attackEngine(only, ground));
  }
});

test('an engine that isolates nothing is refused, and each canary that was reached is named', async () => {
  await using engine = await openBubblewrap({ cgroups: true });
  const { receipt } = await runProgram(engine, 'python', 'pass');
  let mark = '';
  const plain = plainProcess(receipt);
  const watched: Engine = {
    ...plain,
    run(spec, ...rest) {
      mark = spec.args.at(-1) ?? '';
      return plain.run(spec, ...rest);
    },
  };
  try {
    const refused = await attackEngine(watched, ground);
    expect(refused).toMatchObject({ engine: 'bubblewrap', reason: expect.stringContaining('got through') });
    // The rest depends on the user that the test runs as: a root's plain process reaches all of them.
    const reached = ['environment', 'network', 'memory', 'forks'];
    for (const name of [...reached, ...(process.getuid?.() === 0 ? ['file', 'core_pattern'] : [])]) {
      expect('reason' in refused && refused.reason).toContain(name);
    }
  } finally {
    for (const pid of processesNamed(mark)) process.kill(Number(pid), 'SIGKILL');
  }
});

test('an engine that the attack cannot be run in is refused', async () => {
  await using engine = await openBubblewrap({ cgroups: true });
  const refused = await attackEngine({ ...engine, languages: ['bash'] }, ground);
  expect(refused).toMatchObject({ engine: 'bubblewrap', fix: 'Install python3.' });
});

test('an engine whose probe does not report is refused', async () => {
  await using engine = await openBubblewrap({ cgroups: true });
  const silent: Engine = { ...engine, run: (spec, _, signal) => engine.run(spec, { write: () => undefined }, signal) };
  const refused = await attackEngine(silent, ground);
  expect(refused).toMatchObject({ reason: expect.stringContaining('did not report') });
});
