import { statement, type Tx } from './db/index.ts';

/*
 * Limits on what calls use and not on how many there are: a call takes what it may use when it begins, and gives back what
 * it did not use when it ends. Windows are a minute long and begin with the first call.
 */

export const WINDOW_MS = 60_000;

/** `amount` of what `name` may use in a window. */
export type WindowClaim = { name: string; limit: number; amount: number };

/** How a window stands after a claim; `window` tells it from those before and after it. */
export type Claimed = { granted: boolean; used: number; resetAt: number; window: string };

export type TokenWindows = {
  /** Takes the amount if it is left, else nothing. */
  take(claim: WindowClaim): Claimed | Promise<Claimed>;
  /** Adds to what a window counts as used, or takes from it; nothing once it is over. */
  adjust(of: { name: string; window: string; by: number }): void;
};

/** Below this many windows, those that are over are not worth looking for. */
const SWEEP_ABOVE = 10_000;

type Window = { used: number; resetAt: number };

/** Windows of one process. */
export class OwnTokenWindows implements TokenWindows {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;
  #sweepAbove = SWEEP_ABOVE;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  take({ name, limit, amount }: WindowClaim): Claimed {
    const window = this.#live(name);
    const granted = window.used + amount <= limit;
    if (granted) window.used += amount;
    return { granted, used: window.used, resetAt: window.resetAt, window: String(window.resetAt) };
  }

  adjust({ name, window, by }: { name: string; window: string; by: number }): void {
    const found = this.#windows.get(name);
    if (found && String(found.resetAt) === window) found.used = Math.max(0, found.used + by);
  }

  #live(name: string): Window {
    const now = this.#now();
    const found = this.#windows.get(name);
    if (found && found.resetAt > now) return found;
    if (this.#windows.size >= this.#sweepAbove) this.#sweep(now);
    const made = { used: 0, resetAt: now + WINDOW_MS };
    this.#windows.set(name, made);
    return made;
  }

  #sweep(now: number): void {
    for (const [name, { resetAt }] of this.#windows) if (resetAt <= now) this.#windows.delete(name);
    this.#sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.#windows.size);
  }
}

type Row = { granted: number; used: number; window: string; ends_in_ms: number };

// One row lock for a call. Of a window that is over, the row becomes the next one; `granted` is what this question got.
const take = statement<Row>(
  'tokens.take',
  `insert into rate_windows as w (name, ends_at, used, granted)
   values ($1, clock_timestamp() + make_interval(secs => $4), $2, $2)
   on conflict (name) do update set
     granted = case when w.ends_at <= clock_timestamp() or w.used + $2 <= $3::bigint then excluded.granted else 0 end,
     used = case when w.ends_at <= clock_timestamp() then excluded.used
       when w.used + $2 <= $3::bigint then w.used + $2 else w.used end,
     ends_at = case when w.ends_at <= clock_timestamp() then excluded.ends_at else w.ends_at end
   returning granted, used, ends_at::text as window,
     extract(epoch from ends_at - clock_timestamp())::double precision * 1000 as ends_in_ms`,
);
const adjust = statement(
  'tokens.adjust',
  `update rate_windows set used = least(2000000000, greatest(0, used::bigint + $2::bigint))
   where name = $1 and ends_at = $3::timestamptz`,
);

export type SharedTokenWindowsOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** The table could not be asked: this process counts by itself meanwhile. */
  onFailure(error: unknown): void;
};

/** Windows that all processes share, in the database. */
export function sharedTokenWindows({ statements, onFailure }: SharedTokenWindowsOptions): TokenWindows {
  const own = new OwnTokenWindows();
  return {
    async take(claim) {
      const { name, limit, amount } = claim;
      const askedAt = Date.now();
      try {
        const [row] = await statements((tx) => tx.query(take, [name, amount, limit, WINDOW_MS / 1000]));
        if (!row) throw new Error('The window gave no answer.');
        const { granted, used, window, ends_in_ms } = row;
        return { granted: granted > 0, used, window, resetAt: askedAt + Math.max(1, ends_in_ms) };
      } catch (error) {
        onFailure(error);
        return own.take(claim);
      }
    },
    adjust(of) {
      own.adjust(of);
      statements((tx) => tx.query(adjust, [of.name, of.by, of.window])).catch(onFailure);
    },
  };
}
