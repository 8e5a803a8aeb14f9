import { statement, type Tx } from '../../../platform/db/index.ts';
import type { DisabledReason, Health, Maker, Webhook } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  url: string;
  description: string;
  event_types: string[];
  subjects: string[];
  disabled_at: Date | null;
  disabled_reason: DisabledReason | null;
  created_by: string;
  maker_kind: Maker['kind'];
  maker_id: string;
  maker_user_id: string | null;
  maker_scopes: string[] | null;
  version: number;
  created_at: Date;
  updated_at: Date;
};
type HealthRow = Row & { consecutive_failures: number; failing_since: Date | null; paused_until: Date | null };

const COLUMNS = `org_id, id, url, description, event_types, subjects, disabled_at, disabled_reason, created_by, maker_kind,
  maker_id, maker_user_id, maker_scopes, version, created_at, updated_at`;
const of = (table: string): string => COLUMNS.replace(/\w+/g, `${table}.$&`);
const WITH_HEALTH = `select ${of('w')}, p.consecutive_failures, p.failing_since, p.paused_until
   from webhooks w join webhook_progress p on p.org_id = w.org_id and p.webhook_id = w.id`;

// What happened before it was made it does not hear, nor of its own making.
const insert = statement<Row>(
  'webhooks.insert',
  `with made as (
     insert into webhooks (org_id, id, url, description, event_types, subjects, created_by, maker_kind, maker_id,
       maker_user_id, maker_scopes)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning ${COLUMNS}
   ), progress as (
     insert into webhook_progress (org_id, webhook_id, read_id) select m.org_id, m.id, 9223372036854775807 from made m
   )
   select ${COLUMNS} from made`,
);
// One after the other, so that two at once do not pass the most that there may be.
const lockMaking = statement(
  'webhooks.lock_making',
  `select pg_advisory_xact_lock(hashtextextended('webhooks ' || $1::text, 0))`,
);
const count = statement<{ count: number }>(
  'webhooks.count',
  'select count(*)::integer as count from webhooks where org_id = $1',
);
const byId = statement<HealthRow>('webhooks.by_id', `${WITH_HEALTH} where w.org_id = $1 and w.id = $2`);
const lock = statement<Row>(
  'webhooks.lock',
  `select ${COLUMNS} from webhooks where org_id = $1 and id = $2 for update`,
);
const list = statement<HealthRow>(
  'webhooks.list',
  `${WITH_HEALTH} where w.org_id = $1 and ($2::uuid is null or (w.created_at, w.id) <
     (select last.created_at, last.id from webhooks last where last.org_id = $1 and last.id = $2))
   order by w.created_at desc, w.id desc limit $3`,
);
const update = statement<Row>(
  'webhooks.update',
  `update webhooks set url = $3, description = $4, event_types = $5, subjects = $6, maker_kind = $7, maker_id = $8,
     maker_user_id = $9, maker_scopes = $10, version = version + 1, updated_at = now()
   where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const enable = statement(
  'webhooks.enable',
  `with enabled as (
     update webhooks set is_enabled = true, disabled_at = null, disabled_reason = null, version = version + 1,
       updated_at = now()
     where org_id = $1 and id = $2 returning org_id, id
   )
   update webhook_progress p set consecutive_failures = 0, failing_since = null, paused_until = null
   from enabled e where p.org_id = e.org_id and p.webhook_id = e.id`,
);
const disable = statement<Row>(
  'webhooks.disable',
  `update webhooks set is_enabled = false, disabled_at = now(), disabled_reason = $3, version = version + 1,
     updated_at = now()
   where org_id = $1 and id = $2 and is_enabled returning ${COLUMNS}`,
);
// What happened while it was disabled, and what still waited when it was.
const skip = statement(
  'webhooks.skip_missed',
  `with waiting as (
     update webhook_deliveries set state = 'failed', is_sending = false, ended_at = now(),
       last_error = 'Not sent: the webhook was disabled, and enabled again without what it missed.'
     where org_id = $1 and webhook_id = $2 and state = 'pending' and kind = 'event'
   )
   update webhook_progress set read_xid = pg_current_xact_id(), read_id = 0 where org_id = $1 and webhook_id = $2`,
);
const remove = statement(
  'webhooks.delete',
  `with waiting as (
     update webhook_deliveries set state = 'failed', is_sending = false, ended_at = now(),
       last_error = 'Not sent: the webhook was deleted.'
     where org_id = $1 and webhook_id = $2 and state = 'pending'
   )
   delete from webhooks where org_id = $1 and id = $2`,
);
const freeze = statement(
  'webhooks.freeze',
  'update webhooks set maker_user_id = null, maker_scopes = $3 where org_id = $1 and id = $2',
);
const boundBy = statement<Row>(
  'webhooks.bound_by',
  `select ${COLUMNS} from webhooks where org_id = $1 and maker_user_id = $2 order by id for update`,
);

export type NewWebhook = Pick<Webhook, 'orgId' | 'id' | 'url' | 'description' | 'filter' | 'createdBy' | 'maker'>;

/** Counts an organization's webhooks, and holds off others who would make one until the transaction ends. */
export async function countWebhooks(tx: Tx, orgId: string): Promise<number> {
  await tx.query(lockMaking, [orgId]);
  return (await tx.query(count, [orgId]))[0]?.count ?? 0;
}

export async function insertWebhook(tx: Tx, of: NewWebhook): Promise<Webhook> {
  const { orgId, id, url, description, filter, createdBy, maker } = of;
  const heard = [url, description, [...filter.types], [...filter.subjects]] as const;
  const [row] = await tx.query(insert, [orgId, id, ...heard, createdBy, ...makerColumns(maker)]);
  return toWebhook(row as Row);
}

export type WebhookWithHealth = { webhook: Webhook; health: Health };

export async function findWebhook(tx: Tx, orgId: string, id: string): Promise<WebhookWithHealth | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? { webhook: toWebhook(row), health: toHealth(row) } : null;
}

/** Finds a webhook and locks its row until the transaction ends. */
export async function lockWebhook(tx: Tx, orgId: string, id: string): Promise<Webhook | null> {
  const [row] = await tx.query(lock, [orgId, id]);
  return row ? toWebhook(row) : null;
}

export type WebhookPage = { orgId: string; after: string | null; limit: number };

/** Webhooks of an organization, newest first. */
export async function listWebhooks(tx: Tx, { orgId, after, limit }: WebhookPage): Promise<WebhookWithHealth[]> {
  const rows = await tx.query(list, [orgId, after, limit]);
  return rows.map((row) => ({ webhook: toWebhook(row), health: toHealth(row) }));
}

export async function updateWebhook(tx: Tx, of: Webhook): Promise<Webhook> {
  const heard = [of.url, of.description, [...of.filter.types], [...of.filter.subjects]] as const;
  const [row] = await tx.query(update, [of.orgId, of.id, ...heard, ...makerColumns(of.maker)]);
  return toWebhook(row as Row);
}

type Named = Pick<Webhook, 'orgId' | 'id'>;

/** Has a webhook sent messages again; it goes on where it stopped. */
export async function enableWebhook(tx: Tx, { orgId, id }: Named): Promise<void> {
  await tx.query(enable, [orgId, id]);
}

/** Passes over what a webhook has not heard of up to now. */
export async function skipMissed(tx: Tx, { orgId, id }: Named): Promise<void> {
  await tx.query(skip, [orgId, id]);
}

/** Has a webhook sent nothing any more; null when it was disabled already, or is gone. */
export async function disableWebhook(tx: Tx, { orgId, id }: Named, reason: DisabledReason): Promise<Webhook | null> {
  const [row] = await tx.query(disable, [orgId, id, reason]);
  return row ? toWebhook(row) : null;
}

/** Deletes a webhook with its secrets. What still waits is not sent; the log goes when its time is over. */
export async function deleteWebhook(tx: Tx, { orgId, id }: Named): Promise<void> {
  await tx.query(remove, [orgId, id]);
}

/** The webhooks that a person bounds, locked. */
export const lockWebhooksBoundBy = async (tx: Tx, orgId: string, userId: string): Promise<Webhook[]> =>
  (await tx.query(boundBy, [orgId, userId])).map(toWebhook);

/** Makes the scopes of a webhook final. */
export function freezeMaker(tx: Tx, { orgId, id }: Named, scopes: readonly string[]): void {
  tx.defer(freeze, [orgId, id, [...scopes]]);
}

const makerColumns = ({ kind, id, userId, scopes }: Maker) =>
  [kind, id, userId, scopes === null ? null : [...scopes]] as const;

const toWebhook = (row: Row): Webhook => ({
  orgId: row.org_id,
  id: row.id,
  url: row.url,
  description: row.description,
  filter: { types: row.event_types, subjects: row.subjects },
  disabled: row.disabled_at && row.disabled_reason ? { at: row.disabled_at, reason: row.disabled_reason } : null,
  createdBy: row.created_by,
  maker: { kind: row.maker_kind, id: row.maker_id, userId: row.maker_user_id, scopes: row.maker_scopes },
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toHealth = (row: HealthRow): Health => ({
  consecutiveFailures: row.consecutive_failures,
  failingSince: row.failing_since,
  pausedUntil: row.paused_until,
});
