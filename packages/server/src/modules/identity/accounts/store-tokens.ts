import { randomBytes } from 'node:crypto';
import { statement, type Tx } from '../../../platform/db/index.ts';
import { hashToken } from '../login/logins.ts';

type Purpose = 'password_reset' | 'email_change' | 'sign_up';

/** How long somebody has to read their mail, seconds. */
export const TOKEN_SECONDS = { password_reset: 3_600, email_change: 86_400, sign_up: 86_400 } as const satisfies Record<
  Purpose,
  number
>;

/** More mail than this to one address within an hour is an annoyance, and helps nobody who did not read the first. */
export const MAILS_PER_HOUR = 3;

export type OneTimeToken = {
  userId: string | null;
  email: string;
  name: string | null;
  passwordHash: string | null;
};

type Row = { user_id: string | null; email: string; name: string | null; password_hash: string | null };

const insert = statement(
  'one_time_tokens.insert',
  `insert into one_time_tokens (hash, purpose, user_id, email, name, password_hash, expires_at)
   values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))`,
);
// Deleted as it is read: of two uses at once one finds nothing.
const take = statement<Row>(
  'one_time_tokens.take',
  `delete from one_time_tokens where hash = $1 and purpose = $2 and expires_at > now()
   returning user_id, email, name, password_hash`,
);
const find = statement<{ user_id: string | null }>(
  'one_time_tokens.find',
  'select user_id from one_time_tokens where hash = $1 and purpose = $2 and expires_at > now()',
);
const removeOfUser = statement('one_time_tokens.remove_of_user', 'delete from one_time_tokens where user_id = $1');
const removeOfEmail = statement(
  'one_time_tokens.remove_of_email',
  `delete from one_time_tokens where email = $1 and purpose = 'sign_up'`,
);
const countRecent = statement<{ count: number }>(
  'one_time_tokens.count_recent',
  `select count(*)::integer as count from one_time_tokens
   where email = $1 and purpose = $2 and created_at > now() - interval '1 hour'`,
);
const deleteExpired = statement(
  'one_time_tokens.delete_expired',
  'delete from one_time_tokens where expires_at < now()',
);

/** Makes a token that is sent by mail; gives its text. */
export function issueToken(tx: Tx, purpose: Purpose, about: OneTimeToken): string {
  const token = `ot_${randomBytes(32).toString('base64url')}`;
  const { userId, email, name, passwordHash } = about;
  tx.defer(insert, [hashToken(token), purpose, userId, email, name, passwordHash, TOKEN_SECONDS[purpose]]);
  return token;
}

/** Spends a token; null when it is unknown, expired, spent, or for something else. */
export async function takeToken(tx: Tx, purpose: Purpose, token: string): Promise<OneTimeToken | null> {
  const [row] = await tx.query(take, [hashToken(token), purpose]);
  return row ? { userId: row.user_id, email: row.email, name: row.name, passwordHash: row.password_hash } : null;
}

/** Whose a token is that has not been spent; null when there is none. */
export async function findTokenOwner(tx: Tx, purpose: Purpose, token: string): Promise<string | null> {
  return (await tx.query(find, [hashToken(token), purpose]))[0]?.user_id ?? null;
}

/** Withdraws what was sent about an account. */
export const withdrawTokensOf = (tx: Tx, userId: string): void => tx.defer(removeOfUser, [userId]);

/** Withdraws other sign-ups with an address: it is taken now. */
export const withdrawSignUps = (tx: Tx, email: string): void => tx.defer(removeOfEmail, [email]);

/** How many were sent to an address within the hour. */
export async function countRecentTokens(tx: Tx, purpose: Purpose, email: string): Promise<number> {
  return (await tx.query(countRecent, [email, purpose]))[0]?.count ?? 0;
}

/** Deletes tokens that nobody came back with. */
export async function deleteExpiredTokens(tx: Tx): Promise<void> {
  await tx.query(deleteExpired, []);
}
