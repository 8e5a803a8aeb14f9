import type { RunLimits } from '@assay/contract/runner';
import type { KillReason } from './verdict.ts';

/** Not more often than this, however close a limit is. */
const LEAST_PAUSE_MS = 5;

/**
 * Kills a program at its limits of time. CPU time is looked at only when the limit could have been reached: most
 * programs end before the first look.
 */
export class Watchdog implements Disposable {
  readonly #limits: RunLimits;
  readonly #cpuMs: (() => number) | null;
  readonly #kill: (reason: KillReason) => void;
  readonly #wall: NodeJS.Timeout;
  #cpu: NodeJS.Timeout | undefined;

  /** `cpuMs` tells the CPU time used since the run began, by a program that is held to its cores; null: another counts. */
  constructor(options: { limits: RunLimits; cpuMs: (() => number) | null; kill: (reason: KillReason) => void }) {
    this.#limits = options.limits;
    this.#cpuMs = options.cpuMs;
    this.#kill = options.kill;
    this.#wall = setTimeout(() => this.#kill('timeout'), this.#limits.wall_ms);
    this.#lookAgain(0);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#wall);
    clearTimeout(this.#cpu);
  }

  #lookAgain(used: number): void {
    const readCpu = this.#cpuMs;
    if (readCpu === null) return;
    const { cpu_ms, cpus } = this.#limits;
    const pause = Math.max(LEAST_PAUSE_MS, (cpu_ms - used) / cpus);
    this.#cpu = setTimeout(() => {
      const now = readCpu();
      if (now >= cpu_ms) this.#kill('cpu_limit');
      else this.#lookAgain(now);
    }, pause);
  }
}
