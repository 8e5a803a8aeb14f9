import type { Micros } from '../../../kernel/money.ts';
import { type SqlValue, statement, type Tx } from '../../../platform/db/index.ts';
import type { Outcome } from '../ledger/model.ts';
import {
  type Bucket,
  type Dimension,
  FILTERS,
  MOST_DIMENSIONS,
  type Sums,
  type Tokens,
  type UsageFilter,
  type UsageGroup,
  type UsageRecordView,
} from './model.ts';

/** What each filter and dimension stands on. */
const COLUMNS = {
  provider: 'provider',
  model: 'model',
  principal: 'principal_id',
  key: 'api_key_id',
  team: 'team_id',
  project: 'project_id',
  agent: 'agent_id',
  work_type: 'work_type',
  work: 'work_id',
} as const satisfies Record<(typeof FILTERS)[number], string>;

type SumRow = {
  records: number;
  cost_micros: number;
  overrun_micros: number;
  input_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  image_tokens: number;
  audio_tokens: number;
};
const SUMMED = [
  'cost_micros',
  'overrun_micros',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'image_tokens',
  'audio_tokens',
] as const;

/** Of the conditions only those that were asked for remain: planned anew for each call, they shrink to that. */
const planAnew = statement('usage.plan_anew', `select set_config('plan_cache_mode', 'force_custom_plan', true)`);

type Source = { table: string; time: string; count: string; hasWork: boolean };
/** Rollups have every dimension but single units of work; records have those too, and there are many more of them. */
const ROLLUPS: Source = { table: 'usage_rollups', time: 'hour', count: 'sum(records)', hasWork: false };
const RECORDS: Source = { table: 'usage_records', time: 'at', count: 'count(*)', hasWork: true };

/** $1 organization, $2 and $3 whose own (both null: everybody's), $4 and $5 from and to; then one for each filter. */
const conditions = ({ time, hasWork }: Source, first: number): string =>
  `org_id = $1 and ($2::text is null or (principal_kind = $2 and principal_id = $3))
     and ${time} >= $4 and ${time} < $5
     ${FILTERS.map((name, at) => {
       const parameter = `$${first + at}::text`;
       return name === 'work' && !hasWork
         ? `and ${parameter} is null`
         : `and (${parameter} is null or ${COLUMNS[name]} = ${parameter})`;
     }).join(' ')}`;

const FIRST_FILTER = 6;
const FIRST_DIMENSION = FIRST_FILTER + FILTERS.length;
const BUCKET = FIRST_DIMENSION + MOST_DIMENSIONS;
const LIMIT = BUCKET + 1;

const dimension = ({ time, hasWork }: Source, parameter: number): string => {
  const names = FILTERS.filter((name) => name !== 'work' || hasWork);
  return `case $${parameter}::text ${names.map((name) => `when '${name}' then ${COLUMNS[name]}`).join(' ')}
       when 'day' then to_char(${time} at time zone 'UTC', 'YYYY-MM-DD') end`;
};

type GroupRow = SumRow & { bucket: Date | null; d0: string | null; d1: string | null; d2: string | null };
const summary = (source: Source) =>
  statement<GroupRow>(
    `usage.summary_${source.table}`,
    `select date_trunc($${BUCKET}::text, ${source.time}, 'UTC') as bucket,
       ${Array.from({ length: MOST_DIMENSIONS }, (_, at) => `${dimension(source, FIRST_DIMENSION + at)} as d${at}`).join(',\n       ')},
       ${source.count}::bigint as records,
       ${SUMMED.map((column) => `coalesce(sum(${column}), 0)::bigint as ${column}`).join(', ')}
     from ${source.table} where ${conditions(source, FIRST_FILTER)}
     group by 1, 2, 3, 4 order by 1, cost_micros desc, records desc, 2, 3, 4 limit $${LIMIT}`,
  );
const summaries = { rollups: summary(ROLLUPS), records: summary(RECORDS) };

type RecordRow = SumRow & {
  id: string;
  at: Date;
  settled_at: Date;
  team_id: string | null;
  project_id: string | null;
  principal_kind: string;
  principal_id: string;
  api_key_id: string | null;
  agent_id: string | null;
  work_type: string | null;
  work_id: string | null;
  provider: string;
  model: string;
  price_version: string;
  outcome: Outcome;
  is_estimated: boolean;
  is_batch: boolean;
  tags: Record<string, string>;
  request_id: string | null;
};
const list = statement<RecordRow>(
  'usage.records',
  `select id, at, settled_at, team_id, project_id, principal_kind, principal_id, api_key_id, agent_id, work_type, work_id,
     provider, model, price_version, outcome, is_estimated, is_batch, tags, request_id, 1 as records, ${SUMMED.join(', ')}
   from usage_records where ${conditions(RECORDS, FIRST_FILTER)}
     and ($${FIRST_DIMENSION}::timestamptz is null or (at, id) < ($${FIRST_DIMENSION}, $${FIRST_DIMENSION + 1}::uuid))
   order by at desc, id desc limit $${FIRST_DIMENSION + 2}`,
);

/** Whose usage, when, and of what. */
export type UsageReach = {
  orgId: string;
  own: { kind: string; id: string } | null;
  from: Date;
  to: Date;
  filter: UsageFilter;
};

const valuesOf = ({ orgId, own, from, to, filter }: UsageReach): SqlValue[] => [
  orgId,
  own?.kind ?? null,
  own?.id ?? null,
  from,
  to,
  ...FILTERS.map((name) => filter[name] ?? null),
];

export type SummaryRequest = UsageReach & { groupBy: readonly Dimension[]; bucket: Bucket | null; limit: number };

/** Sums, the dearest group first within each bucket. `from` and `to` are whole hours. */
export async function summarizeUsage(tx: Tx, request: SummaryRequest): Promise<UsageGroup[]> {
  const { groupBy, bucket, filter, limit } = request;
  const source = groupBy.includes('work') || filter.work !== undefined ? summaries.records : summaries.rollups;
  const dimensions = Array.from({ length: MOST_DIMENSIONS }, (_, at) => groupBy[at] ?? null);
  tx.defer(planAnew, []);
  const rows = await tx.query(source, [...valuesOf(request), ...dimensions, bucket, limit]);
  return rows
    .filter(({ records }) => records > 0)
    .map((row) => ({
      ...toSums(row),
      bucket: row.bucket,
      values: [row.d0, row.d1, row.d2].slice(0, groupBy.length),
    }));
}

export type RecordsRequest = UsageReach & { after: { at: Date; id: string } | null; limit: number };

/** Records, newest first. */
export async function listUsageRecords(tx: Tx, request: RecordsRequest): Promise<UsageRecordView[]> {
  const { after, limit } = request;
  tx.defer(planAnew, []);
  const rows = await tx.query(list, [...valuesOf(request), after?.at ?? null, after?.id ?? null, limit]);
  return rows.map(toRecord);
}

const ofWork = statement<SumRow & { provider: string; model: string }>(
  'usage.of_work',
  `select provider, model, count(*)::bigint as records,
     ${SUMMED.map((column) => `sum(${column})::bigint as ${column}`).join(', ')}
   from usage_records where org_id = $1 and work_id = $2 and at >= $3 group by 1, 2 order by 1, 2`,
);

type WorkSums = { records: number; cost: Micros; inputTokens: number; outputTokens: number };
export type WorkUsage = WorkSums & { by: (WorkSums & { provider: string; model: string })[] };

/** What one unit of work has used since it began, by model. */
export async function usageOfWork(
  tx: Tx,
  { orgId, workId, since }: { orgId: string; workId: string; since: Date },
): Promise<WorkUsage> {
  const by = (await tx.query(ofWork, [orgId, workId, since])).map((row) => ({
    provider: row.provider,
    model: row.model,
    records: row.records,
    cost: row.cost_micros,
    inputTokens: row.input_tokens + row.cache_read_tokens + row.cache_write_tokens,
    outputTokens: row.output_tokens,
  }));
  const sum = (field: keyof WorkSums): number => by.reduce((total, each) => total + each[field], 0);
  return {
    records: sum('records'),
    cost: sum('cost'),
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    by,
  };
}

const tokensOf = (row: SumRow): Tokens => ({
  input: row.input_tokens,
  cacheRead: row.cache_read_tokens,
  cacheWrite: row.cache_write_tokens,
  output: row.output_tokens,
  reasoning: row.reasoning_tokens,
  image: row.image_tokens,
  audio: row.audio_tokens,
});

const toSums = (row: SumRow): Sums => ({
  records: row.records,
  cost: row.cost_micros,
  overrun: row.overrun_micros,
  tokens: tokensOf(row),
});

function toRecord(row: RecordRow): UsageRecordView {
  const { work_type: type, work_id: id } = row;
  return {
    id: row.id,
    at: row.at,
    settledAt: row.settled_at,
    teamId: row.team_id,
    projectId: row.project_id,
    principal: { kind: row.principal_kind, id: row.principal_id },
    apiKeyId: row.api_key_id,
    agentId: row.agent_id,
    work: type === null || id === null ? null : { type, id },
    provider: row.provider,
    model: row.model,
    priceVersion: row.price_version,
    outcome: row.outcome,
    isEstimated: row.is_estimated,
    isBatch: row.is_batch,
    cost: row.cost_micros,
    overrun: row.overrun_micros,
    tokens: tokensOf(row),
    tags: row.tags,
    requestId: row.request_id,
  };
}
