import type { EngineName, IsolationLevel, IsolationReceipt, RunReason, RunSpec } from '@assay/contract/runner';

/** Bytes of the program as they come. `write` resolves when the sink can take more: the engine then reads on. */
export type OutputSink = {
  write(stream: 'stdout' | 'stderr', bytes: Buffer): void | Promise<void>;
};

/** What an engine did for one run. */
export type Outcome = {
  reason: RunReason;
  message: string;
  exitCode: number | null;
  signal: string | null;
  outputTruncated: boolean;
  runtimeMs: number;
  compileMs: number | null;
  cpuMs: number | null;
  memoryPeakMb: number | null;
  files: { path: string; content: Buffer }[];
  filesSkipped: { path: string; reason: string }[];
  receipt: IsolationReceipt;
};

/** An engine that passed its self-attack and can run programs. Safe to call `run` concurrently, up to the slots it was made for. */
export type Engine = AsyncDisposable & {
  readonly name: EngineName;
  readonly level: IsolationLevel;
  readonly version: string;
  readonly languages: readonly string[];
  readonly missing: readonly string[];
  /**
   * Runs one program to its end. Never rejects for what the program did; rejects only on a bug of ours.
   * Aborting `signal` kills the whole process tree and resolves with reason `cancelled`.
   */
  run(spec: RunSpec, sink: OutputSink, signal: AbortSignal): Promise<Outcome>;
};

/** Why an engine is not offered on this machine, and what the operator can do about it. */
export type EngineRefusal = { engine: EngineName; reason: string; fix: string };
