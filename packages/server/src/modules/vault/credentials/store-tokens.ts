import { statement, type Tx } from '../../../platform/db/index.ts';
import type { SealedValue } from '../keys/model.ts';
import type { TokenName } from './model.ts';

type Row = {
  version: number;
  key_version: number | null;
  sealed: Buffer | null;
  is_fresh: boolean;
  is_alive: boolean;
  failures: number;
  retry_in_ms: number;
};

const find = statement<Row>(
  'credential_tokens.find',
  `select version, key_version, sealed, failures,
     coalesce(sealed is not null and refresh_at > now(), false) as is_fresh,
     coalesce(sealed is not null and expires_at > now() + interval '5 seconds', false) as is_alive,
     greatest(0, ceil(extract(epoch from retry_at - now()) * 1000))::integer as retry_in_ms
   from credential_tokens where org_id = $1 and credential_id = $2 and subject = $3`,
);
// One asks the issuer at a time: whoever finds no lease, no fresh token and no back-off takes the lease.
const claim = statement<{ version: number; failures: number }>(
  'credential_tokens.claim',
  `insert into credential_tokens as t (org_id, credential_id, subject, lease_id, leased_until)
   values ($1, $2, $3, $4, now() + make_interval(secs => $5))
   on conflict on constraint credential_tokens__pk do update
     set lease_id = excluded.lease_id, leased_until = excluded.leased_until
     where (t.leased_until is null or t.leased_until < now())
       and (t.retry_at is null or t.retry_at <= now())
       and (t.sealed is null or t.refresh_at <= now())
   returning version, failures`,
);
const settle = statement<{ version: number }>(
  'credential_tokens.settle',
  `update credential_tokens set version = $5, key_version = $6, sealed = $7,
     refresh_at = now() + make_interval(secs => $8), expires_at = now() + make_interval(secs => $9),
     lease_id = null, leased_until = null, failures = 0, retry_at = null
   where org_id = $1 and credential_id = $2 and subject = $3 and lease_id = $4 returning version`,
);
const put = statement(
  'credential_tokens.put',
  `insert into credential_tokens as t (org_id, credential_id, subject, version, key_version, sealed, refresh_at, expires_at)
   values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7), now() + make_interval(secs => $8))
   on conflict on constraint credential_tokens__pk do update
     set version = excluded.version, key_version = excluded.key_version, sealed = excluded.sealed,
       refresh_at = excluded.refresh_at, expires_at = excluded.expires_at, lease_id = null, leased_until = null,
       failures = 0, retry_at = null`,
);
const fail = statement<{ failures: number }>(
  'credential_tokens.fail',
  `update credential_tokens set lease_id = null, leased_until = null, failures = failures + 1,
     retry_at = now() + make_interval(secs => $5)
   where org_id = $1 and credential_id = $2 and subject = $3 and lease_id = $4 returning failures`,
);
const expire = statement(
  'credential_tokens.expire',
  `update credential_tokens set refresh_at = now(), expires_at = now()
   where org_id = $1 and credential_id = $2 and subject = $3 and version = $4`,
);
const removeOf = statement(
  'credential_tokens.delete_of',
  'delete from credential_tokens where org_id = $1 and credential_id = $2',
);
const deleteExpired = statement<{ subject: string }>(
  'credential_tokens.delete_expired',
  `delete from credential_tokens where (org_id, credential_id, subject) in (
     select org_id, credential_id, subject from credential_tokens
     where coalesce(expires_at, retry_at, leased_until) < now() - interval '1 day' limit 1000)
   returning subject`,
);
const toReseal = statement<{
  credential_id: string;
  subject: string;
  version: number;
  key_version: number;
  sealed: Buffer;
}>(
  'credential_tokens.to_reseal',
  `select credential_id, subject, version, key_version, sealed from credential_tokens
   where org_id = $1 and key_version < $2 limit $3 for update skip locked`,
);
const reseal = statement(
  'credential_tokens.reseal',
  `update credential_tokens set key_version = $4, sealed = $5
   where org_id = $1 and credential_id = $2 and subject = $3`,
);

/** A token as it is kept, and how it stands with the database's clock. */
export type KeptToken = {
  version: number;
  sealed: SealedValue | null;
  /** It need not be replaced yet. */
  isFresh: boolean;
  /** It works for a little while at least. */
  isAlive: boolean;
  failures: number;
  /** When the issuer may be asked again; 0: now. */
  retryInMs: number;
};

const nameOf = ({ orgId, credentialId, subject }: TokenName): [string, string, string] => [
  orgId,
  credentialId,
  subject,
];

export async function findToken(tx: Tx, name: TokenName): Promise<KeptToken | null> {
  const [row] = await tx.query(find, nameOf(name));
  if (!row) return null;
  return {
    version: row.version,
    sealed: row.sealed === null || row.key_version === null ? null : { keyVersion: row.key_version, bytes: row.sealed },
    isFresh: row.is_fresh,
    isAlive: row.is_alive,
    failures: row.failures,
    retryInMs: row.retry_in_ms ?? 0,
  };
}

export type TokenLease = TokenName & { leaseId: string };

/** Takes the right to ask the issuer, for so many seconds; null when there is no need to, or somebody else has it. */
export async function claimToken(
  tx: Tx,
  lease: TokenLease,
  seconds: number,
): Promise<{ version: number; failures: number } | null> {
  return (await tx.query(claim, [...nameOf(lease), lease.leaseId, seconds]))[0] ?? null;
}

export type NewToken = { version: number; sealed: SealedValue; refreshIn: number; expiresIn: number };

/** Keeps what the holder of a lease got; false when the lease has passed to somebody else. */
export async function settleToken(tx: Tx, lease: TokenLease, token: NewToken): Promise<boolean> {
  const { version, sealed, refreshIn, expiresIn } = token;
  const values = [...nameOf(lease), lease.leaseId, version, sealed.keyVersion, sealed.bytes, refreshIn, expiresIn];
  return (await tx.query(settle, values)).length > 0;
}

/** Keeps a token that a person brought, whatever there was before. */
export async function putToken(tx: Tx, name: TokenName, token: NewToken): Promise<void> {
  const { version, sealed, refreshIn, expiresIn } = token;
  await tx.query(put, [...nameOf(name), version, sealed.keyVersion, sealed.bytes, refreshIn, expiresIn]);
}

/** Gives a lease back without a token; nobody asks again for so many seconds. False when it has passed to another. */
export const failToken = async (tx: Tx, lease: TokenLease, seconds: number): Promise<boolean> =>
  (await tx.query(fail, [...nameOf(lease), lease.leaseId, seconds])).length > 0;

/** Ends a token before its time, unless it was replaced already. */
export async function expireToken(tx: Tx, name: TokenName, version: number): Promise<void> {
  await tx.query(expire, [...nameOf(name), version]);
}

export async function deleteTokensOf(tx: Tx, { orgId, credentialId }: Omit<TokenName, 'subject'>): Promise<void> {
  await tx.query(removeOf, [orgId, credentialId]);
}

/** Forgets tokens that ended a day ago; gives how many. */
export const deleteExpiredTokens = async (tx: Tx): Promise<number> => (await tx.query(deleteExpired, [])).length;

export type StoredToken = TokenName & { version: number; sealed: SealedValue };

/** Tokens that are sealed with older data keys than this, locked. */
export async function lockTokensBefore(
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<StoredToken[]> {
  const rows = await tx.query(toReseal, [orgId, keyVersion, limit]);
  return rows.map((row) => ({
    orgId,
    credentialId: row.credential_id,
    subject: row.subject,
    version: row.version,
    sealed: { keyVersion: row.key_version, bytes: row.sealed },
  }));
}

export const resealToken = (tx: Tx, name: TokenName, sealed: SealedValue): void =>
  tx.defer(reseal, [...nameOf(name), sealed.keyVersion, sealed.bytes]);
