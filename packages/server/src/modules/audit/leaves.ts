import { statement, type Tx } from '../../platform/db/index.ts';
import type { Leaf } from './model.ts';

const insert = statement(
  'audit.insert',
  `insert into audit_leaves
     (org_id, action, outcome, actor_kind, actor_id, credential, via, target_type, target_id, request_id, trace_id, detail,
      personal)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
);

/** Adds a leaf to the transaction of the act it records. */
export function insertLeaf(tx: Tx, leaf: Leaf): void {
  tx.defer(insert, [
    leaf.orgId,
    leaf.action,
    leaf.outcome,
    leaf.actor.kind,
    leaf.actor.id,
    leaf.credential ?? 'none',
    leaf.via,
    leaf.target?.type ?? null,
    leaf.target?.id ?? null,
    leaf.requestId,
    leaf.traceId,
    JSON.stringify(leaf.detail),
    Object.keys(leaf.personal).length === 0 ? null : JSON.stringify(leaf.personal),
  ]);
}
