import type { RecoveryOptions } from './recovery.ts';
import { settleLost } from './recovery.ts';

const EVERY_MS = 5_000;

/** Settles calls whose process is gone, every few seconds. */
export class LedgerJanitor implements AsyncDisposable {
  readonly #options: RecoveryOptions;
  #timer: NodeJS.Timeout | null = null;
  #sweeping: Promise<void> | null = null;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#sweeping ??= this.#sweep().finally(() => {
        this.#sweeping = null;
      });
    }, EVERY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    try {
      await settleLost(this.#options);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'settling lost calls failed; trying again in a moment');
    }
  }
}
