import { statement, type Tx } from './db/index.ts';
import type { AllowanceSource, Grant, RatePolicy } from './rate-limiter.ts';
import { wholeWindow } from './rate-limiter.ts';

/*
 * Rate limits that hold over several processes. The windows are rows of an unlogged table; a process takes a share of
 * what is left, gives it out by itself, and comes back for the next. Shares shrink as the limit comes near, down to one
 * by one, so what all processes give out together never exceeds the limit. What a process holds and does not need is
 * lost to the others until the window ends: at most a sixteenth of what was left when it took it.
 */

type Row = { granted: number; used: number; ends_in_ms: number };

// One row lock for a share. Of a window that is over, the row becomes the next one.
const take = statement<Row>(
  'rate.take',
  `insert into rate_windows as w (name, ends_at, used, granted)
   values ($1, clock_timestamp() + make_interval(secs => $3), greatest(1, $2::integer / 16), greatest(1, $2::integer / 16))
   on conflict (name) do update set
     granted = case when w.ends_at <= clock_timestamp() then excluded.granted
       else least(greatest(1, ($2 - w.used) / 16), greatest($2 - w.used, 0)) end,
     used = case when w.ends_at <= clock_timestamp() then excluded.granted
       else w.used + least(greatest(1, ($2 - w.used) / 16), greatest($2 - w.used, 0)) end,
     ends_at = case when w.ends_at <= clock_timestamp() then excluded.ends_at else w.ends_at end
   returning granted, used, extract(epoch from ends_at - clock_timestamp())::double precision * 1000 as ends_in_ms`,
);
const deleteOld = statement('rate.delete_old', `delete from rate_windows where ends_at < now() - interval '1 minute'`);

export type SharedAllowancesOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** The table could not be asked: this process counts by itself meanwhile. */
  onFailure(error: unknown): void;
  now?: () => number;
};

/** Shares of windows that live in the database. */
export function sharedAllowances({ statements, onFailure, now = Date.now }: SharedAllowancesOptions): AllowanceSource {
  return async ({ policy }, name): Promise<Grant> => {
    // Counted from before the question: the window must not end here later than there.
    const askedAt = now();
    try {
      const [row] = await statements((tx) => tx.query(take, [name, policy.limit, policy.windowMs / 1000]));
      if (!row) throw new Error('The window gave no answer.');
      return { granted: row.granted, used: row.used, resetAt: askedAt + Math.max(1, row.ends_in_ms) };
    } catch (error) {
      onFailure(error);
      return alone(policy, askedAt);
    }
  };
}

/** What few requests need no database are still limited while it is away; soon after, it is asked again. */
const ALONE_MS = 5_000;

const alone = (policy: RatePolicy, at: number): Grant => {
  const { granted, used } = wholeWindow(policy, at);
  return { granted, used, resetAt: at + Math.min(ALONE_MS, policy.windowMs) };
};

/** Deletes windows that are over. */
export async function deleteOldWindows(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
