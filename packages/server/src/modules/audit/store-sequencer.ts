import { statement, type Tx } from '../../platform/db/index.ts';
import type { Snapshot } from './floor.ts';
import type { Entry, Leaf } from './model.ts';

/** A leaf that has no place yet. `at` has the microseconds of the column. */
export type WaitingLeaf = Leaf & { leafId: number; at: string };
type Row = {
  id: number;
  org_id: string;
  at: string;
  action: string;
  outcome: 'allowed' | 'refused';
  actor_kind: string;
  actor_id: string;
  credential: WaitingLeaf['credential'] & string;
  via: string;
  target_type: string | null;
  target_id: string | null;
  request_id: string;
  trace_id: string | null;
  detail: Record<string, unknown>;
  personal: Record<string, unknown> | null;
};

// A lock of the transaction: it goes with the process, however that ends. One that hangs with it, stopped or cut off from
// the network, is ended by the server, which then rolls back.
// Of a table that fills and empties all the time the planner's statistics are always of another moment: it is kept to the
// indexes.
const elect = statement<{ elected: boolean; xmin: string; xmax: string }>(
  'audit.elect',
  `select pg_try_advisory_xact_lock(7201936412) as elected, pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
     pg_snapshot_xmax(pg_current_snapshot())::text as xmax, set_config('idle_in_transaction_session_timeout', $1, true),
     set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'off', true),
     set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`,
);
const lock = statement('audit.lock', 'select pg_advisory_xact_lock(7201936412)');
const waiting = statement<Row>(
  'audit.waiting',
  `select id, org_id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, action, outcome, actor_kind,
     actor_id, credential, via, target_type, target_id, request_id, trace_id, detail, personal
   from audit_leaves
   where audit_leaves.id > $4 and ($2::uuid is null or org_id = $2) and org_id <> all($3)
   order by audit_leaves.id limit $1`,
);
const place = statement<{ placed: number }>(
  'audit.place',
  `with placed as (
     select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::bytea[],
       $8::bytea[], $9::bytea[])
       as p (org_id, leaf_id, leaf_index, entry_id, category, actor, leaf_hash, digest, salt)
   ), taken as (
     delete from audit_leaves l using placed p where l.org_id = p.org_id and l.id = p.leaf_id
     returning l.*, p.leaf_index, p.entry_id, p.category, p.actor, p.leaf_hash, p.digest, p.salt
   ), added as (
     insert into audit_entries (org_id, leaf_index, id, at, action, category, actor, outcome, principal_kind,
       principal_id, credential, via, target_type, target_id, request_id, trace_id, detail, personal_digest, personal,
       personal_salt, leaf_hash)
     select org_id, leaf_index, entry_id, at, action, category, actor, outcome, actor_kind, actor_id, credential, via,
       target_type, target_id, request_id, trace_id, detail, digest, personal, salt, leaf_hash
     from taken order by org_id, leaf_index
     returning 1
   )
   select count(*) as placed from added`,
);
const untold = statement<{ org_id: string; size: number; root: Buffer; checkpoint: string }>(
  'audit.untold',
  `update audit_trees t set told_size = t.size, told_at = now()
   where t.org_id in (
     select o.org_id from audit_trees o
     where o.told_size < o.size and o.told_at < now() - make_interval(secs => $1) order by o.told_at limit 500)
   returning t.org_id, t.size, t.root, t.checkpoint`,
);

/** Becomes the one that sequences, for this transaction; null when another one is. */
export async function elected(tx: Tx, timeoutMs: number): Promise<Snapshot | null> {
  const [row] = await tx.query(elect, [`${timeoutMs}ms`]);
  return row?.elected ? { xmin: BigInt(row.xmin), xmax: BigInt(row.xmax) } : null;
}

/** Waits until nobody sequences, and keeps it so for this transaction. */
export async function lockSequencing(tx: Tx): Promise<void> {
  await tx.query(lock, []);
}

export type Wanted = { limit: number; only: string | null; without: readonly string[]; behind: number };

/** Leaves that have no place yet, oldest first: of one organization alone, or of all but some. */
export async function waitingLeaves(tx: Tx, { limit, only, without, behind }: Wanted): Promise<WaitingLeaf[]> {
  return (await tx.query(waiting, [limit, only, without, behind])).map((row) => ({
    leafId: row.id,
    orgId: row.org_id,
    at: row.at,
    action: row.action,
    outcome: row.outcome,
    actor: { kind: row.actor_kind, id: row.actor_id },
    credential: row.credential,
    via: row.via,
    target: row.target_id === null ? null : { type: row.target_type ?? '', id: row.target_id },
    requestId: row.request_id,
    traceId: row.trace_id,
    detail: row.detail,
    personal: row.personal ?? {},
  }));
}

/**
 * Moves leaves to their places.
 * @throws Error when one of them is gone: then the hashes are of something else than what is moved
 */
export async function placeLeaves(tx: Tx, entries: readonly (Entry & { leafId: number })[]): Promise<void> {
  const [row] = await tx.query(place, [
    entries.map(({ orgId }) => orgId),
    entries.map(({ leafId }) => leafId),
    entries.map(({ index }) => index),
    entries.map(({ id }) => id),
    entries.map(({ category }) => category),
    entries.map(({ actor }) => actor),
    entries.map(({ leafHash }) => leafHash),
    entries.map(({ personalDigest }) => personalDigest),
    entries.map(({ salt }) => salt),
  ]);
  if (row?.placed !== entries.length)
    throw new Error(`${row?.placed} of ${entries.length} leaves were there to place.`);
}

export type UntoldCheckpoint = { orgId: string; size: number; root: Buffer; checkpoint: string };

/** Checkpoints that the event stream has not been told of and should be: at most one per organization in `seconds`. */
export async function takeUntold(tx: Tx, seconds: number): Promise<UntoldCheckpoint[]> {
  return (await tx.query(untold, [seconds])).map(({ org_id, ...rest }) => ({ orgId: org_id, ...rest }));
}
