import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { OutputSink } from '../../engine.ts';
import type { Program, ProgramEnd, WorkerMessage, WorkerSetup } from './worker-messages.ts';
import { CONTROL } from './worker-messages.ts';

/** Native frames of the interpreter live here: with Node's 4 MB they would overflow before its own guard refuses. */
const THREAD_STACK_MB = 16;
/** A program asked to stop unwinds within microseconds; one inside a long built-in does not, and its thread is ended. */
const STOP_GRACE_MS = 100;
/** How often the thread's CPU time is read from outside, for a program whose built-in never reaches an interrupt. */
const WATCH_MS = 100;

/** An ended interpreter's memory waits for a garbage collection; more than this is given back with its thread. */
const REUSABLE_MB = 8;

type StopReason = 'timeout' | 'cancelled' | 'cpu_limit';

/** How a run ended. The figures are null when the thread had to be ended from outside. */
export type InterpreterEnd = {
  reason: Exclude<ProgramEnd['reason'], 'stopped'> | StopReason;
  exitCode: number;
  cpuMs: number | null;
  memoryPeakMb: number | null;
};

/**
 * A thread that runs one program after another, each in an interpreter of its own. The boundary is the interpreter,
 * which no two programs share; a thread adds nothing to it, but takes ten times longer to make.
 */
export class InterpreterThread {
  readonly #worker: Worker;
  readonly #control: Int32Array;
  readonly #ready: Promise<unknown>;
  readonly #exited: Promise<unknown>;
  #reusable = true;
  #stopped: StopReason | undefined;
  #threadFailure: unknown;

  constructor(quickjs: WebAssembly.Module, prelude: Record<string, string>) {
    const control = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#control = new Int32Array(control);
    this.#worker = new Worker(new URL('./interpreter-worker.ts', import.meta.url), {
      workerData: { quickjs, prelude, control } satisfies WorkerSetup,
      env: {},
      argv: [],
      execArgv: [],
      stdout: true,
      stderr: true,
      // No limit on the heap: the interpreter's memory counts towards it, and V8 would collect garbage all the time.
      resourceLimits: { stackSizeMb: THREAD_STACK_MB },
    });
    this.#worker.on('error', (error) => {
      this.#threadFailure = error;
    });
    this.#exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#ready = Promise.race([once(this.#worker, 'message'), this.#exited]);
    this.#worker.unref();
  }

  /** False once a program had to be stopped or grew large: its memory is only sure to be gone with the thread. */
  get reusable(): boolean {
    return this.#reusable;
  }

  /**
   * Runs the program and resolves when it has ended and its output was taken. Rejects only when the sink does, or when
   * the thread fails for a reason of ours.
   */
  async run(
    program: Program,
    sink: OutputSink,
    bounds: { wallMs: number; signal: AbortSignal },
  ): Promise<InterpreterEnd> {
    this.#worker.ref();
    await this.#ready;
    this.#control.fill(0);
    const cancel = (): void => this.#stop('cancelled');
    bounds.signal.addEventListener('abort', cancel, { once: true });
    const wall = setTimeout(() => this.#stop('timeout'), bounds.wallMs);
    const cpuStart = await this.#threadCpuMs();
    const watch = setInterval(() => void this.#watchCpu(cpuStart + program.cpuMs), WATCH_MS);
    try {
      if (bounds.signal.aborted) cancel();
      return this.#endOf(await this.#converse(program, sink, bounds.signal));
    } finally {
      this.#worker.unref();
      clearInterval(watch);
      clearTimeout(wall);
      bounds.signal.removeEventListener('abort', cancel);
    }
  }

  /** Ends the thread, and the program if there is one. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async #converse(program: Program, sink: OutputSink, signal: AbortSignal): Promise<ProgramEnd | undefined> {
    let delivered = Promise.resolve();
    const { promise: ended, resolve, reject } = Promise.withResolvers<ProgramEnd | undefined>();
    const listen = (message: WorkerMessage): void => {
      if (message.type === 'end') resolve(message.end);
      if (message.type !== 'output') return;
      delivered = delivered.then(() => this.#deliver(message, sink));
      delivered.catch(reject);
    };
    void this.#exited.then(() => resolve(undefined));
    this.#worker.on('message', listen);
    this.#worker.postMessage(program);
    try {
      const end = await ended;
      await Promise.race([delivered, aborted(signal)]);
      this.#reusable = end?.reason === 'exit' && end.memoryPeakMb <= REUSABLE_MB && !this.#stopped;
      return end;
    } catch (error) {
      this.#reusable = false;
      throw error;
    } finally {
      this.#worker.off('message', listen);
    }
  }

  async #deliver(output: Extract<WorkerMessage, { type: 'output' }>, sink: OutputSink): Promise<void> {
    await sink.write(output.stream, Buffer.from(output.bytes.buffer));
    Atomics.add(this.#control, CONTROL.taken, output.bytes.length);
    Atomics.notify(this.#control, CONTROL.taken);
  }

  #endOf(end: ProgramEnd | undefined): InterpreterEnd {
    const figures = {
      exitCode: end?.exitCode ?? 0,
      cpuMs: end?.cpuMs ?? null,
      memoryPeakMb: end?.memoryPeakMb ?? null,
    };
    if (end && end.reason !== 'stopped') return { ...figures, reason: end.reason };
    if (this.#stopped) return { ...figures, reason: this.#stopped };
    if (isOutOfMemory(this.#threadFailure)) return { ...figures, reason: 'memory_limit' };
    throw new Error('The thread of an interpreter ended by itself.', { cause: this.#threadFailure });
  }

  #stop(reason: StopReason): void {
    this.#stopped ??= reason;
    Atomics.store(this.#control, CONTROL.stop, 1);
    Atomics.notify(this.#control, CONTROL.stop);
    Atomics.notify(this.#control, CONTROL.taken);
    setTimeout(() => void this.terminate(), STOP_GRACE_MS).unref();
  }

  async #watchCpu(limit: number): Promise<void> {
    if ((await this.#threadCpuMs()) > limit) this.#stop('cpu_limit');
  }

  /** Zero once the thread is gone. */
  async #threadCpuMs(): Promise<number> {
    try {
      const { user, system } = await this.#worker.cpuUsage();
      return (user + system) / 1000;
    } catch {
      return 0;
    }
  }
}

/** Who cancels a run does not wait for a reader that may have stopped reading. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  await delay(STOP_GRACE_MS, undefined, { ref: false });
}

function isOutOfMemory(failure: unknown): boolean {
  return failure instanceof Error && 'code' in failure && failure.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
