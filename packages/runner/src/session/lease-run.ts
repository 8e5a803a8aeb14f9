import type { Lease, RunResult } from '@assay/contract/runner';
import type { Engine, Outcome } from '../engine.ts';
import { OutputRelay } from './output-relay.ts';

export type LeaseRunOptions = {
  lease: Lease;
  engine: Engine;
  send(message: Buffer | RunResult): void;
  onFault(error: unknown): void;
};

/** One lease from its start until the plane has its result. */
export class LeaseRun {
  readonly leaseId: string;
  readonly fence: number;
  readonly #options: LeaseRunOptions;
  readonly #relay: OutputRelay;
  readonly #abort = new AbortController();
  #result: RunResult | null = null;

  constructor(options: LeaseRunOptions) {
    this.#options = options;
    this.leaseId = options.lease.lease_id;
    this.fence = options.lease.fence;
    this.#relay = new OutputRelay({ leaseId: this.leaseId, fence: this.fence, send: options.send });
  }

  /** Runs the program to its end and sends the result. */
  async start(): Promise<void> {
    const { lease, engine, send, onFault } = this.#options;
    let outcome: Outcome | null = null;
    try {
      outcome = await engine.run(lease.spec, this.#relay, this.#abort.signal);
    } catch (error) {
      onFault(error);
    }
    const { stdout, stderr } = this.#relay.close();
    this.#result = {
      type: 'result',
      lease_id: this.leaseId,
      fence: this.fence,
      stdout_tail: stdout.tail.toString('base64'),
      stderr_tail: stderr.tail.toString('base64'),
      stdout_bytes: stdout.bytes,
      stderr_bytes: stderr.bytes,
      ...(outcome === null ? FAULT : wireOutcome(outcome)),
    };
    send(this.#result);
  }

  /** Ends the run, whatever it does. */
  cancel(): void {
    this.#abort.abort();
    this.#relay.release();
  }

  acknowledge(received: { stdout: number; stderr: number }): void {
    this.#relay.acknowledge(received);
  }

  /** After a new connection: the output that may be lost, then the result if there is one. */
  resend(): void {
    this.#relay.resend();
    if (this.#result) this.#options.send(this.#result);
  }
}

/** A fault of the runner's own is no verdict on the program: the plane tries it again. */
const FAULT = {
  reason: 'setup_failed',
  message: 'The runner failed on its side.',
  exit_code: null,
  signal: null,
  output_truncated: false,
  runtime_ms: 0,
  compile_ms: null,
  cpu_ms: null,
  memory_peak_mb: null,
  files: [],
  files_skipped: [],
  receipt: null,
} as const satisfies Partial<RunResult>;

const wireOutcome = (outcome: Outcome) => ({
  reason: outcome.reason,
  message: outcome.message,
  exit_code: outcome.exitCode,
  signal: outcome.signal,
  output_truncated: outcome.outputTruncated,
  runtime_ms: outcome.runtimeMs,
  compile_ms: outcome.compileMs,
  cpu_ms: outcome.cpuMs,
  memory_peak_mb: outcome.memoryPeakMb,
  files: outcome.files.map(({ path, content }) => ({
    path,
    size: content.length,
    content: content.toString('base64'),
  })),
  files_skipped: outcome.filesSkipped,
  receipt: outcome.receipt,
});
