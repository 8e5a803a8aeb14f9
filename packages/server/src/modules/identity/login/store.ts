import { statement, type Tx } from '../../../platform/db/index.ts';

export type RefreshToken = {
  id: string;
  familyId: string;
  userId: string;
  isUsed: boolean;
  isRevoked: boolean;
  isExpired: boolean;
};

const insert = statement(
  'login.insert_refresh',
  `insert into refresh_tokens (id, family_id, user_id, hash, expires_at) values ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
);
// Locked, so that of two uses at once one is the second.
const byHash = statement<{
  id: string;
  family_id: string;
  user_id: string;
  used_at: Date | null;
  revoked_at: Date | null;
  is_expired: boolean;
}>(
  'login.refresh_by_hash',
  `select id, family_id, user_id, used_at, revoked_at, expires_at <= now() as is_expired
   from refresh_tokens where hash = $1 for update`,
);
const markUsed = statement('login.mark_used', 'update refresh_tokens set used_at = now() where id = $1');
const revokeFamily = statement(
  'login.revoke_family',
  'update refresh_tokens set revoked_at = now() where family_id = $1 and revoked_at is null',
);
const familyIsAlive = statement<{ alive: boolean }>(
  'login.family_alive',
  `select exists (select 1 from refresh_tokens where family_id = $1 and user_id = $2 and revoked_at is null) as alive`,
);
export type NewRefreshToken = { id: string; familyId: string; userId: string; hash: Buffer; seconds: number };

export function insertRefreshToken(tx: Tx, token: NewRefreshToken): void {
  tx.defer(insert, [token.id, token.familyId, token.userId, token.hash, token.seconds]);
}

/** Finds a refresh token and locks its row until the transaction ends. */
export async function lockRefreshToken(tx: Tx, hash: Buffer): Promise<RefreshToken | null> {
  const [row] = await tx.query(byHash, [hash]);
  if (!row) return null;
  return {
    id: row.id,
    familyId: row.family_id,
    userId: row.user_id,
    isUsed: row.used_at !== null,
    isRevoked: row.revoked_at !== null,
    isExpired: row.is_expired,
  };
}

export const markRefreshTokenUsed = (tx: Tx, id: string): void => tx.defer(markUsed, [id]);

export const revokeTokenFamily = (tx: Tx, familyId: string): void => tx.defer(revokeFamily, [familyId]);

export async function isFamilyAlive(tx: Tx, familyId: string, userId: string): Promise<boolean> {
  return (await tx.query(familyIsAlive, [familyId, userId]))[0]?.alive === true;
}
