import type { RateState } from './operation.ts';

/** `limit` requests in each window of `windowMs`. */
export type RatePolicy = { name: string; limit: number; windowMs: number };

type Window = { used: number; resetAt: number };

/** Below this many callers at once, windows that are over are not worth looking for. */
const SWEEP_ABOVE = 10_000;

/**
 * Fixed windows per caller, in this process's memory: a caller starts a window with its first request, so nobody
 * shares a reset moment with everybody else. The table is bounded by twice the live callers.
 */
export class RateLimiter {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;
  #sweepAbove = SWEEP_ABOVE;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Takes one; `allowed` is false when nothing was left. `caller` must not contain NUL. */
  take(policy: RatePolicy, caller: string): { allowed: boolean; state: RateState } {
    const window = this.#find(policy, caller) ?? this.#begin(policy, caller);
    const allowed = window.used < policy.limit;
    if (allowed) window.used += 1;
    return { allowed, state: describe(policy, window) };
  }

  /** How the caller stands, taking nothing and beginning no window. */
  peek(policy: RatePolicy, caller: string): RateState {
    return describe(policy, this.#find(policy, caller) ?? this.#fresh(policy));
  }

  /** Callers whose windows are kept. */
  get size(): number {
    return this.#windows.size;
  }

  #find(policy: RatePolicy, caller: string): Window | null {
    const found = this.#windows.get(nameOf(policy, caller));
    return found && found.resetAt > this.#now() ? found : null;
  }

  #begin(policy: RatePolicy, caller: string): Window {
    if (this.#windows.size >= this.#sweepAbove) this.#sweep();
    const fresh = this.#fresh(policy);
    this.#windows.set(nameOf(policy, caller), fresh);
    return fresh;
  }

  #fresh(policy: RatePolicy): Window {
    return { used: 0, resetAt: this.#now() + policy.windowMs };
  }

  /** The next sweep waits until as many callers again have come: it costs each of them a constant. */
  #sweep(): void {
    const now = this.#now();
    for (const [name, window] of this.#windows) if (window.resetAt <= now) this.#windows.delete(name);
    this.#sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.#windows.size);
  }
}

const nameOf = (policy: RatePolicy, caller: string): string => `${policy.name}\0${caller}`;

const describe = (policy: RatePolicy, window: Window): RateState => ({
  policy: policy.name,
  limit: policy.limit,
  remaining: Math.max(0, policy.limit - window.used),
  resetAt: window.resetAt,
  windowMs: policy.windowMs,
});
