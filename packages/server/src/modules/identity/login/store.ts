import type { UserId } from '../../../kernel/ids.ts';
import { statement, type Tx } from '../../../platform/db/index.ts';
import type { AccessClaims } from '../tokens/access-tokens.ts';
import type { Login, LoginMethod } from './model.ts';

export type RefreshToken = {
  id: string;
  loginId: string;
  userId: string;
  isUsed: boolean;
  /** Whether its login has ended. */
  isRevoked: boolean;
  isExpired: boolean;
};

const insertLoginRow = statement(
  'login.insert',
  `insert into logins (id, user_id, org_id, method, client, address, session_hash, expires_at, scopes, client_id)
   values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), $9, $10)`,
);
const livingLogin = statement<LoginRow>(
  'login.living',
  `select l.id, l.user_id, l.org_id, l.method, l.expires_at, l.scopes, l.client_id,
     exists (select 1 from platform_grants g where g.principal_kind = 'user' and g.principal_id = l.user_id) as is_platform_admin
   from logins l join users u on u.id = l.user_id
   where l.id = $1 and l.revoked_at is null and l.expires_at > now() and u.disabled_at is null`,
);
const sessionByHash = statement<{ id: string; user_id: string; org_id: string | null }>(
  'login.session',
  'select id, user_id, org_id from logins where session_hash = $1 and revoked_at is null and expires_at > now()',
);
const revoke = statement('login.revoke', 'update logins set revoked_at = now() where id = $1 and revoked_at is null');
const insertRefresh = statement(
  'login.insert_refresh',
  'insert into refresh_tokens (id, login_id, hash, expires_at) values ($1, $2, $3, now() + make_interval(secs => $4))',
);
// Locked, so that of two uses at once one is the second.
const byHash = statement<{
  id: string;
  login_id: string;
  user_id: string;
  used_at: Date | null;
  is_revoked: boolean;
  is_expired: boolean;
}>(
  'login.refresh_by_hash',
  `select t.id, t.login_id, l.user_id, t.used_at, l.revoked_at is not null as is_revoked, t.expires_at <= now() as is_expired
   from refresh_tokens t join logins l on l.id = t.login_id
   where t.hash = $1 for update of t, l`,
);
const markUsed = statement('login.mark_used', 'update refresh_tokens set used_at = now() where id = $1');
// A login lives as long as its latest refresh token.
const prolong = statement(
  'login.prolong',
  'update logins set expires_at = now() + make_interval(secs => $2), last_seen_at = now() where id = $1',
);
// From now on it is used by a cookie alone: its refresh tokens are gone.
const becomeSession = statement(
  'login.become_session',
  `with spent as (delete from refresh_tokens where login_id = $1)
   update logins set session_hash = $2, expires_at = now() + make_interval(secs => $3) where id = $1`,
);

type LoginRow = {
  id: string;
  user_id: string;
  org_id: string | null;
  method: LoginMethod;
  expires_at: Date;
  scopes: string[] | null;
  client_id: string | null;
  is_platform_admin: boolean;
};

export type NewLogin = {
  id: string;
  userId: string;
  orgId: string | null;
  method: LoginMethod;
  client: string;
  address: string | null;
  sessionHash: Buffer | null;
  seconds: number;
  scopes: readonly string[] | null;
  clientId: string | null;
};

export function insertLogin(tx: Tx, login: NewLogin): void {
  const { id, userId, orgId, method, client, address, sessionHash, seconds, scopes, clientId } = login;
  tx.defer(insertLoginRow, [id, userId, orgId, method, client, address, sessionHash, seconds, scopes, clientId]);
}

/** A login that has not ended, of a person who may sign in. */
export async function findLogin(tx: Tx, id: string): Promise<Login | null> {
  const [row] = await tx.query(livingLogin, [id]);
  if (!row) return null;
  return {
    id: row.id,
    userId: row.user_id as UserId,
    orgId: row.org_id,
    method: row.method,
    expiresAt: row.expires_at,
    scopes: row.scopes,
    clientId: row.client_id,
    isPlatformAdmin: row.is_platform_admin,
  };
}

/** The login of a browser's session, by the hash of its cookie. */
export async function findSession(tx: Tx, hash: Buffer): Promise<AccessClaims | null> {
  const [row] = await tx.query(sessionByHash, [hash]);
  return row ? { loginId: row.id, userId: row.user_id, orgId: row.org_id } : null;
}

/** Ends a login: its session, its access tokens and its refresh tokens. */
export const revokeLogin = (tx: Tx, id: string): void => tx.defer(revoke, [id]);

/** Makes a login that was opened with tokens a browser's session. */
export const turnIntoSession = (tx: Tx, id: string, sessionHash: Buffer, seconds: number): void =>
  tx.defer(becomeSession, [id, sessionHash, seconds]);

export const prolongLogin = (tx: Tx, id: string, seconds: number): void => tx.defer(prolong, [id, seconds]);

export type NewRefreshToken = { id: string; loginId: string; hash: Buffer; seconds: number };

export function insertRefreshToken(tx: Tx, token: NewRefreshToken): void {
  tx.defer(insertRefresh, [token.id, token.loginId, token.hash, token.seconds]);
}

/** Finds a refresh token and locks its row until the transaction ends. */
export async function lockRefreshToken(tx: Tx, hash: Buffer): Promise<RefreshToken | null> {
  const [row] = await tx.query(byHash, [hash]);
  if (!row) return null;
  return {
    id: row.id,
    loginId: row.login_id,
    userId: row.user_id,
    isUsed: row.used_at !== null,
    isRevoked: row.is_revoked,
    isExpired: row.is_expired,
  };
}

export const markRefreshTokenUsed = (tx: Tx, id: string): void => tx.defer(markUsed, [id]);
