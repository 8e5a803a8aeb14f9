import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SubmitAnswer } from '@assay/contract';
import type { Client } from './client.ts';
import { until } from './until.ts';

/** A submission that was accepted, and what its program will print. */
export type Accepted = { id: string; prints: string };

/** Callers may not be answered for as long as a crashed server takes to come back. */
const PATIENCE_MS = 60_000;

/**
 * Callers that submit one program after the other, as clients do who want each of them to run once: a request that was
 * not answered is sent again under the same idempotency key, until it is.
 */
export class Load {
  readonly #client: Client;
  readonly #program: (prints: string) => string;
  readonly #callers: Promise<void>[];
  #isOver = false;
  #isAbandoned = false;
  readonly accepted: Accepted[] = [];

  constructor(client: Client, options: { callers: number; pauseMs: number; program(prints: string): string }) {
    this.#client = client;
    this.#program = options.program;
    this.#callers = Array.from({ length: options.callers }, () => this.#call(options.pauseMs));
  }

  /** Ends the load once every submission that was begun has been answered. */
  async end(): Promise<readonly Accepted[]> {
    this.#isOver = true;
    await Promise.all(this.#callers);
    return this.accepted;
  }

  /** Ends the load at once, whatever becomes of what was begun. */
  abandon(): void {
    this.#isOver = true;
    this.#isAbandoned = true;
  }

  async #call(pauseMs: number): Promise<void> {
    while (!this.#isOver) {
      const accepted = await this.#submit();
      if (accepted) this.accepted.push(accepted);
      await delay(pauseMs);
    }
  }

  async #submit(): Promise<Accepted | null> {
    const prints = randomUUID();
    const headers = { 'idempotency-key': prints };
    const answer = await until(
      'a submission is answered',
      async () => {
        if (this.#isAbandoned) return 'abandoned';
        const { status, body, text } = await this.#client.post('/api/eval', { code: this.#program(prints) }, headers);
        if (status === 200) return body;
        if (status === 409 || status === 503) return null;
        throw new Error(`A submission was answered with ${status}: ${text}`);
      },
      PATIENCE_MS,
    );
    if (answer === 'abandoned') return null;
    return { id: SubmitAnswer.parse(answer).eval_id, prints };
  }
}
