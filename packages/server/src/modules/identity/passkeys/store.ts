import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Passkey, StoredPasskey } from './model.ts';

type Row = { id: string; name: string; is_backed_up: boolean; created_at: Date; last_used_at: Date | null };
type StoredRow = {
  id: string;
  user_id: string;
  credential_id: Buffer;
  public_key: Buffer;
  counter: string | number;
  transports: string[];
};

const insert = statement<Row>(
  'passkeys.insert',
  `insert into passkeys (id, user_id, credential_id, public_key, counter, transports, name, is_backed_up)
   values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (credential_id) do nothing
   returning id, name, is_backed_up, created_at, last_used_at`,
);
const list = statement<Row>(
  'passkeys.list',
  `select id, name, is_backed_up, created_at, last_used_at from passkeys where user_id = $1 order by created_at, id`,
);
const stored = statement<StoredRow>(
  'passkeys.stored',
  'select id, user_id, credential_id, public_key, counter, transports from passkeys where user_id = $1',
);
const byCredential = statement<StoredRow>(
  'passkeys.by_credential',
  'select id, user_id, credential_id, public_key, counter, transports from passkeys where credential_id = $1',
);
// Of two sign-ins at once with a counter that counts, one is the second.
const used = statement<{ id: string }>(
  'passkeys.used',
  `update passkeys set counter = $2, last_used_at = now()
   where id = $1 and (counter < $2 or (counter = 0 and $2 = 0)) returning id`,
);
const remove = statement<Row>(
  'passkeys.remove',
  'delete from passkeys where user_id = $1 and id = $2 returning id, name, is_backed_up, created_at, last_used_at',
);
const insertChallenge = statement(
  'passkeys.insert_challenge',
  'insert into passkey_challenges (hash, user_id, expires_at) values ($1, $2, now() + make_interval(secs => $3))',
);
const takeChallenge = statement<{ user_id: string | null }>(
  'passkeys.take_challenge',
  'delete from passkey_challenges where hash = $1 and expires_at > now() returning user_id',
);

export type NewPasskey = StoredPasskey & { name: string; isBackedUp: boolean };

/** Keeps a passkey; null when somebody has it already. */
export async function insertPasskey(tx: Tx, of: NewPasskey): Promise<Passkey | null> {
  const key = [of.id, of.userId, of.credentialId, of.publicKey, of.counter, of.transports, of.name, of.isBackedUp];
  const [row] = await tx.query(insert, key);
  return row ? toPasskey(row) : null;
}

export const listPasskeys = async (tx: Tx, userId: string): Promise<Passkey[]> =>
  (await tx.query(list, [userId])).map(toPasskey);

export const listStoredPasskeys = async (tx: Tx, userId: string): Promise<StoredPasskey[]> =>
  (await tx.query(stored, [userId])).map(toStored);

export async function findPasskey(tx: Tx, credentialId: Buffer): Promise<StoredPasskey | null> {
  const [row] = await tx.query(byCredential, [credentialId]);
  return row ? toStored(row) : null;
}

/** Notes a use; false when its counter has not moved on, so that somebody else may have a copy. */
export const markPasskeyUsed = async (tx: Tx, id: string, counter: number): Promise<boolean> =>
  (await tx.query(used, [id, counter])).length > 0;

export async function removePasskey(tx: Tx, userId: string, id: string): Promise<Passkey | null> {
  const [row] = await tx.query(remove, [userId, id]);
  return row ? toPasskey(row) : null;
}

export const insertPasskeyChallenge = (
  tx: Tx,
  { hash, userId, seconds }: { hash: Buffer; userId: string | null; seconds: number },
): Promise<unknown> => tx.query(insertChallenge, [hash, userId, seconds]);

/** Takes a challenge, once; null for one that is unknown, taken or over. */
export async function takePasskeyChallenge(tx: Tx, hash: Buffer): Promise<{ userId: string | null } | null> {
  const [row] = await tx.query(takeChallenge, [hash]);
  return row ? { userId: row.user_id } : null;
}

const toPasskey = (row: Row): Passkey => ({
  id: row.id,
  name: row.name,
  isBackedUp: row.is_backed_up,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
});

const toStored = (row: StoredRow): StoredPasskey => ({
  id: row.id,
  userId: row.user_id,
  credentialId: row.credential_id,
  publicKey: row.public_key,
  counter: Number(row.counter),
  transports: row.transports,
});
