import type { RunLimits } from '@assay/contract/runner';
import type { KillReason } from '../../verdict/verdict.ts';
import type { Box } from './box.ts';
import { countFiles, sampleTree } from './process-tree.ts';

/** Each look costs up to 1 ms; between two of them, twenty children could take 60 MB each. */
const LOOK_EVERY_MS = 25;
/** A file costs about 1 KB of kernel memory that is charged to nobody here. */
const MOST_FILES = 16_384;

/** Holds a box to totals where no cgroup does: adds up its processes again and again. */
export class TreeWatch implements Disposable {
  readonly #timer: NodeJS.Timeout;
  /** CPU time before the run, of an interpreter that was started ahead. */
  readonly #cpuBefore: number;
  /** As far as they were seen; null when the program ended before the first look. */
  cpuMs: number | null = null;
  memoryPeakMb: number | null = null;

  constructor(box: Box, limits: RunLimits, kill: (reason: KillReason) => void) {
    const init = box.initPid;
    this.#cpuBefore = sampleTree(init).cpuMs;
    this.#timer = setInterval(() => {
      const { memoryMb, cpuMs } = sampleTree(init);
      this.cpuMs = Math.max(this.cpuMs ?? 0, cpuMs - this.#cpuBefore);
      this.memoryPeakMb = Math.max(this.memoryPeakMb ?? 0, memoryMb);
      if (memoryMb > limits.memory_mb) kill('memory_limit');
      else if (this.cpuMs > limits.cpu_ms) kill('cpu_limit');
      else if (countFiles(init) > MOST_FILES) kill('disk_limit');
    }, LOOK_EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
