import { Worker } from 'node:worker_threads';
import type { JsonObject } from '../model.ts';
import type { Program, Reply } from './model.ts';
import { patience } from './patience.ts';

/** A thread that ran one program too long, or into its bound on memory, is gone; the next question gets a new one. */
export type Ended = { reply: Reply } | { ended: 'too_slow' } | { ended: 'too_much'; cause: unknown };

const HEAP_MB = 128;
/** A thread that starts has libraries to load first. */
const START_MS = 10_000;

/** A thread that runs one program at a time, started when it is first needed. */
export class ProgramThread implements AsyncDisposable {
  #worker: Worker | null = null;
  #settle: ((ended: Ended) => void) | null = null;

  get isBusy(): boolean {
    return this.#settle !== null;
  }

  /** Asks one question. The thread must not be busy. */
  run(question: { program: Program; variables: JsonObject | null }, deadlineMs: number): Promise<Ended> {
    const isNew = this.#worker === null;
    const worker = this.#worker ?? this.#start();
    const asked = Promise.withResolvers<Ended>();
    const stop = patience(deadlineMs + (isNew ? START_MS : 0), () => this.#lose(worker, { ended: 'too_slow' }));
    this.#settle = (ended) => {
      stop();
      this.#settle = null;
      asked.resolve(ended);
    };
    worker.postMessage(question);
    return asked.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./program-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, stackSizeMb: 2 },
      env: {},
    });
    worker.on('message', (reply: Reply) => {
      if (worker === this.#worker) this.#settle?.({ reply });
    });
    worker.on('error', (cause) => this.#lose(worker, { ended: 'too_much', cause }));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #lose(worker: Worker, ended: Ended): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    void worker.terminate();
    this.#settle?.(ended);
  }
}
