import type { Log } from '../log.ts';

export type ClaimLoopOptions<Item> = {
  name: string;
  /** How many more items can be taken right now. */
  capacity(): number;
  /**
   * Takes up to `max` items under a lease, in one statement (`for update skip locked`): what it returns is this
   * process's until the lease ends.
   */
  claim(max: number): Promise<Item[]>;
  /** Starts an item. Must not wait for its end. */
  start(item: Item): void;
  /** The backstop for a lost signal, milliseconds. */
  pollMs: number;
  log: Log;
};

/**
 * Pulls work from a table as fast as there is room for it: on a signal, when room appears, and on a slow poll. One
 * claim is under way at a time, so signals that arrive meanwhile fold into the next.
 */
export class ClaimLoop<Item> implements AsyncDisposable {
  readonly #options: ClaimLoopOptions<Item>;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(options: ClaimLoopOptions<Item>) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), this.#options.pollMs);
    this.wake();
  }

  /** There may be work, or room for it. */
  wake(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#drain().finally(() => {
      this.#running = null;
      // A signal that came between the end of the drain and here found it still running.
      if (this.#again) this.wake();
    });
  }

  /** Stops claiming and waits for the claim that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearInterval(this.#timer);
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      const room = this.#options.capacity();
      if (room <= 0) return;
      try {
        const items = await this.#options.claim(room);
        for (const item of items) this.#start(item);
        // A full batch says that more may be waiting.
        if (items.length === room) this.#again = true;
      } catch (error) {
        this.#options.log.warn(
          { err: error, queue: this.#options.name },
          'claiming work failed; trying again at the next poll',
        );
        this.#again = false;
        return;
      }
    }
  }

  /** One item that cannot be started must not keep the rest of its batch from it: they are ours until the lease ends. */
  #start(item: Item): void {
    try {
      this.#options.start(item);
    } catch (error) {
      this.#options.log.error({ err: error, queue: this.#options.name }, 'claimed work could not be started');
    }
  }
}
