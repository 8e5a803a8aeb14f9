import { constants } from 'node:os';
import type { RunLimits, RunReason } from '@assay/contract/runner';
import { reasonMessage } from './reason-message.ts';

/** Why we ended a program before it did. */
export type KillReason = Extract<
  RunReason,
  | 'timeout'
  | 'cpu_limit'
  | 'memory_limit'
  | 'output_limit'
  | 'disk_limit'
  | 'process_limit'
  | 'cancelled'
  | 'setup_failed'
>;

/** What is known when a program has ended. */
export type Ending = {
  /** Set by us when we killed it, before we did. */
  killed: KillReason | null;
  /** As a shell reports it: 128 and the number of the signal for a program that a signal ended. Null: not known. */
  exitCode: number | null;
  /** Processes that the kernel killed for want of memory. */
  memoryKills: number;
  /** Processes or threads that it was refused. */
  refusedForks: number;
  /** Whether its working directory was full at the end. */
  diskFull: boolean;
  limits: RunLimits;
};

export type Verdict = { reason: RunReason; message: string; exitCode: number | null; signal: string | null };

const SIGNAL_BASE = 128;
/** Some numbers have two names; the usual one comes first. */
const SIGNALS = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/**
 * Names the reason a program ended. Our own flags come first: an exit code such as 137 may be the program's own
 * choice. A program whose child ran out of memory has met its limit, even if it then exits with 0.
 */
export function judge(ending: Ending): Verdict {
  const exitCode = ending.killed === null ? ending.exitCode : null;
  const signal = exitCode === null ? null : (SIGNALS.get(exitCode - SIGNAL_BASE) ?? null);
  const verdict = { reason: reasonOf(ending, signal), exitCode, signal };
  return { ...verdict, message: reasonMessage(verdict, ending.limits) };
}

function reasonOf({ killed, exitCode, memoryKills, refusedForks, diskFull }: Ending, signal: string | null): RunReason {
  if (killed !== null) return killed;
  if (memoryKills > 0) return 'memory_limit';
  if (exitCode === null) return 'setup_failed';
  if (exitCode === 0) return 'ok';
  if (signal === 'SIGXFSZ') return 'disk_limit';
  if (signal === 'SIGXCPU') return 'cpu_limit';
  if (refusedForks > 0) return 'process_limit';
  if (diskFull) return 'disk_limit';
  return signal === null ? 'nonzero_exit' : 'signal';
}
