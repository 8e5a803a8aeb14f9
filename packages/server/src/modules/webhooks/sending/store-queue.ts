import { statement, type Tx } from '../../../platform/db/index.ts';
import {
  type Attempt,
  type DeliveryKind,
  type DeliveryState,
  FAILING_FROM,
  LONGEST_PAUSE_SECONDS,
} from '../deliveries/model.ts';
import type { StoredSecret } from '../endpoints/store-secrets.ts';

/* Statements of sending: over all organizations, on the system handle, each a transaction of its own. */

/** A delivery that this process has claimed, with all that sending it needs. */
export type ClaimedDelivery = {
  orgId: string;
  id: string;
  fence: number;
  webhookId: string;
  url: string;
  messageId: string;
  kind: DeliveryKind;
  body: string;
  failures: number;
  /** Newest first. */
  secrets: readonly StoredSecret[];
};

type ClaimRow = {
  org_id: string;
  id: string;
  fence: number;
  webhook_id: string;
  url: string;
  message_id: string;
  kind: DeliveryKind;
  body: string;
  failures: number;
  secrets: { version: number; key_version: number; sealed: string }[];
};

/*
 * Claims what is due in one lane: the webhooks that take messages, with the tests of all, or those that fail. `waiting` hops
 * over the index of pending deliveries from webhook to webhook, so the cost follows how many webhooks have something
 * waiting, not how much. Of each come the oldest, as many as may still be sent to it at once. Then whoever holds the fewest
 * places comes first, by organization and within it by webhook. Lock order: none is needed, locked rows are skipped.
 */
const claim = statement<ClaimRow>(
  'deliveries.claim',
  `with recursive waiting as (
     (select d.org_id, d.webhook_id from webhook_deliveries d where d.state = 'pending'
      order by d.org_id, d.webhook_id limit 1)
     union all
     select n.org_id, n.webhook_id from waiting w cross join lateral (
       select d.org_id, d.webhook_id from webhook_deliveries d
       where d.state = 'pending' and (d.org_id, d.webhook_id) > (w.org_id, w.webhook_id)
       order by d.org_id, d.webhook_id limit 1) n
   ), standing as (
     select w.org_id, w.webhook_id,
       h.is_enabled and (p.consecutive_failures >= $5) = $3 and (p.paused_until is null or p.paused_until <= now()) as is_open,
       (select count(*) from webhook_deliveries s where s.org_id = w.org_id and s.webhook_id = w.webhook_id
          and s.is_sending and s.due_at > now()) as taken
     from waiting w
     join webhooks h on h.org_id = w.org_id and h.id = w.webhook_id
     join webhook_progress p on p.org_id = w.org_id and p.webhook_id = w.webhook_id
     join organizations o on o.id = w.org_id and o.deleted_at is null
   ), candidates as (
     select s.org_id, q.id, q.due_at,
       s.taken + row_number() over (partition by s.org_id, s.webhook_id order by q.due_at) as share,
       sum(s.taken) over (partition by s.org_id) as of_organization
     from standing s cross join lateral (
       (select d.id, d.due_at from webhook_deliveries d
        where s.is_open and d.org_id = s.org_id and d.webhook_id = s.webhook_id and d.state = 'pending'
          and d.kind = 'event' and d.due_at <= now()
        order by d.due_at limit greatest(0, $4 - s.taken))
       union all
       (select d.id, d.due_at from webhook_deliveries d
        where not $3 and d.org_id = s.org_id and d.webhook_id = s.webhook_id and d.state = 'pending'
          and d.kind = 'test' and d.due_at <= now()
        order by d.due_at limit 1)
     ) q
   ), picked as (
     select c.org_id, c.id from candidates c
     order by c.of_organization + row_number() over (partition by c.org_id order by c.share, c.due_at), c.due_at limit $1
   ), locked as (
     select d.org_id, d.id from picked p join webhook_deliveries d on d.org_id = p.org_id and d.id = p.id
     where d.state = 'pending' and d.due_at <= now() for update of d skip locked
   ), claimed as (
     update webhook_deliveries d set is_sending = true, fence = d.fence + 1, due_at = now() + make_interval(secs => $2)
     from locked l where d.org_id = l.org_id and d.id = l.id
     returning d.org_id, d.id, d.fence, d.webhook_id, d.message_id, d.kind, d.body, d.failures
   )
   select c.*, h.url, (select coalesce(json_agg(json_build_object('version', k.version, 'key_version', k.key_version,
       'sealed', encode(k.sealed_secret, 'base64')) order by k.version desc), '[]'::json)
     from webhook_secrets k where k.org_id = c.org_id and k.webhook_id = c.webhook_id
       and (k.expires_at is null or k.expires_at > now())) as secrets
   from claimed c join webhooks h on h.org_id = c.org_id and h.id = c.webhook_id`,
);

// What was sent under a hold that has ended was claimed by somebody else, who reports it.
const settle = statement<{ state: DeliveryState; consecutive_failures: number | null; failing_since: Date | null }>(
  'deliveries.settle',
  `with settled as (
     update webhook_deliveries d set is_sending = false, attempts = d.attempts + 1,
       state = case when $5::text is null then 'delivered' when $9::double precision is null then 'failed' else 'pending' end,
       ended_at = case when $5::text is null or $9::double precision is null then now() end,
       due_at = case when $9::double precision is null then d.due_at else now() + make_interval(secs => $9) end,
       failures = case when $5::text is null then d.failures else d.failures + 1 end,
       last_status = $4, last_error = $5
     where d.org_id = $1 and d.id = $2 and d.fence = $3 and d.is_sending
     returning d.org_id, d.id, d.webhook_id, d.kind, d.attempts, d.state
   ), logged as (
     insert into webhook_attempts (org_id, delivery_id, number, at, duration_ms, status, error, answer)
     select s.org_id, s.id, s.attempts, $6, $7, $4, $5, $8 from settled s
   ), fares as (
     update webhook_progress p set
       consecutive_failures = case when $5::text is null then 0 else p.consecutive_failures + 1 end,
       failing_since = case when $5::text is null then null else coalesce(p.failing_since, now()) end,
       paused_until = case when $5::text is null or p.consecutive_failures + 1 < $10 then null
         else now() + make_interval(secs => least(2 ^ (p.consecutive_failures + 1 - $10), $11)) end
     from settled s
     where p.org_id = s.org_id and p.webhook_id = s.webhook_id and (s.kind = 'event' or $5::text is null)
       and ($5::text is not null or p.consecutive_failures > 0)
     returning p.consecutive_failures, p.failing_since
   )
   select s.state, f.consecutive_failures, f.failing_since from settled s left join fares f on true`,
);

const giveBack = statement(
  'deliveries.give_back',
  `update webhook_deliveries set is_sending = false, due_at = now()
   where org_id = $1 and id = $2 and fence = $3 and is_sending`,
);

export type ClaimFor = {
  max: number;
  leaseSeconds: number;
  /** Whether it is for webhooks that fail. */
  failing: boolean;
  /** How many messages may be sent to one webhook at once. */
  places: number;
};

export async function claimDeliveries(tx: Tx, of: ClaimFor): Promise<ClaimedDelivery[]> {
  const rows = await tx.query(claim, [of.max, of.leaseSeconds, of.failing, of.places, FAILING_FROM]);
  return rows.map((row) => ({
    orgId: row.org_id,
    id: row.id,
    fence: row.fence,
    webhookId: row.webhook_id,
    url: row.url,
    messageId: row.message_id,
    kind: row.kind,
    body: row.body,
    failures: row.failures,
    secrets: row.secrets.map(({ version, key_version: keyVersion, sealed }) => ({
      orgId: row.org_id,
      webhookId: row.webhook_id,
      version,
      sealed: { keyVersion, bytes: Buffer.from(sealed, 'base64') },
    })),
  }));
}

export type DeliveryHold = Pick<ClaimedDelivery, 'orgId' | 'id' | 'fence'>;

/** What came of sending. `retryAfterSeconds` null: it is not tried again. */
export type Outcome = Omit<Attempt, 'number'> & { retryAfterSeconds: number | null };

/** How the webhook fares after it; null when it is no news. */
export type Settled = { state: DeliveryState; failing: { failures: number; since: Date } | null };

/** Records what came of sending; null when the hold has ended, and then nothing was changed. */
export async function settleDelivery(tx: Tx, held: DeliveryHold, outcome: Outcome): Promise<Settled | null> {
  const { status, error, at, durationMs, answer, retryAfterSeconds } = outcome;
  const [row] = await tx.query(settle, [
    held.orgId,
    held.id,
    held.fence,
    status,
    error,
    at,
    durationMs,
    answer,
    retryAfterSeconds,
    FAILING_FROM,
    LONGEST_PAUSE_SECONDS,
  ]);
  if (!row) return null;
  const { state, consecutive_failures: failures, failing_since: since } = row;
  return { state, failing: failures === null || since === null ? null : { failures, since } };
}

/** Lets go of a delivery that was not sent after all. */
export async function giveBackDelivery(tx: Tx, { orgId, id, fence }: DeliveryHold): Promise<void> {
  await tx.query(giveBack, [orgId, id, fence]);
}
