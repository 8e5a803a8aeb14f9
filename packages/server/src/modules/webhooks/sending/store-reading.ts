import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Position } from '../../events/index.ts';
import type { NewMessage } from '../deliveries/model.ts';
import type { Maker, Webhook } from '../endpoints/model.ts';

/** A webhook that has not heard of something, how far it has read, and after what it goes on. */
export type Listening = Pick<Webhook, 'orgId' | 'id' | 'filter' | 'maker'> & { read: Position; after: Position };

type Row = {
  org_id: string;
  webhook_id: string;
  event_types: string[];
  subjects: string[];
  maker_kind: Maker['kind'];
  maker_id: string;
  maker_user_id: string | null;
  maker_scopes: string[] | null;
  read_xid: string;
  read_id: string;
  after_xid: string;
};

/*
 * Whose organization has events that they have not read; furthest behind first, so that nobody waits for those with more.
 * One with many messages on their way reads no further: its events wait where they are. Transaction ids begin anew in a
 * database that was brought back from a dump: whoever has read further than any transaction begins anew, too.
 */
const behind = statement<Row>(
  'webhooks.behind',
  `select p.org_id, p.webhook_id, w.event_types, w.subjects, w.maker_kind, w.maker_id, w.maker_user_id, w.maker_scopes,
     p.read_xid::text as read_xid, p.read_id::text as read_id, a.after_xid::text as after_xid
   from webhook_progress p
   join webhooks w on w.org_id = p.org_id and w.id = p.webhook_id and w.is_enabled
   join organizations o on o.id = p.org_id and o.deleted_at is null
   cross join lateral (select case when p.read_xid < pg_snapshot_xmax(pg_current_snapshot()) then p.read_xid
     else '0'::xid8 end as after_xid) a
   where exists (select from events e where e.org_id = p.org_id and (e.xid, e.id) > (a.after_xid, p.read_id)
       and e.xid < pg_snapshot_xmin(pg_current_snapshot()))
     and not exists (select from webhook_deliveries d
       where d.org_id = p.org_id and d.webhook_id = p.webhook_id and d.state = 'pending' offset $1)
   order by p.read_xid, p.org_id, p.webhook_id limit $2`,
);
/*
 * Moves webhooks on and puts their messages on their way, in one statement. Of several workers that read the same, one does
 * it: the others find the row locked, or not where they began. Rows are locked without waiting, so no order is needed.
 */
const tell = statement<{ id: string }>(
  'webhooks.tell',
  `with mine as (
     select p.org_id, p.webhook_id, r.to_xid, r.to_id from webhook_progress p
     join json_to_recordset($1::json) as r(org_id uuid, webhook_id uuid, from_xid text, from_id bigint, to_xid text, to_id bigint)
       on p.org_id = r.org_id and p.webhook_id = r.webhook_id and p.read_xid = r.from_xid::xid8 and p.read_id = r.from_id
     for update of p skip locked
   ), moved as (
     update webhook_progress p set read_xid = m.to_xid::xid8, read_id = m.to_id
     from mine m where p.org_id = m.org_id and p.webhook_id = m.webhook_id returning p.org_id, p.webhook_id
   )
   insert into webhook_deliveries (org_id, webhook_id, message_id, kind, event_type, subject, body, due_at)
   select m.org_id, m.webhook_id, d.message_id, 'event', d.event_type, d.subject, d.body, now()
   from moved m join json_to_recordset($2::json) as d(org_id uuid, webhook_id uuid, message_id text, event_type text,
     subject text, body text) on d.org_id = m.org_id and d.webhook_id = m.webhook_id
   on conflict on constraint webhook_deliveries__message do nothing
   returning id`,
);

/** Webhooks with events to hear of. */
export async function findBehind(
  tx: Tx,
  { mostPending, limit }: { mostPending: number; limit: number },
): Promise<Listening[]> {
  const rows = await tx.query(behind, [mostPending, limit]);
  return rows.map((row) => ({
    orgId: row.org_id,
    id: row.webhook_id,
    filter: { types: row.event_types, subjects: row.subjects },
    maker: { kind: row.maker_kind, id: row.maker_id, userId: row.maker_user_id, scopes: row.maker_scopes },
    read: { xid: BigInt(row.read_xid), id: BigInt(row.read_id) },
    after: { xid: BigInt(row.after_xid), id: BigInt(row.read_id) },
  }));
}

/** What a webhook hears of the events up to a position. */
export type Reading = { webhook: Listening; upTo: Position; messages: readonly NewMessage[] };

/** Notes how far webhooks have read, together with what they heard; says how many messages are on their way. */
export async function tellWebhooks(tx: Tx, readings: readonly Reading[]): Promise<number> {
  const moves = readings.map(({ webhook: { orgId, id, read }, upTo }) => ({
    org_id: orgId,
    webhook_id: id,
    from_xid: String(read.xid),
    // As text: the largest are more than a number can say exactly.
    from_id: String(read.id),
    to_xid: String(upTo.xid),
    to_id: String(upTo.id),
  }));
  const messages = readings.flatMap(({ webhook, messages }) =>
    messages.map(({ id, eventType, subject, body }) => ({
      org_id: webhook.orgId,
      webhook_id: webhook.id,
      message_id: id,
      event_type: eventType,
      subject,
      body,
    })),
  );
  return (await tx.query(tell, [JSON.stringify(moves), JSON.stringify(messages)])).length;
}
