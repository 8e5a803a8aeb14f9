import { statement, type Tx } from '../../platform/db/index.ts';
import type { Leaf } from './model.ts';

const insert = statement(
  'audit.insert_all',
  `insert into audit_leaves
     (org_id, action, outcome, actor_kind, actor_id, credential, via, target_type, target_id, request_id, trace_id, detail,
      personal)
   select org_id, action, outcome, actor_kind, actor_id, credential, via, target_type, target_id, request_id, trace_id,
     detail, personal
   from json_to_recordset($1::json) as l(org_id uuid, action text, outcome text, actor_kind text, actor_id text,
     credential text, via text, target_type text, target_id text, request_id text, trace_id text, detail jsonb,
     personal jsonb)`,
);

/** Adds leaves to the transaction of the acts that they record, for one that holds many acts. */
export function insertLeaves(tx: Tx, leaves: readonly Leaf[]): void {
  tx.defer(insert, [JSON.stringify(leaves.map(toRow))]);
}

const toRow = (leaf: Leaf) => ({
  org_id: leaf.orgId,
  action: leaf.action,
  outcome: leaf.outcome,
  actor_kind: leaf.actor.kind,
  actor_id: leaf.actor.id,
  credential: leaf.credential ?? 'none',
  via: leaf.via,
  target_type: leaf.target?.type ?? null,
  target_id: leaf.target?.id ?? null,
  request_id: leaf.requestId,
  trace_id: leaf.traceId,
  detail: leaf.detail,
  personal: Object.keys(leaf.personal).length === 0 ? null : leaf.personal,
});
