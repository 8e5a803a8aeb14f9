import { availableParallelism } from 'node:os';
import type { RunLimits } from '@assay/contract/runner';
import type { KillReason } from '../../verdict/verdict.ts';
import { Watchdog } from '../../verdict/watchdog.ts';
import { sampleTree } from '../bubblewrap/process-tree.ts';
import { descendantsOf } from './descendants.ts';
import { MOST_ENTRIES, measureDisk } from './disk-use.ts';
import { proportionalMemoryMb } from './proportional-memory.ts';

/** Each look costs up to 1 ms; between two of them, twenty children could take 60 MB each. */
const LOOK_EVERY_MS = 25;
/** A look at the files costs more, and they grow no faster than the disk. */
const LOOK_AT_FILES_EVERY_MS = 100;
/** CPU time that a program may be ahead of its share before it is paused. */
const CPU_AHEAD_MS = 50;
const WARDEN_MB = 4;
const WARDEN_PROCESSES = 1;

export type WatchedTree = {
  /** The warden: the root of all processes of the run, since it takes in orphans. */
  warden: number;
  /** The program's process group, which no process of the run can leave. */
  group: number;
  /** The working directory. */
  work: string;
};

/** Holds a run to totals that nothing else here holds it to, by adding up its processes and files again and again. */
export class TreeWatch implements Disposable {
  readonly #tree: WatchedTree;
  readonly #limits: RunLimits;
  readonly #kill: (reason: KillReason) => void;
  readonly #watchdog: Watchdog;
  readonly #startedAt = performance.now();
  readonly #cpuBefore: number;
  readonly #looks: NodeJS.Timeout;
  #files: NodeJS.Timeout | undefined;
  #paused = false;
  #ended = false;
  /** As far as it was seen; null when the program ended before the first look. */
  memoryPeakMb: number | null = null;

  constructor(tree: WatchedTree, limits: RunLimits, kill: (reason: KillReason) => void) {
    this.#tree = tree;
    this.#limits = limits;
    this.#kill = kill;
    this.#watchdog = new Watchdog({ limits, cpuMs: null, kill });
    this.#cpuBefore = sampleTree(tree.warden).cpuMs;
    this.#looks = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#lookAtFilesIn(LOOK_AT_FILES_EVERY_MS);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#watchdog[Symbol.dispose]();
    clearInterval(this.#looks);
    clearTimeout(this.#files);
  }

  #look(): void {
    const sample = sampleTree(this.#tree.warden);
    const memoryMb = this.#memoryOf(sample.memoryMb);
    const cpuMs = sample.cpuMs - this.#cpuBefore;
    this.memoryPeakMb = Math.max(this.memoryPeakMb ?? 0, memoryMb);
    if (memoryMb > this.#limits.memory_mb) this.#kill('memory_limit');
    else if (cpuMs > this.#limits.cpu_ms) this.#kill('cpu_limit');
    else if (sample.processes - WARDEN_PROCESSES > this.#limits.processes) this.#kill('process_limit');
    else this.#holdToCores(cpuMs);
  }

  /** Pages that processes share are counted for each of them at first, and rightly once that would be too much. */
  #memoryOf(treeMb: number): number {
    const sum = Math.max(0, treeMb - WARDEN_MB);
    if (sum <= this.#limits.memory_mb) return sum;
    return proportionalMemoryMb(descendantsOf(this.#tree.warden)) ?? sum;
  }

  /** Pauses the whole group while it is ahead of its share of the cores: no limit of the kernel's does that here. */
  #holdToCores(cpuMs: number): void {
    if (this.#limits.cpus >= availableParallelism()) return;
    const share = this.#limits.cpus * (performance.now() - this.#startedAt);
    const pause = cpuMs > share + (this.#paused ? 0 : CPU_AHEAD_MS);
    if (pause === this.#paused) return;
    this.#paused = pause;
    signalGroup(this.#tree.group, pause ? 'SIGSTOP' : 'SIGCONT');
  }

  #lookAtFilesIn(pause: number): void {
    this.#files = setTimeout(() => void this.#lookAtFiles(), pause);
  }

  async #lookAtFiles(): Promise<void> {
    const startedAt = performance.now();
    const use = await measureDisk(this.#tree.work, descendantsOf(this.#tree.warden));
    if (this.#ended) return;
    if (use.bytes > this.#limits.disk_mb * 2 ** 20 || use.entries > MOST_ENTRIES) this.#kill('disk_limit');
    // A run with many files gets looked at less often, not more of our time.
    this.#lookAtFilesIn(Math.max(LOOK_AT_FILES_EVERY_MS, 4 * (performance.now() - startedAt)));
  }
}

/** Sends a signal to all processes of a group; none of them being left is fine. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // The group has ended.
  }
}
