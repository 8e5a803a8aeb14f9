import { setTimeout as delay } from 'node:timers/promises';
import { foreignMs, machineBusyMs } from './proc-stat.ts';

/** Cores that may be busy with other things while a cell counts as undisturbed. */
const QUIET_CORES = 0.2;
const LOOK_MS = 100;
const LONGEST_WAIT_MS = 20_000;

/**
 * Cores in use over a stretch of time: by other people's processes, and all the rest, which is us (this process, all
 * below it, and the kernel on its behalf).
 */
export type CoresUsed = { ours: number; foreign: number };

/** Starts counting; the function it returns says what was used since. */
export function watchCores(): () => CoresUsed {
  const began = performance.now();
  const busy = machineBusyMs();
  const others = foreignMs(process.pid);
  return () => {
    const elapsed = performance.now() - began;
    // Somebody else's process that ended without being waited for takes its time with it.
    const foreign = Math.max(0, (foreignMs(process.pid) - others) / elapsed);
    return { ours: Math.max(0, (machineBusyMs() - busy) / elapsed - foreign), foreign };
  };
}

/** Waits until the machine is idle, our own processes included, or for at most 20 s; says whether it is. */
export async function untilQuiet(longestMs = LONGEST_WAIT_MS): Promise<boolean> {
  const deadline = performance.now() + longestMs;
  for (;;) {
    const busy = machineBusyMs();
    const began = performance.now();
    await delay(LOOK_MS);
    if ((machineBusyMs() - busy) / (performance.now() - began) < QUIET_CORES) return true;
    if (performance.now() > deadline) return false;
  }
}

export const isDisturbed = ({ foreign }: CoresUsed): boolean => foreign > QUIET_CORES;
