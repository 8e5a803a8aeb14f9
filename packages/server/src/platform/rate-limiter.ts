import type { RateState } from './operation.ts';

/** `limit` requests in each window of `windowMs`. */
export type RatePolicy = { name: string; limit: number; windowMs: number };

/** What one request is counted against: a policy, and who is counted by it. A request may count against several. */
export type RateClaim = { policy: RatePolicy; caller: string };

/** `state` is that of the tightest claim; of a refused request, that of the claim that refused it for longest. */
export type Taken = { allowed: boolean; state: RateState };

/** A share of a window's limit that this process may give out by itself. */
export type Grant = {
  granted: number;
  /** How much of the limit all processes together have been granted, this share included. */
  used: number;
  /** Epoch milliseconds of this process's clock. */
  resetAt: number;
};

/** Where shares come from: this process alone, or a table that all processes share. */
export type AllowanceSource = (claim: RateClaim, name: string) => Grant | Promise<Grant>;

type Window = {
  /** What is left of the share. */
  left: number;
  used: number;
  resetAt: number;
  /** The question for a new share that is under way. */
  asking: Promise<void> | null;
};

/** Below this many callers at once, windows that are over are not worth looking for. */
const SWEEP_ABOVE = 10_000;

/**
 * A share that others took in between is asked for anew. Each round gives something out or ends the window, so this many
 * are never needed; a source that does neither must not hold a request for ever.
 */
const MOST_ROUNDS = 1_000;

/**
 * Fixed windows per caller. A caller starts a window with its first request, so nobody shares a reset moment with
 * everybody else. The table is bounded by twice the live callers. Answers at once where the share lasts; only a request
 * that needs a new one waits for its source.
 */
export class RateLimiter {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;
  readonly #source: AllowanceSource;
  #sweepAbove = SWEEP_ABOVE;

  constructor(now: () => number = Date.now, source?: AllowanceSource) {
    this.#now = now;
    this.#source = source ?? (({ policy }) => wholeWindow(policy, now()));
  }

  /** Takes one of every claim, or of none; `allowed` is false when nothing was left of one of them. */
  take(claims: readonly RateClaim[]): Taken | Promise<Taken> {
    const asking = this.#prepare(claims);
    return asking === null ? this.#decide(claims) : this.#takeLater(claims, asking);
  }

  /** How a caller stands, taking nothing and beginning no window. */
  peek(claims: readonly RateClaim[]): RateState {
    return tightest(claims.map((claim) => this.#stateOf(claim)));
  }

  /** Callers whose windows are kept. */
  get size(): number {
    return this.#windows.size;
  }

  async #takeLater(claims: readonly RateClaim[], first: Promise<unknown>): Promise<Taken> {
    let asking: Promise<unknown> | null = first;
    for (let round = 0; asking !== null && round < MOST_ROUNDS; round++) {
      await asking;
      asking = this.#prepare(claims);
    }
    return this.#decide(claims);
  }

  /** Asks for the shares that are missing; null when every claim can be decided now. */
  #prepare(claims: readonly RateClaim[]): Promise<unknown> | null {
    let asking: Promise<unknown>[] | null = null;
    for (const claim of claims) {
      const pending = this.#prepareOne(claim);
      if (pending !== null) {
        asking ??= [];
        asking.push(pending);
      }
    }
    return asking === null ? null : Promise.all(asking);
  }

  #prepareOne(claim: RateClaim): Promise<void> | null {
    const name = nameOf(claim);
    const window = this.#windows.get(name);
    const isLive = window !== undefined && window.resetAt > this.#now();
    // Nothing is left to be granted until the window is over.
    if (isLive && (window.left > 0 || window.used >= claim.policy.limit)) return null;
    const underWay = window?.asking ?? null;
    if (underWay !== null) return underWay;
    const grant = this.#source(claim, name);
    if (!(grant instanceof Promise)) {
      this.#keep(name, grant);
      return null;
    }
    const asking = grant.then((granted) => this.#keep(name, granted));
    const kept = window ?? { left: 0, used: 0, resetAt: 0, asking: null };
    kept.asking = asking;
    if (window === undefined) this.#add(name, kept);
    return asking;
  }

  /** Nothing was left of the share before, or its window is over. */
  #keep(name: string, { granted, used, resetAt }: Grant): void {
    this.#add(name, { left: granted, used, resetAt, asking: null });
  }

  #add(name: string, window: Window): void {
    if (this.#windows.size >= this.#sweepAbove && !this.#windows.has(name)) this.#sweep();
    this.#windows.set(name, window);
  }

  #decide(claims: readonly RateClaim[]): Taken {
    const now = this.#now();
    const windows = claims.map((claim) => this.#windows.get(nameOf(claim)));
    const allowed = windows.every((window) => window !== undefined && window.resetAt > now && window.left > 0);
    if (allowed) for (const window of windows) if (window) window.left -= 1;
    const states = claims.map((claim) => this.#stateOf(claim));
    return { allowed, state: allowed ? tightest(states) : longest(states) };
  }

  #stateOf({ policy, caller }: RateClaim): RateState {
    const window = this.#windows.get(nameOf({ policy, caller }));
    const now = this.#now();
    const isLive = window !== undefined && window.resetAt > now;
    const remaining = isLive ? Math.max(0, policy.limit - window.used) + window.left : policy.limit;
    return {
      policy: policy.name,
      limit: policy.limit,
      remaining: Math.min(policy.limit, remaining),
      resetAt: isLive ? window.resetAt : now + policy.windowMs,
      windowMs: policy.windowMs,
    };
  }

  /** The next sweep waits until as many callers again have come: it costs each of them a constant. */
  #sweep(): void {
    const now = this.#now();
    for (const [name, { resetAt, asking }] of this.#windows)
      if (resetAt <= now && asking === null) this.#windows.delete(name);
    this.#sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.#windows.size);
  }
}

/** The whole limit at once: for a process that shares it with no other. */
export const wholeWindow = (policy: RatePolicy, now: number): Grant => ({
  granted: policy.limit,
  used: policy.limit,
  resetAt: now + policy.windowMs,
});

/** The length in front: no policy and caller make the name of another pair. */
const nameOf = ({ policy, caller }: RateClaim): string => `${policy.name.length}:${policy.name}:${caller}`;

/** The state of which the least is left. */
const tightest = (states: readonly RateState[]): RateState =>
  states.reduce((least, each) => (each.remaining < least.remaining ? each : least));

/** Of the states that nothing is left of, the one that stays so for longest. */
function longest(states: readonly RateState[]): RateState {
  const empty = states.filter(({ remaining }) => remaining === 0);
  if (empty.length === 0) return tightest(states);
  return empty.reduce((last, each) => (each.resetAt > last.resetAt ? each : last));
}
