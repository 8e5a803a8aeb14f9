import type { Log } from '../log.ts';

export type LeaseKeeperOptions<Lease> = {
  /** Extends the leases in the database and says which it no longer had (expired, taken over, ended). */
  renew(leases: readonly Lease[]): Promise<readonly Lease[]>;
  /** A lease was lost: stop what runs under it. */
  onLost(lease: Lease): void;
  /** Leases are renewed three times within this, milliseconds. */
  leaseMs: number;
  log: Log;
};

/** Keeps the leases of this process alive while the work under them goes on. */
export class LeaseKeeper<Lease> implements Disposable {
  readonly #options: LeaseKeeperOptions<Lease>;
  readonly #held = new Map<string, Lease>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  constructor(options: LeaseKeeperOptions<Lease>) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), options.leaseMs / 3);
  }

  get size(): number {
    return this.#held.size;
  }

  hold(id: string, lease: Lease): void {
    this.#held.set(id, lease);
  }

  get(id: string): Lease | undefined {
    return this.#held.get(id);
  }

  release(id: string): void {
    this.#held.delete(id);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #renew(): Promise<void> {
    if (this.#renewing || this.#held.size === 0) return;
    this.#renewing = true;
    try {
      const lost = await this.#options.renew([...this.#held.values()]);
      // What was released meanwhile has ended in order.
      const held = new Set(this.#held.values());
      for (const lease of lost) if (held.has(lease)) this.#options.onLost(lease);
    } catch (error) {
      // The database is away. Runs go on until the lease would have ended; the runner stops them by itself then.
      this.#options.log.warn({ err: error }, 'renewing leases failed');
    } finally {
      this.#renewing = false;
    }
  }
}
