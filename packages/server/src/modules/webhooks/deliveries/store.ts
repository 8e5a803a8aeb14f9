import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Attempt, Delivery, DeliveryKind, DeliveryState, NewMessage } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  webhook_id: string;
  message_id: string;
  kind: DeliveryKind;
  event_type: string;
  subject: string;
  state: DeliveryState;
  due_at: Date;
  is_sending: boolean;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  created_at: Date;
  ended_at: Date | null;
};
type AttemptRow = {
  number: number;
  at: Date;
  duration_ms: number;
  status: number | null;
  error: string | null;
  answer: string | null;
};

const COLUMNS = `org_id, id, webhook_id, message_id, kind, event_type, subject, state, due_at, is_sending, attempts,
  last_status, last_error, created_at, ended_at`;

const insertTest = statement<Row>(
  'deliveries.insert_test',
  `insert into webhook_deliveries (org_id, webhook_id, message_id, kind, event_type, subject, body, due_at)
   values ($1, $2, $3, 'test', $4, $5, $6, now()) returning ${COLUMNS}`,
);
const byId = statement<Row & { body: string }>(
  'deliveries.by_id',
  `select ${COLUMNS}, body from webhook_deliveries where org_id = $1 and webhook_id = $2 and id = $3`,
);
const lock = statement<Row>(
  'deliveries.lock',
  `select ${COLUMNS} from webhook_deliveries where org_id = $1 and webhook_id = $2 and id = $3 for update`,
);
const attempts = statement<AttemptRow>(
  'deliveries.attempts',
  `select number, at, duration_ms, status, error, answer from webhook_attempts
   where org_id = $1 and delivery_id = $2 order by number desc limit $3`,
);
const list = statement<Row>(
  'deliveries.list',
  `select ${COLUMNS} from webhook_deliveries d where d.org_id = $1 and d.webhook_id = $2
     and ($3::text is null or d.state = $3) and ($4::uuid is null or (d.created_at, d.id) <
     (select last.created_at, last.id from webhook_deliveries last where last.org_id = $1 and last.id = $4))
   order by d.created_at desc, d.id desc limit $5`,
);
const again = statement<Row>(
  'deliveries.again',
  `update webhook_deliveries set state = 'pending', is_sending = false, due_at = now(), failures = 0, ended_at = null
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const deleteOld = statement<{ id: string }>(
  'deliveries.delete_old',
  `delete from webhook_deliveries where (org_id, id) in
     (select org_id, id from webhook_deliveries where created_at < now() - make_interval(days => $1) limit 5000)
   returning id`,
);

/** Puts a test on its way. */
export async function insertTestDelivery(
  tx: Tx,
  { orgId, id }: { orgId: string; id: string },
  message: NewMessage,
): Promise<Delivery> {
  const [row] = await tx.query(insertTest, [orgId, id, message.id, message.eventType, message.subject, message.body]);
  return toDelivery(row as Row);
}

/** Which delivery, of which webhook. */
export type DeliveryName = { orgId: string; webhookId: string; id: string };

export async function findDelivery(
  tx: Tx,
  { orgId, webhookId, id }: DeliveryName,
): Promise<{ delivery: Delivery; body: string } | null> {
  const [row] = await tx.query(byId, [orgId, webhookId, id]);
  return row ? { delivery: toDelivery(row), body: row.body } : null;
}

/** Finds a delivery and locks its row until the transaction ends. */
export async function lockDelivery(tx: Tx, { orgId, webhookId, id }: DeliveryName): Promise<Delivery | null> {
  const [row] = await tx.query(lock, [orgId, webhookId, id]);
  return row ? toDelivery(row) : null;
}

/** What became of each try, newest first. */
export async function listAttempts(tx: Tx, orgId: string, deliveryId: string, limit: number): Promise<Attempt[]> {
  const rows = await tx.query(attempts, [orgId, deliveryId, limit]);
  return rows.map(({ duration_ms: durationMs, ...row }) => ({ ...row, durationMs }));
}

export type DeliveryPage = {
  orgId: string;
  webhookId: string;
  state: DeliveryState | null;
  after: string | null;
  limit: number;
};

/** Deliveries to a webhook, newest first. */
export async function listDeliveries(tx: Tx, of: DeliveryPage): Promise<Delivery[]> {
  const rows = await tx.query(list, [of.orgId, of.webhookId, of.state, of.after, of.limit]);
  return rows.map(toDelivery);
}

/** Has a delivery that is locked sent once more, at once and by a schedule that begins anew. */
export async function sendAgain(tx: Tx, { orgId, id }: Pick<Delivery, 'orgId' | 'id'>): Promise<Delivery> {
  const [row] = await tx.query(again, [orgId, id]);
  return toDelivery(row as Row);
}

/** Deletes a batch of what is older; says how many. */
export async function deleteDeliveriesOlderThan(tx: Tx, days: number): Promise<number> {
  return (await tx.query(deleteOld, [days])).length;
}

const toDelivery = (row: Row): Delivery => ({
  orgId: row.org_id,
  id: row.id,
  webhookId: row.webhook_id,
  messageId: row.message_id,
  kind: row.kind,
  eventType: row.event_type,
  subject: row.subject,
  state: row.state,
  nextAttemptAt: row.state === 'pending' && !row.is_sending ? row.due_at : null,
  isSending: row.is_sending,
  attempts: row.attempts,
  lastStatus: row.last_status,
  lastError: row.last_error,
  createdAt: row.created_at,
  endedAt: row.ended_at,
});
