import { statement, type Tx } from '../../../platform/db/index.ts';

type Row = { sealed_secret: Buffer; created_at: Date; confirmed_at: Date | null };

const find = statement<Row>(
  'totp.find',
  'select sealed_secret, created_at, confirmed_at from totp_authenticators where user_id = $1',
);
// One that is confirmed stays: it is taken away by name, never by enrolling over it.
const enrol = statement<{ user_id: string }>(
  'totp.enrol',
  `insert into totp_authenticators (user_id, sealed_secret) values ($1, $2)
   on conflict (user_id) do update set sealed_secret = excluded.sealed_secret, created_at = now(), last_step = 0
   where totp_authenticators.confirmed_at is null
   returning user_id`,
);
const confirm = statement(
  'totp.confirm',
  'update totp_authenticators set confirmed_at = now() where user_id = $1 and confirmed_at is null',
);
// A step counts once, and none counts after a later one: whoever watches a code being typed cannot use it again.
const spendStep = statement<{ user_id: string }>(
  'totp.spend_step',
  'update totp_authenticators set last_step = $2 where user_id = $1 and last_step < $2 returning user_id',
);
const remove = statement<{ user_id: string }>(
  'totp.remove',
  'delete from totp_authenticators where user_id = $1 returning user_id',
);
const removeCodes = statement('totp.remove_codes', 'delete from recovery_codes where user_id = $1');
const insertCodes = statement(
  'totp.insert_codes',
  'insert into recovery_codes (user_id, hash) select $1, unnest($2::bytea[])',
);
const spendCode = statement<{ hash: Buffer }>(
  'totp.spend_code',
  'delete from recovery_codes where user_id = $1 and hash = $2 returning hash',
);
const countCodes = statement<{ count: number }>(
  'totp.count_codes',
  'select count(*)::integer as count from recovery_codes where user_id = $1',
);
const insertChallenge = statement(
  'totp.insert_challenge',
  `insert into second_factor_challenges (hash, user_id, client, expires_at)
   values ($1, $2, $3, now() + make_interval(secs => $4))`,
);
const tryChallenge = statement<{ user_id: string; client: string }>(
  'totp.try_challenge',
  `update second_factor_challenges set attempts = attempts + 1
   where hash = $1 and expires_at > now() and attempts < $2 returning user_id, client`,
);
const endChallenge = statement<{ user_id: string }>(
  'totp.end_challenge',
  'delete from second_factor_challenges where hash = $1 returning user_id',
);
const deleteExpired = statement(
  'totp.delete_expired_challenges',
  'delete from second_factor_challenges where expires_at < now()',
);

/** An authenticator app as it is kept. */
export type StoredAuthenticator = { sealedSecret: Buffer; createdAt: Date; confirmedAt: Date | null };

export async function findAuthenticator(tx: Tx, userId: string): Promise<StoredAuthenticator | null> {
  const [row] = await tx.query(find, [userId]);
  return row ? { sealedSecret: row.sealed_secret, createdAt: row.created_at, confirmedAt: row.confirmed_at } : null;
}

/** Keeps the secret of an authenticator that is yet to be confirmed; false when one is confirmed already. */
export const enrolAuthenticator = async (tx: Tx, userId: string, sealedSecret: Buffer): Promise<boolean> =>
  (await tx.query(enrol, [userId, sealedSecret])).length > 0;

export const confirmAuthenticator = (tx: Tx, userId: string): void => tx.defer(confirm, [userId]);

/** Takes a time step; false when it or a later one was taken before. */
export const spendTimeStep = async (tx: Tx, userId: string, step: number): Promise<boolean> =>
  (await tx.query(spendStep, [userId, step])).length > 0;

/** Takes the authenticator and the recovery codes away; false when there was none. */
export async function removeAuthenticator(tx: Tx, userId: string): Promise<boolean> {
  tx.defer(removeCodes, [userId]);
  return (await tx.query(remove, [userId])).length > 0;
}

/** Puts new recovery codes in the place of those that are left. */
export function replaceRecoveryCodes(tx: Tx, userId: string, hashes: readonly Buffer[]): void {
  tx.defer(removeCodes, [userId]);
  tx.defer(insertCodes, [userId, hashes]);
}

/** Takes a recovery code; false when it is none, or was taken before. */
export const spendRecoveryCode = async (tx: Tx, userId: string, hash: Buffer): Promise<boolean> =>
  (await tx.query(spendCode, [userId, hash])).length > 0;

export async function countRecoveryCodes(tx: Tx, userId: string): Promise<number> {
  return (await tx.query(countCodes, [userId]))[0]?.count ?? 0;
}

export type NewChallenge = { hash: Buffer; userId: string; client: string; seconds: number };

export async function insertSecondFactorChallenge(tx: Tx, challenge: NewChallenge): Promise<void> {
  await tx.query(insertChallenge, [challenge.hash, challenge.userId, challenge.client, challenge.seconds]);
}

/** Counts an attempt at a challenge; null when it has ended, by time or by too many attempts. */
export async function trySecondFactorChallenge(
  tx: Tx,
  hash: Buffer,
  mostAttempts: number,
): Promise<{ userId: string; client: string } | null> {
  const [row] = await tx.query(tryChallenge, [hash, mostAttempts]);
  return row ? { userId: row.user_id, client: row.client } : null;
}

/** Ends a challenge; false when somebody else has ended it. */
export const endSecondFactorChallenge = async (tx: Tx, hash: Buffer): Promise<boolean> =>
  (await tx.query(endChallenge, [hash])).length > 0;

/** Deletes challenges that nobody answered. */
export async function deleteExpiredChallenges(tx: Tx): Promise<void> {
  await tx.query(deleteExpired, []);
}
