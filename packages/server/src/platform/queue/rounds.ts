/** Makes a round every so often, one at a time: one that takes longer than the interval is not joined by another. */
export class Rounds implements AsyncDisposable {
  readonly #everyMs: number;
  readonly #round: () => Promise<void>;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;

  /** @param round tells of its own failures: it must not throw */
  constructor(everyMs: number, round: () => Promise<void>) {
    this.#everyMs = everyMs;
    this.#round = round;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running ??= this.#round().finally(() => {
        this.#running = null;
      });
    }, this.#everyMs);
  }

  /** Waits for the round that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#running;
  }
}
