import { createHash } from 'node:crypto';
import { bind, type SqlValue, statement, type Tx } from '../../../platform/db/index.ts';
import { insertLeaves } from '../../audit/index.ts';
import { insertEvents } from '../../events/index.ts';
import type { CountedScope, Period } from '../budgets/model.ts';
import type { Quantities } from '../prices/model.ts';
import type { Changes, LedgerState } from './decisions.ts';
import {
  type Claims,
  type Counter,
  type HeldCounter,
  keyOf,
  type LedgerCall,
  type ReleaseCall,
  type Remembered,
  type Reservation,
  type SettleCall,
  scopesOf,
  type UsageRecord,
} from './model.ts';

/*
 * Lock order, the same in every transaction that changes these tables: reservations by (org_id, id), then counters by
 * (org_id, budget_id, period_start), then rollups by (org_id, hour, bucket). Two processes whose batches overlap wait for
 * each other and never in a circle.
 *
 * A batch holds calls of several organizations and runs in the role that sees all. That is safe because organization ids
 * come from authenticated principals and are part of every key and join here: no row of one organization is read for,
 * changed by or told to a call of another.
 */

type ReservationRow = {
  org_id: string;
  id: string;
  claims: Claims;
  amount_micros: number;
  progress_micros: number;
  progress_tokens: Quantities;
  held: HeldCounter[];
  reserved_at: Date;
};
type TakenRow = ({ is_remembered: false } & ReservationRow) | { is_remembered: true; org_id: string; id: string };
type CounterRow = {
  now: Date;
  /** Budgets that have no counter in the period that runs now. */
  missing: number;
  org_id: string | null;
  budget_id: string;
  period_start: Date;
  limit_micros: number;
  spent_micros: number;
  reserved_micros: number;
  told_percent: number;
  told_exceeded: boolean;
  name: string;
  scope_kind: CountedScope['kind'];
  scope_id: string;
  period: Period;
  thresholds: number[];
  is_current: boolean;
};

const KEYS = `json_to_recordset($1::json) as k(org_id uuid, id uuid)`;
const RESERVATION = `org_id, id, claims, amount_micros, progress_micros, progress_tokens, held, reserved_at`;

// Those that end go at once: what becomes of them is decided in this transaction, or it fails. Of those that the caller
// remembers nothing is read but that they are there.
const takeReservations = statement<TakenRow>(
  'ledger.take_reservations',
  `with named as (
     select * from unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::boolean[])
       as n(org_id, id, is_ended, is_remembered)
   ), locked as (
     select r.*, n.is_ended, n.is_remembered
     from named n join reservations r on r.org_id = n.org_id and r.id = n.id
     order by r.org_id, r.id for update of r
   ), ended as (
     delete from reservations r using locked l where l.is_ended and r.org_id = l.org_id and r.id = l.id
   )
   select org_id, id, is_remembered, case when not is_remembered then claims end as claims,
     case when not is_remembered then amount_micros end as amount_micros,
     case when not is_remembered then progress_micros end as progress_micros,
     case when not is_remembered then progress_tokens end as progress_tokens,
     case when not is_remembered then held end as held,
     case when not is_remembered then reserved_at end as reserved_at
   from locked`,
);
const billedBefore = statement<{ org_id: string; id: string; cost_micros: number }>(
  'ledger.billed_before',
  `select u.org_id, u.id, u.cost_micros from ${KEYS} join usage_records u on u.org_id = k.org_id and u.id = k.id`,
);
// Locks the budget, so that a change of its limit comes before the new counter or finds it.
const makeCounters = statement(
  'ledger.make_counters',
  `insert into budget_counters (org_id, budget_id, period_start, limit_micros, ceiling_micros)
   select b.org_id, b.id, assay_period_start(b.period, now()), b.limit_micros, b.limit_micros
   from json_to_recordset($1::json) as w(org_id uuid, kind text, id text)
   join budgets b on b.org_id = w.org_id and b.scope_kind = w.kind and b.scope_id = w.id
   where not exists (select from budget_counters c
     where c.org_id = b.org_id and c.budget_id = b.id and c.period_start = assay_period_start(b.period, now()))
   order by b.org_id, b.id for share of b
   on conflict do nothing`,
);
const lockCounters = statement<CounterRow>(
  'ledger.lock_counters',
  `with current_ones as materialized (
     select b.org_id, b.id as budget_id, assay_period_start(b.period, now()) as period_start
     from json_to_recordset($1::json) as w(org_id uuid, kind text, id text)
     join budgets b on b.org_id = w.org_id and b.scope_kind = w.kind and b.scope_id = w.id
   ), wanted as (
     select org_id, budget_id, period_start from current_ones
     union
     select h.org_id, h.budget_id, h.period_start
     from json_to_recordset($2::json) as h(org_id uuid, budget_id uuid, period_start timestamptz)
   ), locked as (
     select c.org_id, c.budget_id, c.period_start, c.limit_micros, c.spent_micros, c.reserved_micros, c.told_percent,
       c.told_exceeded, b.name, b.scope_kind, b.scope_id, b.period, b.thresholds,
       c.period_start = assay_period_start(b.period, now()) as is_current
     from budget_counters c join budgets b on b.org_id = c.org_id and b.id = c.budget_id
     where (c.org_id, c.budget_id, c.period_start) in (select org_id, budget_id, period_start from wanted)
     order by c.org_id, c.budget_id, c.period_start
     for update of c
   )
   select date_trunc('milliseconds', n.at) as now, n.missing, locked.*
   from (select now() as at, (select count(*) from current_ones c where not exists (select from locked l
       where l.org_id = c.org_id and l.budget_id = c.budget_id and l.is_current))::integer as missing) n
     left join locked on true`,
);

const insertReservations = statement(
  'ledger.insert_reservations',
  `insert into reservations (org_id, id, node_id, claims, amount_micros, held, reserved_at, lease_expires_at)
   select r.org_id, r.id, r.node_id, r.claims, r.amount_micros, r.held, r.reserved_at,
     now() + make_interval(secs => $2)
   from json_to_recordset($1::json) as r(org_id uuid, id uuid, node_id uuid, claims json, amount_micros bigint, held json,
     reserved_at timestamptz)`,
);
const renewReservations = statement(
  'ledger.renew_reservations',
  `update reservations r set lease_expires_at = now() + make_interval(secs => $2),
     progress_micros = k.cost, progress_tokens = k.tokens,
     claims = case when k.served is null then r.claims else (r.claims::jsonb || k.served)::json end
   from json_to_recordset($1::json) as k(org_id uuid, id uuid, cost bigint, tokens json, served jsonb)
   where r.org_id = k.org_id and r.id = k.id`,
);
// The ceiling only sinks here: a sum above it violates budget_counters__held, whatever decided on it.
const changeCounters = statement(
  'ledger.change_counters',
  `update budget_counters c set spent_micros = c.spent_micros + v.spent, reserved_micros = c.reserved_micros + v.reserved,
     ceiling_micros = least(c.ceiling_micros,
       greatest(c.limit_micros, c.spent_micros + v.spent + c.reserved_micros + v.reserved)),
     told_percent = greatest(c.told_percent, v.told_percent), told_exceeded = c.told_exceeded or v.told_exceeded
   from json_to_recordset($1::json) as v(org_id uuid, budget_id uuid, period_start timestamptz, spent bigint,
     reserved bigint, told_percent integer, told_exceeded boolean)
   where c.org_id = v.org_id and c.budget_id = v.budget_id and c.period_start = v.period_start`,
);
const RECORD = `team_id, project_id, principal_kind, principal_id, api_key_id, agent_id, work_type`;
const SUMS = `cost_micros, overrun_micros, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, image_tokens, audio_tokens`;
const insertRecords = statement(
  'ledger.insert_records',
  `insert into usage_records (org_id, id, at, ${RECORD}, work_id, provider, model, price_version, outcome, is_estimated,
     is_batch, ${SUMS}, tags, request_id)
   select org_id, id, at, ${RECORD}, work_id, provider, model, price_version, outcome, is_estimated, is_batch, ${SUMS}, tags,
     request_id
   from json_to_recordset($1::json) as r(org_id uuid, id uuid, at timestamptz, team_id text, project_id text,
     principal_kind text, principal_id text, api_key_id text, agent_id text, work_type text, work_id text, provider text,
     model text, price_version text, outcome text, is_estimated boolean, is_batch boolean, cost_micros bigint,
     overrun_micros bigint, input_tokens bigint, cache_read_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
     reasoning_tokens bigint, image_tokens bigint, audio_tokens bigint, tags jsonb, request_id text)`,
);
const addToRollups = statement(
  'ledger.add_to_rollups',
  `insert into usage_rollups (org_id, hour, bucket, ${RECORD}, provider, model, records, ${SUMS})
   select org_id, hour, bucket, ${RECORD}, provider, model, records, ${SUMS}
   from json_to_recordset($1::json) as r(org_id uuid, hour timestamptz, bucket uuid, team_id text, project_id text,
     principal_kind text, principal_id text, api_key_id text, agent_id text, work_type text, provider text, model text,
     records bigint, cost_micros bigint, overrun_micros bigint, input_tokens bigint, cache_read_tokens bigint,
     cache_write_tokens bigint, output_tokens bigint, reasoning_tokens bigint, image_tokens bigint, audio_tokens bigint)
   order by org_id, hour, bucket
   on conflict (org_id, hour, bucket) do update set records = usage_rollups.records + excluded.records,
     cost_micros = usage_rollups.cost_micros + excluded.cost_micros,
     overrun_micros = usage_rollups.overrun_micros + excluded.overrun_micros,
     input_tokens = usage_rollups.input_tokens + excluded.input_tokens,
     cache_read_tokens = usage_rollups.cache_read_tokens + excluded.cache_read_tokens,
     cache_write_tokens = usage_rollups.cache_write_tokens + excluded.cache_write_tokens,
     output_tokens = usage_rollups.output_tokens + excluded.output_tokens,
     reasoning_tokens = usage_rollups.reasoning_tokens + excluded.reasoning_tokens,
     image_tokens = usage_rollups.image_tokens + excluded.image_tokens,
     audio_tokens = usage_rollups.audio_tokens + excluded.audio_tokens`,
);

type Key = { org_id: string; id: string };
const asKey = ({ orgId, id }: { orgId: string; id: string }): Key => ({ org_id: orgId, id });

/** Reads and locks all that a batch is decided on: in one round trip if its ends remember what their calls hold. */
export async function lockLedger(tx: Tx, calls: readonly LedgerCall[]): Promise<LedgerState> {
  const remembered = rememberedBy(calls);
  const named = calls.filter((call) => call.kind !== 'reserve' || call.isFact);
  const take = bind(takeReservations, [
    named.map(({ orgId }) => orgId),
    named.map(({ id }) => id),
    named.map(isEnd),
    named.map((call) => remembered.has(keyOf(call))),
  ]);
  const scopes = distinct(calls.flatMap(scopeRows));
  const lockFor = (holders: readonly Holder[]) => bind(lockCounters, [scopes, distinct(holders.flatMap(heldRows))]);
  const ending = new Set(calls.filter(isEnd).map(keyOf));
  let taken: TakenRow[] = [];
  let lock = lockFor([...remembered.values()]);
  let rows: CounterRow[];
  if (named.length > 0 && remembered.size === ending.size) [taken, rows] = await tx.pair(take, lock);
  else {
    if (named.length > 0) taken = await tx.query(take.statement, take.values);
    const ended = toReservations(taken, remembered).filter((reservation) => ending.has(keyOf(reservation)));
    lock = lockFor(ended);
    rows = await tx.query(lock.statement, lock.values);
  }
  if ((rows[0]?.missing ?? 0) > 0) {
    tx.defer(makeCounters, [scopes]);
    rows = await tx.query(lock.statement, lock.values);
  }
  const reservations = toReservations(taken, remembered);
  const billed = await findBilled(tx, calls, reservations);
  const now = rows[0]?.now ?? new Date();
  return { now, reservations, billed, counters: rows.filter(({ org_id }) => org_id !== null).map(toCounter) };
}

type Holder = Pick<Reservation, 'orgId' | 'held'>;

const scopeRows = (call: LedgerCall): object[] =>
  call.kind === 'reserve' ? scopesOf(call.claims).map((scope) => ({ org_id: call.orgId, ...scope })) : [];

const heldRows = ({ orgId, held }: Holder): object[] =>
  held.map(([budgetId, periodStart]) => ({ org_id: orgId, budget_id: budgetId, period_start: periodStart }));

const distinct = (rows: readonly object[]): string =>
  `[${[...new Set(rows.map((row) => JSON.stringify(row)))].join(',')}]`;

/** What those who end calls know of them, by the calls' keys. */
function rememberedBy(calls: readonly LedgerCall[]): Map<string, Remembered & { orgId: string; id: string }> {
  const known = new Map<string, Remembered & { orgId: string; id: string }>();
  for (const call of calls)
    if (isEnd(call) && call.remembered) known.set(keyOf(call), { ...call.remembered, orgId: call.orgId, id: call.id });
  return known;
}

/** What was told of a call in between is of no use to whoever has ended it. */
const toReservations = (rows: readonly TakenRow[], remembered: ReturnType<typeof rememberedBy>): Reservation[] =>
  rows.map((row) => {
    if (!row.is_remembered) return toReservation(row);
    const known = remembered.get(keyOf({ orgId: row.org_id, id: row.id }));
    if (!known) throw new Error('A reservation was taken that nobody remembers.');
    return { ...known, progress: 0, progressQuantities: {} };
  });

const isEnd = (call: LedgerCall): call is SettleCall | ReleaseCall => call.kind === 'settle' || call.kind === 'release';

/** Of calls whose reservation is gone, and of facts that may be told of twice: what was billed. Hardly ever any. */
async function findBilled(
  tx: Tx,
  calls: readonly LedgerCall[],
  reservations: readonly Reservation[],
): Promise<Map<string, number>> {
  const open = new Set(reservations.map(keyOf));
  const gone = calls.filter(
    (call) => (call.kind === 'reserve' ? call.isFact : call.kind !== 'renew') && !open.has(keyOf(call)),
  );
  if (gone.length === 0) return new Map();
  const rows = await tx.query(billedBefore, [JSON.stringify(gone.map(asKey))]);
  return new Map(rows.map((row) => [keyOf({ orgId: row.org_id, id: row.id }), row.cost_micros]));
}

/** Writes what was decided. It travels with the commit. */
export function writeChanges(tx: Tx, changes: Changes, leaseSeconds: number): void {
  const { inserted, renewed, counters, records, leaves, events } = changes;
  const write = (of: Parameters<Tx['defer']>[0], rows: readonly object[], ...more: SqlValue[]): void => {
    if (rows.length > 0) tx.defer(of, [JSON.stringify(rows), ...more]);
  };
  write(insertReservations, inserted.map(asReservationRow), leaseSeconds);
  write(
    renewReservations,
    renewed.map((each) => ({ ...asKey(each), cost: each.progress, tokens: each.quantities, served: each.served })),
    leaseSeconds,
  );
  write(changeCounters, counters.map(asCounterRow));
  write(insertRecords, records.map(asRecordRow));
  write(addToRollups, rollupsOf(records));
  if (leaves.length > 0) insertLeaves(tx, leaves);
  if (events.length > 0) insertEvents(tx, events);
}

const asReservationRow = (row: Changes['inserted'][number]): object => ({
  ...asKey(row),
  node_id: row.nodeId,
  claims: row.claims,
  amount_micros: row.amount,
  held: row.held,
  reserved_at: row.reservedAt,
});

const asCounterRow = ({ counter, spent, reserved }: Changes['counters'][number]): object => ({
  org_id: counter.orgId,
  budget_id: counter.budgetId,
  period_start: counter.periodStart,
  spent,
  reserved,
  told_percent: counter.toldPercent,
  told_exceeded: counter.toldExceeded,
});

const dimensionsOf = (record: UsageRecord) => ({
  team_id: record.teamId,
  project_id: record.projectId,
  principal_kind: record.principal.kind,
  principal_id: record.principal.id,
  api_key_id: record.apiKeyId,
  agent_id: record.agentId,
  work_type: record.work?.type ?? null,
  provider: record.provider,
  model: record.model,
});

function sumsOf({ cost, overrun, quantities: of }: UsageRecord): Record<string, number> {
  const { input = 0, cacheRead = 0, cacheWrite = 0, cacheWriteLong = 0, output = 0, reasoning = 0 } = of;
  const {
    inputImage = 0,
    cacheReadImage = 0,
    outputImage = 0,
    inputAudio = 0,
    cacheReadAudio = 0,
    outputAudio = 0,
  } = of;
  return {
    cost_micros: cost,
    overrun_micros: overrun,
    input_tokens: input,
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite + cacheWriteLong,
    output_tokens: output,
    reasoning_tokens: reasoning,
    image_tokens: inputImage + cacheReadImage + outputImage,
    audio_tokens: inputAudio + cacheReadAudio + outputAudio,
  };
}

const asRecordRow = (record: UsageRecord): object => ({
  ...asKey(record),
  ...dimensionsOf(record),
  ...sumsOf(record),
  at: record.at,
  work_id: record.work?.id ?? null,
  price_version: record.priceVersion,
  outcome: record.outcome,
  is_estimated: record.isEstimated,
  is_batch: record.isBatch,
  tags: record.tags,
  request_id: record.requestId,
});

const HOUR_MS = 3_600_000;

function rollupsOf(records: readonly UsageRecord[]): object[] {
  const rollups = new Map<string, Record<string, unknown>>();
  for (const record of records) {
    const dimensions = dimensionsOf(record);
    const hour = new Date(Math.floor(record.at.getTime() / HOUR_MS) * HOUR_MS);
    const text = JSON.stringify(dimensions);
    const key = `${record.orgId} ${hour.getTime()} ${text}`;
    const sums: Record<string, number> = { records: 1, ...sumsOf(record) };
    const rollup = rollups.get(key);
    if (!rollup) {
      rollups.set(key, { org_id: record.orgId, hour, bucket: digestOf(text), ...dimensions, ...sums });
      continue;
    }
    for (const [name, value] of Object.entries(sums)) rollup[name] = (rollup[name] as number) + value;
  }
  return [...rollups.values()];
}

/** 128 bits, in the form of a UUID, because that is the type that the database keeps them in. */
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

function toReservation(row: ReservationRow): Reservation {
  return {
    orgId: row.org_id,
    id: row.id,
    claims: row.claims,
    amount: row.amount_micros,
    progress: row.progress_micros,
    progressQuantities: row.progress_tokens,
    held: row.held,
    reservedAt: row.reserved_at,
  };
}

function toCounter(row: CounterRow): Counter {
  return {
    orgId: String(row.org_id),
    budgetId: row.budget_id,
    name: row.name,
    scope: { kind: row.scope_kind, id: row.scope_id },
    period: row.period,
    periodStart: row.period_start,
    isCurrent: row.is_current,
    limit: row.limit_micros,
    thresholds: row.thresholds,
    spent: row.spent_micros,
    reserved: row.reserved_micros,
    toldPercent: row.told_percent,
    toldExceeded: row.told_exceeded,
  };
}

const lostReservations = statement<ReservationRow>(
  'ledger.lost_reservations',
  `select ${RESERVATION} from reservations where lease_expires_at < now() - make_interval(secs => $1)
   order by lease_expires_at limit 500`,
);
const reservationsOfNode = statement<ReservationRow>(
  'ledger.reservations_of_node',
  `select ${RESERVATION} from reservations where node_id = $1`,
);

/** Reservations whose lease ran out that long ago: nobody renews them any more. */
export async function findLost(tx: Tx, graceSeconds: number): Promise<Reservation[]> {
  return (await tx.query(lostReservations, [graceSeconds])).map(toReservation);
}

/** What one run of a process left behind. */
export async function findOfNode(tx: Tx, nodeId: string): Promise<Reservation[]> {
  return (await tx.query(reservationsOfNode, [nodeId])).map(toReservation);
}
