import { Rounds } from '../../../platform/queue/rounds.ts';
import type { RecoveryOptions } from './recovery.ts';
import { settleLost } from './recovery.ts';

const EVERY_MS = 5_000;

/** Settles calls whose process is gone, every few seconds. */
export class LedgerJanitor implements AsyncDisposable {
  readonly #options: RecoveryOptions;
  readonly #rounds = new Rounds(EVERY_MS, () => this.#sweep());

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }

  async #sweep(): Promise<void> {
    try {
      await settleLost(this.#options);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'settling lost calls failed; trying again in a moment');
    }
  }
}
