import { setTimeout as delay } from 'node:timers/promises';
import type { Berth } from './berth.ts';

const RETRY_AFTER_MS = 1000;

/** Hands out berths, one box at a time to each, and makes them ready again when they come back. */
export class Berths {
  readonly #all: readonly Berth[];
  readonly #free: Berth[];
  readonly #waiting: ((berth: Berth) => void)[] = [];
  readonly #onFree: () => void;
  readonly #onTrouble: (error: unknown) => void;
  readonly #renewing = new Set<Promise<void>>();
  #closed = false;

  /** `onFree` is told when a berth is there that nobody waited for; `onTrouble`, when one could not be made ready. */
  constructor(berths: readonly Berth[], onFree: () => void, onTrouble: (error: unknown) => void) {
    this.#all = berths;
    this.#free = [...berths];
    this.#onFree = onFree;
    this.#onTrouble = onTrouble;
  }

  /** A berth if one is free. */
  poll(): Berth | undefined {
    return this.#free.shift();
  }

  /** A berth, as soon as one is free. */
  async acquire(): Promise<Berth> {
    return this.poll() ?? new Promise<Berth>((resolve) => this.#waiting.push(resolve));
  }

  /** Takes a berth back, whatever state its box is in. */
  release(berth: Berth): void {
    const renewal = this.#renew(berth);
    this.#renewing.add(renewal);
    void renewal.then(() => this.#renewing.delete(renewal));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#renewing);
    await Promise.all(this.#all.map((berth) => berth.close()));
  }

  /** A process that hangs in the kernel keeps its berth from being used again, and no longer than that. */
  async #renew(berth: Berth): Promise<void> {
    while (!this.#closed) {
      try {
        await berth.renew();
        return this.#offer(berth);
      } catch (error) {
        this.#onTrouble(error);
        await delay(RETRY_AFTER_MS, undefined, { ref: false });
      }
    }
  }

  #offer(berth: Berth): void {
    const next = this.#waiting.shift();
    if (next) {
      next(berth);
      return;
    }
    this.#free.push(berth);
    this.#onFree();
  }
}
