import { statement, type Tx } from '../db/index.ts';

const insert = statement('mail.insert', 'insert into mail_outbox (id, sealed) values ($1, $2)');
// Whoever takes a mail has a minute to send it; then another process may, so a mail can arrive twice, and none is lost.
const claim = statement<QueuedMail>(
  'mail.claim',
  `update mail_outbox set attempts = attempts + 1, next_attempt_at = now() + interval '1 minute'
   where id in (
     select id from mail_outbox where next_attempt_at <= now() order by next_attempt_at limit $1 for update skip locked)
   returning id, sealed, attempts`,
);
const remove = statement('mail.remove', 'delete from mail_outbox where id = $1');
const postpone = statement(
  'mail.postpone',
  'update mail_outbox set next_attempt_at = now() + make_interval(secs => $2) where id = $1',
);

export type QueuedMail = { id: string; sealed: Buffer; attempts: number };

export const insertMail = (tx: Tx, id: string, sealed: Buffer): void => tx.defer(insert, [id, sealed]);

/** Takes mail that is due, for a minute. */
export const claimMail = (tx: Tx, max: number): Promise<QueuedMail[]> => tx.query(claim, [max]);

export async function removeMail(tx: Tx, id: string): Promise<void> {
  await tx.query(remove, [id]);
}

export async function postponeMail(tx: Tx, id: string, seconds: number): Promise<void> {
  await tx.query(postpone, [id, seconds]);
}
