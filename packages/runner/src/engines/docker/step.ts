import { setTimeout as delay } from 'node:timers/promises';
import { demultiplex } from '../../output/multiplexed-stream.ts';
import { OutputMeter } from '../../output/output-meter.ts';
import type { KillReason } from '../../verdict/verdict.ts';
import { judge } from '../../verdict/verdict.ts';
import type { Stage, StageResult } from '../staged-run.ts';
import type { Container, ContainerProcess } from './container.ts';
import type { Reading } from './keeper.ts';

/** How a stage ended, its files apart. */
export type StepEnd = Omit<StageResult, 'files' | 'skipped'>;

const STDERR = 2;
/** How often a running step's CPU time is read, and its end looked for. */
const PULSE_MS = 200;
const LAST_READING_MS = 500;
/** For output that is still on its way when the program has ended, or was killed. */
const DRAIN_MS = 200;
/** A cancelled run does not wait longer for a reader that may have stopped reading. */
const CANCEL_GRACE_MS = 500;

/** Runs one program in a container to its end, and watches over it. */
export async function runStep(container: Container, stage: Stage, signal: AbortSignal): Promise<StepEnd> {
  const before = await container.read(LAST_READING_MS);
  const startedAt = performance.now();
  const step = new Step(container, stage, await container.execute(stage.argv, stage.env), before);
  await step.follow(signal);
  return step.end(performance.now() - startedAt);
}

class Step {
  readonly #container: Container;
  readonly #stage: Stage;
  readonly #process: ContainerProcess;
  readonly #before: Reading | undefined;
  #last: Reading | undefined;
  #roughBefore: number | null = null;
  #halted: KillReason | null = null;

  constructor(container: Container, stage: Stage, process: ContainerProcess, before: Reading | undefined) {
    this.#container = container;
    this.#stage = stage;
    this.#process = process;
    this.#before = before;
  }

  /** Passes output on until there is no more, and stops the program when it goes past a limit. */
  async follow(signal: AbortSignal): Promise<void> {
    const wall = setTimeout(() => void this.#halt('timeout'), this.#stage.limits.wall_ms);
    const pulse = setInterval(() => void this.#beat(), PULSE_MS);
    const cancelled = Promise.withResolvers<void>();
    const cancel = async (): Promise<void> => {
      await Promise.race([this.#halt('cancelled'), delay(CANCEL_GRACE_MS, undefined, { ref: false })]);
      cancelled.resolve();
    };
    const onAbort = (): void => void cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      this.#process.connection.end(this.#stage.stdin);
      await Promise.race([this.#pump(), cancelled.promise]);
    } finally {
      clearTimeout(wall);
      clearInterval(pulse);
      signal.removeEventListener('abort', onAbort);
      this.#process.connection.destroy();
    }
  }

  async end(runtimeMs: number): Promise<StepEnd> {
    const exitCode = this.#halted === null ? await this.#exitCode() : null;
    const reading = this.#halted === null ? await this.#container.read(LAST_READING_MS) : this.#last;
    const end = this.#halted === null && !reading ? await this.#container.ownEnd() : 'running';
    const verdict = judge({
      killed: this.#halted,
      exitCode: end === 'running' ? exitCode : null,
      memoryKills: end === 'out_of_memory' ? 1 : (difference(reading?.memoryKills, this.#before?.memoryKills) ?? 0),
      refusedForks: difference(reading?.refusedForks, this.#before?.refusedForks) ?? 0,
      diskFull: false,
      limits: this.#stage.limits,
    });
    return {
      ...verdict,
      truncated: this.#halted === 'output_limit',
      runtimeMs,
      cpuMs: difference(reading?.cpuMs, this.#before?.cpuMs),
      memoryPeakMb: reading?.memoryPeakMb ?? null,
    };
  }

  async #pump(): Promise<void> {
    let overflow: Promise<void> | undefined;
    const onOverflow = (): void => {
      overflow = this.#halt('output_limit');
    };
    const meter = new OutputMeter({ limit: this.#stage.limits.output_bytes, sink: this.#stage.sink, onOverflow });
    try {
      for await (const { channel, bytes } of demultiplex(this.#process.connection)) {
        await meter.take(channel === STDERR ? 'stderr' : 'stdout', bytes);
        if (meter.truncated || meter.failure) break;
      }
    } catch (error) {
      if (!this.#process.connection.destroyed) throw error;
    }
    await overflow;
    if (meter.failure) throw meter.failure;
  }

  async #halt(reason: KillReason): Promise<void> {
    if (this.#halted !== null) return;
    this.#halted = reason;
    this.#last = (await this.#container.read(DRAIN_MS)) ?? this.#last;
    await this.#container.kill();
    await delay(DRAIN_MS, undefined, { ref: false });
    this.#process.connection.destroy();
  }

  async #beat(): Promise<void> {
    this.#last = (await this.#container.read(PULSE_MS)) ?? this.#last;
    const excess = this.#excess();
    if (excess !== null) await this.#halt(excess);
    // What the program left running may hold its output open for ever.
    if ((await this.#process.exitCode()) !== 'running') {
      await delay(DRAIN_MS, undefined, { ref: false });
      this.#process.connection.destroy();
    }
  }

  #excess(): KillReason | null {
    const rough = this.#container.roughCpuMs();
    this.#roughBefore ??= rough;
    const cpuMs = difference(this.#last?.cpuMs, this.#before?.cpuMs) ?? difference(rough, this.#roughBefore);
    if (cpuMs !== null && cpuMs > this.#stage.limits.cpu_ms) return 'cpu_limit';
    return (this.#last?.tasks ?? 0) > this.#stage.limits.processes ? 'process_limit' : null;
  }

  /** The connection ends a moment before the container engine has noted the code. */
  async #exitCode(): Promise<number | null> {
    for (let tries = 0; tries < 50; tries += 1) {
      const code = await this.#process.exitCode();
      if (code !== 'running') return code;
      await delay(10);
    }
    return null;
  }
}

function difference(after: number | null | undefined, before: number | null | undefined): number | null {
  return typeof after === 'number' ? after - (before ?? 0) : null;
}
