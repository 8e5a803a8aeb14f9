import { statement, type Tx } from '../../platform/db/index.ts';
import type { NewEvent } from '../../platform/operation.ts';

const insert = statement('events.insert', 'insert into events (org_id, type, subject, data) values ($1, $2, $3, $4)');
const insertAll = statement(
  'events.insert_all',
  `insert into events (org_id, type, subject, data) select org_id, type, subject, data
   from json_to_recordset($1::json) as e(org_id uuid, type text, subject text, data jsonb)`,
);

/** Adds an event to the transaction of the act it tells of. */
export function insertEvent(tx: Tx, orgId: string, event: NewEvent): void {
  tx.defer(insert, [orgId, event.type, event.subject, JSON.stringify(event.data)]);
}

/** Adds events to the transaction of the acts that they tell of, for one that holds many acts. */
export function insertEvents(tx: Tx, events: readonly { orgId: string; event: NewEvent }[]): void {
  const rows = events.map(({ orgId, event: { type, subject, data } }) => ({ org_id: orgId, type, subject, data }));
  tx.defer(insertAll, [JSON.stringify(rows)]);
}
