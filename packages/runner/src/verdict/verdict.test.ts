import type { RunLimits } from '@assay/contract/runner';
import { expect, test } from 'vitest';
import type { Ending } from './verdict.ts';
import { judge } from './verdict.ts';

const limits: RunLimits = {
  wall_ms: 5000,
  cpu_ms: 3000,
  memory_mb: 256,
  processes: 64,
  cpus: 1,
  output_bytes: 1024,
  file_size_mb: 16,
  disk_mb: 64,
  open_files: 256,
};
const ending = (known: Partial<Ending>): Ending => ({
  killed: null,
  exitCode: 0,
  memoryKills: 0,
  refusedForks: 0,
  diskFull: false,
  limits,
  ...known,
});

test('a program that exits with 0 is ok, even with a full disk and refused forks', () => {
  expect(judge(ending({ diskFull: true, refusedForks: 3 }))).toEqual({
    reason: 'ok',
    message: '',
    exitCode: 0,
    signal: null,
  });
});

test('a killed child means the memory limit was met, even if the program exits with 0', () => {
  expect(judge(ending({ memoryKills: 1 }))).toMatchObject({ reason: 'memory_limit', exitCode: 0 });
});

test('what we did comes before what the exit code looks like', () => {
  expect(judge(ending({ killed: 'timeout', exitCode: 137 }))).toEqual({
    reason: 'timeout',
    message: 'The program ran longer than its limit of 5000 ms.',
    exitCode: null,
    signal: null,
  });
});

test.each([
  [{ exitCode: 1 }, 'nonzero_exit', null],
  [{ exitCode: 134 }, 'signal', 'SIGABRT'],
  [{ exitCode: 139 }, 'signal', 'SIGSEGV'],
  [{ exitCode: 255 }, 'nonzero_exit', null],
  [{ exitCode: 153 }, 'disk_limit', 'SIGXFSZ'],
  [{ exitCode: 152 }, 'cpu_limit', 'SIGXCPU'],
  [{ exitCode: 1, refusedForks: 1 }, 'process_limit', null],
  [{ exitCode: 1, diskFull: true }, 'disk_limit', null],
  [{ exitCode: null }, 'setup_failed', null],
] as const)('%o ends as %s', (known, reason, signal) => {
  expect(judge(ending(known))).toMatchObject({ reason, signal });
});
