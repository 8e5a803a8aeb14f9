import type { RateState } from './operation.ts';

/** `limit` requests in each window of `windowMs`. */
export type RatePolicy = { name: string; limit: number; windowMs: number };

type Window = { used: number; resetAt: number };

/** Past this many callers at once, windows that are over are dropped: the table is bounded by live callers. */
const SWEEP_ABOVE = 10_000;

/**
 * Fixed windows per caller, in this process's memory: a caller starts a window with its first request, so nobody
 * shares a reset moment with everybody else.
 */
export class RateLimiter {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Takes one; `allowed` is false when nothing was left. `caller` must not contain NUL. */
  take(policy: RatePolicy, caller: string): { allowed: boolean; state: RateState } {
    const window = this.#window(policy, caller);
    const allowed = window.used < policy.limit;
    if (allowed) window.used += 1;
    return { allowed, state: describe(policy, window) };
  }

  /** How the caller stands, taking nothing. */
  peek(policy: RatePolicy, caller: string): RateState {
    return describe(policy, this.#window(policy, caller));
  }

  #window(policy: RatePolicy, caller: string): Window {
    const key = `${policy.name}\0${caller}`;
    const now = this.#now();
    const found = this.#windows.get(key);
    if (found && found.resetAt > now) return found;
    if (this.#windows.size > SWEEP_ABOVE) this.#sweep(now);
    const fresh = { used: 0, resetAt: now + policy.windowMs };
    this.#windows.set(key, fresh);
    return fresh;
  }

  #sweep(now: number): void {
    for (const [key, window] of this.#windows) if (window.resetAt <= now) this.#windows.delete(key);
  }
}

const describe = (policy: RatePolicy, window: Window): RateState => ({
  policy: policy.name,
  limit: policy.limit,
  remaining: Math.max(0, policy.limit - window.used),
  resetAt: window.resetAt,
  windowMs: policy.windowMs,
});
