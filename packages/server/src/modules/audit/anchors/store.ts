import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Destination } from './ports.ts';

export type DueTree = { orgId: string; size: number; checkpoint: string };

// Taken by moving `next_at` ahead: who comes second finds it moved, and who dies with it leaves it due again.
const claim = statement<{ org_id: string; size: number; checkpoint: string }>(
  'audit.claim_anchors',
  `with due as (
     select t.org_id, t.size, t.checkpoint from audit_trees t
     left join audit_anchors a on a.org_id = t.org_id and a.destination = $1
     where t.size > coalesce(a.size, 0) and coalesce(a.next_at, '-infinity') <= now()
     order by a.next_at nulls first limit $2
   ), claimed as (
     insert into audit_anchors (org_id, destination, next_at)
     select org_id, $1, now() + make_interval(secs => $3) from due
     on conflict (org_id, destination) do update set next_at = excluded.next_at where audit_anchors.next_at <= now()
     returning org_id
   )
   select due.org_id, due.size, due.checkpoint from due join claimed on claimed.org_id = due.org_id`,
);
const settle = statement(
  'audit.settle_anchor',
  `update audit_anchors set size = greatest(size, $3), next_at = now() + make_interval(secs => $4), failures = 0,
     last_error = null, anchored_at = now()
   where org_id = $1 and destination = $2`,
);
const postpone = statement(
  'audit.postpone_anchor',
  `update audit_anchors set failures = failures + 1, last_error = $3,
     next_at = now() + least(make_interval(secs => $4 * 2 ^ least(failures, 20)), interval '1 hour')
   where org_id = $1 and destination = $2`,
);
const shrunken = statement<{ org_id: string; anchored: number; size: number }>(
  'audit.shrunken',
  `select a.org_id, a.size as anchored, coalesce(t.size, 0) as size from audit_anchors a
   left join audit_trees t on t.org_id = a.org_id
   where a.destination = $1 and a.size > coalesce(t.size, 0) limit 20`,
);

/** Trees that have grown since their last anchor, taken for so many seconds. */
export async function claimDue(
  tx: Tx,
  of: { destination: Destination; limit: number; leaseSeconds: number },
): Promise<DueTree[]> {
  const rows = await tx.query(claim, [of.destination, of.limit, of.leaseSeconds]);
  return rows.map(({ org_id, size, checkpoint }) => ({ orgId: org_id, size, checkpoint }));
}

type Anchor = { orgId: string; destination: Destination };

/** It is written: not again before so many seconds have gone. */
export async function settleAnchor(tx: Tx, { orgId, destination }: Anchor, size: number, everySeconds: number) {
  await tx.query(settle, [orgId, destination, size, everySeconds]);
}

/** It could not be written: later again, each time later. */
export async function postponeAnchor(tx: Tx, { orgId, destination }: Anchor, error: string, firstSeconds: number) {
  await tx.query(postpone, [orgId, destination, error, firstSeconds]);
}

/** Logs that have fewer entries than were anchored. */
export async function findShrunken(tx: Tx, destination: Destination) {
  const rows = await tx.query(shrunken, [destination]);
  return rows.map(({ org_id, anchored, size }) => ({ orgId: org_id, anchored, size }));
}
