import { statement, type Tx } from '../../../platform/db/index.ts';

type SealedValue = { keyVersion: number; bytes: Buffer };
type Row = { key_version: number; sealed: Buffer; age_seconds: number };

const find = statement<Row>(
  'cached_answers.find',
  `select key_version, sealed, floor(extract(epoch from now() - created_at))::integer as age_seconds
   from cached_answers where org_id = $1 and key = $2 and expires_at > now()`,
);
const put = statement(
  'cached_answers.put',
  `insert into cached_answers (org_id, key, key_version, sealed, bytes, expires_at)
   values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
   on conflict on constraint cached_answers__pk do update set key_version = excluded.key_version,
     sealed = excluded.sealed, bytes = excluded.bytes, created_at = now(), expires_at = excluded.expires_at`,
);
const deleteExpired = statement<{ bytes: number }>(
  'cached_answers.delete_expired',
  `delete from cached_answers where ctid in
     (select ctid from cached_answers where expires_at <= now() limit 5000) returning bytes`,
);
const deleteBeyond = statement<{ bytes: number }>(
  'cached_answers.delete_beyond',
  `delete from cached_answers where ctid in (
     select a.ctid from (select ctid, sum(bytes) over (partition by org_id order by created_at desc, key) as total
       from cached_answers) a
     where a.total > $1 limit 5000) returning bytes`,
);
const deleteBefore = statement<{ bytes: number }>(
  'cached_answers.delete_before_key',
  `delete from cached_answers where ctid in
     (select ctid from cached_answers where org_id = $1 and key_version < $2 limit $3) returning bytes`,
);

export type Kept = { sealed: SealedValue; ageSeconds: number };

export async function findAnswer(tx: Tx, orgId: string, key: Buffer): Promise<Kept | null> {
  const [row] = await tx.query(find, [orgId, key]);
  return row ? { sealed: { keyVersion: row.key_version, bytes: row.sealed }, ageSeconds: row.age_seconds } : null;
}

export async function putAnswer(
  tx: Tx,
  orgId: string,
  { key, sealed, ttlSeconds }: { key: Buffer; sealed: SealedValue; ttlSeconds: number },
): Promise<void> {
  await tx.query(put, [orgId, key, sealed.keyVersion, sealed.bytes, sealed.bytes.length, ttlSeconds]);
}

/** Deletes a batch of answers whose time is over; says how many. */
export const deleteExpiredAnswers = async (tx: Tx): Promise<number> => (await tx.query(deleteExpired, [])).length;

/** Deletes a batch of the oldest answers of organizations that keep more bytes than that; says how many. */
export const deleteAnswersBeyond = async (tx: Tx, bytes: number): Promise<number> =>
  (await tx.query(deleteBeyond, [bytes])).length;

/** Deletes answers that are sealed with older data keys than this; says how many. */
export const deleteAnswersBefore = async (
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<number> => (await tx.query(deleteBefore, [orgId, keyVersion, limit])).length;
