import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { assertAllAnswered, type LoadFigures, type LoadGenerator, type LoadPlan } from './load-plan.ts';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
const runProgram = promisify(execFile);

/** wrk of the Linux distribution, on one thread; null where it is not installed. */
export function findWrk(): LoadGenerator | null {
  const version = versionOfWrk();
  return version === null ? null : { name: `wrk ${version}`, run };
}

/** It prints its version with its usage, and calls that a failure. */
function versionOfWrk(): string | null {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'pipe' });
  } catch (error) {
    const { stdout } = error as { stdout?: Buffer };
    return /^wrk (?:debian\/)?(\S+)/.exec(String(stdout ?? ''))?.[1] ?? null;
  }
  return null;
}

async function run(plan: LoadPlan): Promise<LoadFigures> {
  await using directory = await scratchDirectory();
  const file = join(directory.path, 'plan');
  const headers = Object.entries(plan.headers).map(([name, value]) => `${name}: ${value}`);
  const lines = [plan.method, plan.uniqueHeader ?? '-', plan.body ?? '', ...headers, '', ...plan.paths];
  await writeFile(file, `${lines.join('\n')}\n`);
  const args = [
    '-t1',
    '--timeout',
    '10s',
    `-c${plan.callers}`,
    `-d${plan.seconds}s`,
    '-s',
    SCRIPT,
    plan.origin,
    '--',
    file,
  ];
  const { stdout } = await runProgram('wrk', args);
  const found = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<
    'requests' | 'micros' | 'p50' | 'p99' | 'failures',
    number
  >;
  assertAllAnswered(plan, found.requests, found.failures);
  return {
    perSecond: found.requests / (found.micros / 1e6),
    p50Ms: found.p50 / 1e3,
    p99Ms: found.p99 / 1e3,
    requests: found.requests,
  };
}
