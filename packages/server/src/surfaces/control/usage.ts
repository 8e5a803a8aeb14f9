import { controlRoutes as routes, type UsageRecord, type UsageSummary as WireSummary } from '@assay/contract';
import { dollarsOf } from '../../kernel/money.ts';
import {
  FILTERS,
  type Tokens,
  type UsageFilter,
  type UsageGroup,
  type UsageRecordView,
  type UsageSummary,
  type usageOperations,
} from '../../modules/metering/index.ts';
import type { Call } from '../../platform/operation.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Decoded, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type SummaryQuery = Decoded<typeof routes.summarizeUsage>['query'];
type Chosen = Partial<Record<'from' | 'to' | (typeof FILTERS)[number], string | undefined>>;

/** Usage: sums, and the records behind them. */
export function serveUsage(surface: Surface, { operator }: HttpKit, of: ReturnType<typeof usageOperations>): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.summarizeUsage, async ({ params, query }, call) =>
    showSummary(call, `/v1/organizations/${params.id}/usage`, await run(of.summarizeUsage, call, decodeSummary(query))),
  );
  surface.serve(routes.summarizeOwnUsage, async ({ query }, call) =>
    showSummary(call, '/v1/me/usage', await run(of.summarizeOwnUsage, call, decodeSummary(query))),
  );

  surface.serve(routes.listUsageRecords, async ({ params, query }, call) => {
    const { limit, cursor, ...chosen } = query;
    const page = await run(of.listUsageRecords, call, { ...decodeChosen(chosen), limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { usage_records: page.items.map(encodeRecord) },
      links: pageLinks(`/v1/organizations/${params.id}/usage/records`, { limit, ...chosen }, page.nextCursor),
    });
  });
}

const momentOf = (text: string | undefined): Date | null => (text === undefined ? null : new Date(text));

function decodeChosen(query: Chosen) {
  const filter: UsageFilter = {};
  for (const name of FILTERS) {
    const value = query[name];
    if (value !== undefined) filter[name] = value;
  }
  return { from: momentOf(query.from), to: momentOf(query.to), filter };
}

const decodeSummary = ({ group_by: groupBy, bucket, ...chosen }: SummaryQuery) => ({
  ...decodeChosen(chosen),
  groupBy,
  bucket: bucket ?? null,
});

const showSummary = (call: Call, self: string, summary: UsageSummary) =>
  envelope(call, { status: 200, data: { usage: encodeSummary(summary) }, links: { self } });

const encodeSummary = ({ from, to, groupBy, groups, total }: UsageSummary): WireSummary => ({
  from: from.toISOString(),
  to: to.toISOString(),
  group_by: [...groupBy],
  total: encodeSums(total),
  groups: groups.map((group) => ({
    bucket: group.bucket?.toISOString() ?? null,
    group: Object.fromEntries(groupBy.map((name, at) => [name, group.values[at] ?? null])),
    ...encodeSums(group),
  })),
});

const encodeCost = ({ cost, overrun }: Pick<UsageGroup, 'cost' | 'overrun'>) => ({
  cost_micros: cost,
  estimated_cost_usd: dollarsOf(cost),
  overrun_micros: overrun,
});

const encodeTokens = (tokens: Tokens) => ({
  input_tokens: tokens.input,
  cache_read_tokens: tokens.cacheRead,
  cache_write_tokens: tokens.cacheWrite,
  output_tokens: tokens.output,
  reasoning_tokens: tokens.reasoning,
  image_tokens: tokens.image,
  audio_tokens: tokens.audio,
});

const encodeSums = (of: UsageGroup) => ({ records: of.records, ...encodeCost(of), ...encodeTokens(of.tokens) });

const encodeRecord = (record: UsageRecordView): UsageRecord => ({
  id: record.id,
  at: record.at.toISOString(),
  settled_at: record.settledAt.toISOString(),
  principal: record.principal,
  api_key_id: record.apiKeyId,
  team_id: record.teamId,
  project_id: record.projectId,
  agent_id: record.agentId,
  work: record.work,
  provider: record.provider,
  model: record.model,
  price_version: record.priceVersion,
  outcome: record.outcome,
  is_estimated: record.isEstimated,
  is_batch: record.isBatch,
  ...encodeCost(record),
  ...encodeTokens(record.tokens),
  tags: record.tags,
  request_id: record.requestId,
});
