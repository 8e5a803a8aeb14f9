import { eventErrors } from './errors.ts';
import type { Position, StreamedEvent } from './model.ts';

export type Delivered = { event: StreamedEvent; position: Position };

/** Events a consumer may lag behind in memory. One that is slower is cut off, and resumes from the database. */
const BACKLOG = 5_000;

/** Holds what was delivered until the stream takes it; bounded. */
export class LiveQueue {
  #items: Delivered[] = [];
  #overflowed = false;
  #ticked = false;
  #notify: () => void = () => {};

  push(delivered: Delivered): void {
    // Once something was left out, nothing behind it may be delivered: the stream ends there and resumes there.
    this.#overflowed ||= this.#items.length >= BACKLOG;
    if (!this.#overflowed) this.#items.push(delivered);
    this.#notify();
  }

  /** Has the stream tell where it stands, if it has nothing else to tell. */
  tick(): void {
    this.#ticked = true;
    this.#notify();
  }

  /** What was delivered since it was last asked; nothing at all after a tick without events. */
  async *drain(signal: AbortSignal): AsyncGenerator<readonly Delivered[]> {
    const wakeOnAbort = (): void => this.#notify();
    signal.addEventListener('abort', wakeOnAbort);
    try {
      while (!signal.aborted) {
        const taken = this.#items;
        const ticked = this.#ticked;
        this.#items = [];
        this.#ticked = false;
        if (taken.length > 0 || (ticked && !this.#overflowed)) yield taken;
        if (this.#items.length > 0 || this.#ticked) continue;
        if (this.#overflowed)
          throw eventErrors.slow_consumer(
            'The stream was read too slowly and is cut. Resume after the last id you saw.',
          );
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          this.#notify = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', wakeOnAbort);
    }
  }
}
