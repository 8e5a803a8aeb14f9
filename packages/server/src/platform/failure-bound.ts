import { callerOf } from '../kernel/network-address.ts';
import type { RateLimiter, RatePolicy, Taken } from './rate-limiter.ts';

/**
 * Counts, in this process, what an address failed at. The bound is coarse and high: it is there so that trying
 * credentials is no way to keep the database busy, not to tell who is guessing.
 */
export class FailureBound {
  readonly #limiter: RateLimiter;
  readonly #policy: RatePolicy;
  readonly #now: () => number;

  /** @param limiter one that answers at once: of this process alone */
  constructor(limiter: RateLimiter, policy: RatePolicy, now: () => number = Date.now) {
    this.#limiter = limiter;
    this.#policy = policy;
    this.#now = now;
  }

  /** How long the address is held back, milliseconds; 0 while it is not. */
  heldBackMs(address: string | null): number {
    const { remaining, resetAt } = this.#limiter.peek([this.#claimOf(address)]);
    return remaining > 0 ? 0 : Math.max(1, resetAt - this.#now());
  }

  failed(address: string | null): void {
    void (this.#limiter.take([this.#claimOf(address)]) satisfies Taken | Promise<Taken>);
  }

  #claimOf(address: string | null) {
    return { policy: this.#policy, caller: address === null ? 'unknown' : callerOf(address) };
  }
}
