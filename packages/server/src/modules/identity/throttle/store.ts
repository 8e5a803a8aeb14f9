import { statement, type Tx } from '../../../platform/db/index.ts';

/** How attempts at one thing are held back. */
export type ThrottleRule = {
  /** Attempts that are let through at once. */
  free: number;
  /** The wait after the last of them, seconds; each further one doubles it. */
  firstWait: number;
  longestWait: number;
  /** After this long without an attempt, all is forgotten, seconds. */
  memory: number;
};

/*
 * Counts the attempt before it is known how it ends, so that any number at once are held back as if they came one by
 * one. While the wait lasts no row is updated, and none comes back. Without a wait the moment is
 * in the past for everybody, also for a transaction that began before the one that wrote it.
 */
const take = statement<{ attempts: number }>(
  'throttle.take',
  `insert into attempt_throttles as t (subject, attempts, blocked_until)
   values ($1, 1, '-infinity')
   on conflict (subject) do update set
     attempts = case when t.updated_at < now() - make_interval(secs => $5) then 1 else t.attempts + 1 end,
     blocked_until = case
       when t.updated_at < now() - make_interval(secs => $5) or t.attempts + 1 < $2 then '-infinity'
       else now() + make_interval(secs => least($4::double precision, $3 * power(2, least(t.attempts + 1 - $2, 30)))) end,
     updated_at = now()
   where t.blocked_until <= now() or t.updated_at < now() - make_interval(secs => $5)
   returning attempts`,
);
const remaining = statement<{ wait_ms: number }>(
  'throttle.remaining',
  `select (extract(epoch from blocked_until - now()) * 1000)::double precision as wait_ms from attempt_throttles where subject = $1`,
);
const clear = statement('throttle.clear', 'delete from attempt_throttles where subject = $1');
const giveBack = statement(
  'throttle.give_back',
  `update attempt_throttles set attempts = greatest(attempts - 1, 0), blocked_until = '-infinity' where subject = $1`,
);
const deleteOld = statement(
  'throttle.delete_old',
  `delete from attempt_throttles where updated_at < now() - interval '1 day' and blocked_until < now()`,
);

/** Counts an attempt; null when it may be made, else how long to wait, milliseconds. */
export async function takeAttempt(tx: Tx, subject: Buffer, rule: ThrottleRule): Promise<number | null> {
  const { free, firstWait, longestWait, memory } = rule;
  const taken = await tx.query(take, [subject, free, firstWait, longestWait, memory]);
  if (taken.length > 0) return null;
  const [row] = await tx.query(remaining, [subject]);
  return Math.max(1, row?.wait_ms ?? 1);
}

/** Forgets all attempts: the last one was a success. */
export const clearAttempts = (tx: Tx, subject: Buffer): Promise<unknown> => tx.query(clear, [subject]);

/** Takes one attempt back: it was a success, which says nothing about the others. */
export const giveAttemptBack = (tx: Tx, subject: Buffer): Promise<unknown> => tx.query(giveBack, [subject]);

/** Deletes what nobody is held back by any more. */
export async function deleteOldAttempts(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
