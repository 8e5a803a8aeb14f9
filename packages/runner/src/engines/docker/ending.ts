import { constants } from 'node:os';
import type { RunReason } from '@assay/contract/runner';
import type { StepEnd } from './step.ts';

/** How a run ended, in the contract's words. */
export type Ending = { reason: RunReason; exitCode: number | null; signal: string | null };

/**
 * Judges a step. That memory ran out is taken from the kernel's count, since a program survives the death of a child.
 * A container engine tells of a signal only by the code 128 + number, which a program may also choose: believed.
 */
export function endingOf(step: StepEnd): Ending {
  if (step.halted !== null) return { reason: step.halted, exitCode: null, signal: null };
  if (step.outOfMemory) return { reason: 'memory_limit', exitCode: null, signal: null };
  if (step.exitCode === null) return { reason: 'signal', exitCode: null, signal: 'SIGKILL' };
  const signal = signalOf(step.exitCode);
  if (signal === 'SIGXCPU') return { reason: 'cpu_limit', exitCode: null, signal };
  if (signal !== null) return { reason: 'signal', exitCode: null, signal };
  return { reason: step.exitCode === 0 ? 'ok' : 'nonzero_exit', exitCode: step.exitCode, signal: null };
}

function signalOf(code: number): string | null {
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return found?.[0] ?? null;
}
