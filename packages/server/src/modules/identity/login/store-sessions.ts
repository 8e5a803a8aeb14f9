import { statement, type Tx } from '../../../platform/db/index.ts';
import type { LoginMethod } from './model.ts';

/** A login as its owner sees it. */
export type LoginView = {
  id: string;
  method: LoginMethod;
  client: string;
  address: string | null;
  orgId: string | null;
  /** Whether a browser's cookie carries it. */
  isBrowser: boolean;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
};

type Row = {
  id: string;
  method: LoginMethod;
  client: string;
  address: string | null;
  org_id: string | null;
  is_browser: boolean;
  created_at: Date;
  last_seen_at: Date;
  expires_at: Date;
};

const ALIVE = 'revoked_at is null and expires_at > now()';
const list = statement<Row>(
  'sessions.list',
  `select id, method, client, address, org_id, session_hash is not null as is_browser, created_at, last_seen_at, expires_at
   from logins where user_id = $1 and ${ALIVE} and (
     $2::uuid is null or (created_at, id) < (select last.created_at, last.id from logins last where last.id = $2 and last.user_id = $1))
   order by created_at desc, id desc limit $3`,
);
const endOne = statement<{ id: string }>(
  'sessions.end',
  `update logins set revoked_at = now() where id = $1 and user_id = $2 and ${ALIVE} returning id`,
);
const endMany = statement<{ id: string }>(
  'sessions.end_many',
  `update logins set revoked_at = now() where user_id = $1 and id is distinct from $2 and ${ALIVE} returning id`,
);
const own = statement<{ is_whole: boolean; is_recent: boolean }>(
  'sessions.own',
  `select scopes is null as is_whole, created_at > now() - make_interval(secs => $3) as is_recent
   from logins where id = $1 and user_id = $2 and ${ALIVE}`,
);
const seen = statement(
  'sessions.seen',
  `update logins l set last_seen_at = greatest(l.last_seen_at, s.at)
   from unnest($1::uuid[], $2::timestamptz[]) as s (id, at) where l.id = s.id and l.revoked_at is null`,
);

/** Living logins of a person, newest first, after the login of the given id. */
export async function listLogins(
  tx: Tx,
  userId: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<LoginView[]> {
  return (await tx.query(list, [userId, after, limit])).map((row) => ({
    id: row.id,
    method: row.method,
    client: row.client,
    address: row.address,
    orgId: row.org_id,
    isBrowser: row.is_browser,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
  }));
}

/** Ends a login of a person; false when there is none that lives. */
export const endLoginOf = async (tx: Tx, userId: string, loginId: string): Promise<boolean> =>
  (await tx.query(endOne, [loginId, userId])).length > 0;

/** Ends all logins of a person but the given one, and says how many there were. */
export const endLoginsOf = async (tx: Tx, userId: string, except: string | null): Promise<number> =>
  (await tx.query(endMany, [userId, except])).length;

/** What a login may be trusted with; null when it has ended. */
export async function weighLogin(
  tx: Tx,
  { loginId, userId, recentSeconds }: { loginId: string; userId: string; recentSeconds: number },
): Promise<{ isWhole: boolean; isRecent: boolean } | null> {
  const [row] = await tx.query(own, [loginId, userId, recentSeconds]);
  return row ? { isWhole: row.is_whole, isRecent: row.is_recent } : null;
}

/** Notes when logins were last used, many at once. */
export async function markLoginsSeen(tx: Tx, seenAt: ReadonlyMap<string, Date>): Promise<void> {
  await tx.query(seen, [[...seenAt.keys()], [...seenAt.values()]]);
}
