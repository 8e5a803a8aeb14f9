import { closeSync, statfsSync } from 'node:fs';
import type { RunLimits } from '@assay/contract/runner';
import type { GroupUsage } from '../../cgroup/control-group.ts';
import type { OutputSink } from '../../engine.ts';
import type { Collected } from '../../files/collector.ts';
import { collectFiles } from '../../files/collector.ts';
import { OutputMeter } from '../../output/output-meter.ts';
import type { KillReason, Verdict } from '../../verdict/verdict.ts';
import { judge } from '../../verdict/verdict.ts';
import { Watchdog } from '../../verdict/watchdog.ts';
import type { Berth } from './berth.ts';
import type { Box } from './box.ts';
import type { Parcel } from './parcel.ts';
import { encodeParcel } from './parcel.ts';
import { TreeWatch } from './tree-watch.ts';

/** One program to run in one box. */
export type Step = {
  parcel: Parcel;
  stdin: string;
  limits: RunLimits;
  /** Globs of the files to bring back. */
  outputs: readonly string[];
  sink: OutputSink;
};

export type StepResult = Verdict &
  Collected & { truncated: boolean; runtimeMs: number; cpuMs: number | null; memoryPeakMb: number | null };

/** The result of a step that was not begun. */
export function notRun(reason: 'setup_failed' | 'cancelled', message: string): StepResult {
  return {
    reason,
    message,
    exitCode: null,
    signal: null,
    truncated: false,
    runtimeMs: 0,
    cpuMs: null,
    memoryPeakMb: null,
    files: [],
    skipped: [],
  };
}

/** Runs a step in a box that is ready, to the end of both. Rejects only on a bug of ours or of the sink's. */
export async function runStep(berth: Berth, box: Box, step: Step, signal: AbortSignal): Promise<StepResult> {
  const run = new StepRun(berth, box, step);
  const cancel = () => run.kill('cancelled');
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    return await run.finish();
  } finally {
    signal.removeEventListener('abort', cancel);
    run.close();
  }
}

class StepRun {
  readonly #berth: Berth;
  readonly #box: Box;
  readonly #step: Step;
  readonly #meter: OutputMeter;
  readonly #work: number;
  #killed: KillReason | null = null;

  constructor(berth: Berth, box: Box, step: Step) {
    this.#berth = berth;
    this.#box = box;
    this.#step = step;
    this.#work = box.openWork();
    this.#meter = new OutputMeter({
      limit: step.limits.output_bytes,
      sink: step.sink,
      onOverflow: () => this.kill('output_limit'),
    });
  }

  /** The first reason stands; what follows from the kill is not news. */
  kill(reason: KillReason): void {
    this.#killed ??= reason;
    this.#box.kill();
  }

  close(): void {
    closeSync(this.#work);
  }

  async finish(): Promise<StepResult> {
    if (!this.#berth.hold(this.#step.limits)) this.kill('memory_limit');
    const cpuAtStart = this.#berth.group?.cpuMs() ?? 0;
    const tree = this.#berth.group ? null : new TreeWatch(this.#box, this.#step.limits, (reason) => this.kill(reason));
    const startedAt = performance.now();
    const exitCode = await this.#untilEnd(cpuAtStart);
    const runtimeMs = performance.now() - startedAt;
    tree?.[Symbol.dispose]();
    if (this.#meter.failure !== undefined) throw this.#meter.failure;
    const usage = this.#berth.group?.usage() ?? null;
    const verdict = judge({
      killed: this.#killed,
      exitCode,
      memoryKills: usage?.memoryKills ?? 0,
      refusedForks: usage?.refusedForks ?? 0,
      diskFull: isFull(this.#work),
      limits: this.#step.limits,
    });
    return {
      ...verdict,
      ...(await collectFiles(this.#work, this.#step.outputs)),
      truncated: this.#meter.truncated,
      runtimeMs,
      ...measured(usage, cpuAtStart, tree),
    };
  }

  async #untilEnd(cpuAtStart: number): Promise<number | null> {
    const { group } = this.#berth;
    const { limits, parcel, stdin } = this.#step;
    using _ = new Watchdog({
      limits,
      cpuMs: group ? () => group.cpuMs() - cpuAtStart : null,
      kill: (reason) => this.kill(reason),
    });
    if (this.#killed === null) {
      this.#box.handOver(encodeParcel(parcel), stdin, (stream, bytes) => this.#meter.take(stream, bytes));
    }
    return await this.#box.ended;
  }
}

function measured(
  usage: GroupUsage | null,
  cpuAtStart: number,
  tree: TreeWatch | null,
): Pick<StepResult, 'cpuMs' | 'memoryPeakMb'> {
  if (usage) return { cpuMs: usage.cpuMs - cpuAtStart, memoryPeakMb: usage.memoryPeakMb };
  return { cpuMs: tree?.cpuMs ?? null, memoryPeakMb: tree?.memoryPeakMb ?? null };
}

/** Whether the working directory has no room left for data or for names. */
function isFull(work: number): boolean {
  const { bavail, ffree } = statfsSync(`/proc/self/fd/${work}`);
  return bavail === 0 || ffree === 0;
}
