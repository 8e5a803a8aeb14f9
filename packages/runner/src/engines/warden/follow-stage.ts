import type { Readable } from 'node:stream';
import type { RunLimits } from '@assay/contract/runner';
import type { Collected } from '../../files/collector.ts';
import type { ChannelPiece } from '../../output/multiplexed-stream.ts';
import { demultiplex } from '../../output/multiplexed-stream.ts';
import { OutputMeter } from '../../output/output-meter.ts';
import type { KillReason } from '../../verdict/verdict.ts';
import { judge } from '../../verdict/verdict.ts';
import type { Stage, StageResult } from '../staged-run.ts';
import { notRun } from '../staged-run.ts';

/** What a stage has used and been refused, as far as its engine can tell. */
export type Usage = {
  cpuMs: number | null;
  memoryPeakMb: number | null;
  memoryKills: number;
  refusedForks: number;
  diskFull: boolean;
};

/** Something that has a warden in it, which was told what to run. */
export type WardedSandbox = {
  /** What the warden says. */
  readonly output: Readable;
  /** What anyone else in it printed. */
  readonly diagnostics: string;
  /** Kills all of it. What the warden has said can still be read. */
  kill(): void;
  /** The program has just started, as this process of the warden's: watches it until disposed. */
  watch(program: number, limits: RunLimits, kill: (reason: KillReason) => void): Disposable;
  /** What the program used, once it has ended; `programCpuMs` is what the warden saw of it, in steps of 10 ms. */
  usage(programCpuMs: number | null): Usage;
  /** Brings back the files that match; `archive` is what the warden packed, if it was told to. */
  collect(patterns: readonly string[], archive: AsyncIterable<Buffer>): Promise<Collected>;
};

/** The warden, a Perl program. */
export const WARDEN_SOURCE = new URL('./warden.pl', import.meta.url);

/** Channels of the warden, see warden.pl. */
const CHANNEL = { stdout: 1, stderr: 2, report: 3, archive: 4 } as const;
const START_WITHIN_MS = 30_000;

/** Follows the program in a sandbox from its start to its end. Kills it at its limits, or when the signal comes. */
export async function followStage(sandbox: WardedSandbox, stage: Stage, signal: AbortSignal): Promise<StageResult> {
  const run = new Following(sandbox, stage);
  const cancel = (): void => run.kill('cancelled');
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    return await run.finish();
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

class Following {
  readonly #sandbox: WardedSandbox;
  readonly #stage: Stage;
  readonly #frames: AsyncGenerator<ChannelPiece>;
  readonly #meter: OutputMeter;
  #killed: KillReason | null = null;
  #exitCode: number | null = null;
  #failure = '';
  #program = 0;
  #programCpuMs: number | null = null;
  #runtimeMs = 0;

  constructor(sandbox: WardedSandbox, stage: Stage) {
    this.#sandbox = sandbox;
    this.#stage = stage;
    this.#frames = demultiplex(sandbox.output);
    this.#meter = new OutputMeter({
      limit: stage.limits.output_bytes,
      sink: stage.sink,
      onOverflow: () => this.kill('output_limit'),
    });
  }

  /** The first reason stands; what follows from the kill is not news. */
  kill(reason: KillReason): void {
    this.#killed ??= reason;
    this.#sandbox.kill();
  }

  async finish(): Promise<StageResult> {
    const late = setTimeout(() => this.kill('setup_failed'), START_WITHIN_MS);
    const started = await this.#until((report) => {
      const program = /^started (\d+)$/.exec(report)?.[1];
      if (program !== undefined) this.#program = Number.parseInt(program, 10);
      return program !== undefined;
    });
    clearTimeout(late);
    if (started) await this.#followProgram();
    if (this.#meter.failure !== undefined) throw this.#meter.failure;
    const { cpuMs, memoryPeakMb, ...usage } = this.#sandbox.usage(this.#programCpuMs);
    const lost = this.#exitCode === null && this.#killed === null;
    if (lost && usage.refusedForks > 0) this.#killed = 'process_limit';
    else if (lost && usage.memoryKills === 0) return this.#fault();
    return {
      ...judge({ ...usage, killed: this.#killed, exitCode: this.#exitCode, limits: this.#stage.limits }),
      ...(await this.#collect()),
      truncated: this.#meter.truncated,
      runtimeMs: this.#runtimeMs,
      cpuMs,
      memoryPeakMb,
    };
  }

  async #followProgram(): Promise<void> {
    const startedAt = performance.now();
    using _ = this.#sandbox.watch(this.#program, this.#stage.limits, (reason) => this.kill(reason));
    await this.#until((report) => {
      if (report === 'crowded') this.#killed ??= 'process_limit';
      const [, code, cpuMs] = /^exit (\d+) (\d+)$/.exec(report) ?? [];
      if (code === undefined || cpuMs === undefined) return false;
      this.#exitCode = Number.parseInt(code, 10);
      this.#programCpuMs = Number.parseInt(cpuMs, 10);
      return true;
    });
    this.#runtimeMs = performance.now() - startedAt;
  }

  /** Passes output on up to the report that is looked for. False when the sandbox ended before it. */
  async #until(isIt: (report: string) => boolean): Promise<boolean> {
    while (this.#meter.failure === undefined) {
      const next = await this.#next();
      if (next === undefined) return false;
      const report = await this.#take(next);
      if (report !== undefined && isIt(report)) return true;
    }
    return false;
  }

  /** Passes output on; answers what was reported instead. */
  async #take({ channel, bytes }: ChannelPiece): Promise<string | undefined> {
    if (channel === CHANNEL.stdout) await this.#meter.take('stdout', bytes);
    if (channel === CHANNEL.stderr) await this.#meter.take('stderr', bytes);
    if (channel !== CHANNEL.report) return undefined;
    const report = bytes.toString().trim();
    if (report.startsWith('failed ')) this.#failure = report.slice('failed '.length);
    return report;
  }

  /** A sandbox that was killed may end in the middle of a frame. */
  async #next(): Promise<ChannelPiece | undefined> {
    try {
      const next = await this.#frames.next();
      return next.done ? undefined : next.value;
    } catch {
      return undefined;
    }
  }

  async #collect(): Promise<Collected> {
    const { outputs } = this.#stage;
    if (outputs.length === 0) return { files: [], skipped: [] };
    try {
      return await this.#sandbox.collect(outputs, this.#archive());
    } catch (error) {
      const reason = `the files could not be read: ${error instanceof Error ? error.message : error}`;
      return { files: [], skipped: outputs.map((path) => ({ path, reason })) };
    }
  }

  async *#archive(): AsyncGenerator<Buffer> {
    for (;;) {
      const next = await this.#next();
      if (next === undefined || next.channel === CHANNEL.report) return;
      yield next.bytes;
    }
  }

  #fault(): StageResult {
    const said = this.#failure || this.#sandbox.diagnostics || 'it ended without a word';
    return notRun('setup_failed', `The sandbox failed: ${said}.`);
  }
}
