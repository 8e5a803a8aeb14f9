import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const Count = z.int();
const Micros = z.int().meta({ description: 'Millionths of a US dollar.' });
const Dollars = z.number().meta({ description: 'The same in dollars, as a decimal number.' });

/** Classes do not overlap: what was read from a cache is not input as well, reasoning is not output as well. */
const Tokens = {
  input_tokens: Count,
  cache_read_tokens: Count,
  cache_write_tokens: Count,
  output_tokens: Count,
  reasoning_tokens: Count,
  image_tokens: Count,
  audio_tokens: Count,
};
const Cost = {
  cost_micros: Micros,
  estimated_cost_usd: Dollars,
  overrun_micros: Micros.meta({ description: 'What providers reported beyond what was set aside. It is not billed.' }),
};
const Sums = { records: Count, ...Cost, ...Tokens };

const DIMENSIONS = [
  'provider',
  'model',
  'principal',
  'key',
  'team',
  'project',
  'agent',
  'work_type',
  'work',
  'day',
] as const;

export const UsageGroup = z
  .object({
    bucket: z.iso.datetime().nullable().meta({ description: 'When the bucket begins; null without buckets.' }),
    group: z.record(z.string(), z.string().nullable()).meta({ description: 'By each dimension of `group_by`.' }),
    ...Sums,
  })
  .meta({ id: 'UsageGroup' });
export type UsageGroup = z.infer<typeof UsageGroup>;

export const UsageSummary = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    group_by: z.array(z.string()),
    total: z.object(Sums),
    groups: z.array(UsageGroup),
  })
  .meta({ id: 'UsageSummary' });
export type UsageSummary = z.infer<typeof UsageSummary>;

export const UsageRecord = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime().meta({ description: 'When the call was admitted: the moment that decides on periods.' }),
    settled_at: z.iso.datetime(),
    principal: z.object({ kind: z.string(), id: z.string() }),
    api_key_id: z.string().nullable(),
    team_id: z.string().nullable(),
    project_id: z.string().nullable(),
    agent_id: z.string().nullable(),
    work: z.object({ type: z.string(), id: z.string() }).nullable(),
    provider: z.string(),
    model: z.string(),
    price_version: z.string(),
    outcome: z.enum(['completed', 'cancelled', 'failed', 'lost']),
    is_estimated: z.boolean().meta({
      description: 'Billed by what was delivered as far as we know: its provider, or our process, did not tell.',
    }),
    is_batch: z.boolean(),
    ...Cost,
    ...Tokens,
    tags: z.record(z.string(), z.string()),
    request_id: z.string().nullable(),
  })
  .meta({ id: 'UsageRecord' });
export type UsageRecord = z.infer<typeof UsageRecord>;

const Moment = z.iso.datetime({ offset: true });
const Name = z.string().min(1).max(200);
const Chosen = {
  from: Moment.optional().meta({ description: 'Thirty days ago unless given.' }),
  to: Moment.optional().meta({ description: 'Now unless given.' }),
  provider: Name.optional(),
  model: Name.optional(),
  principal: Name.optional(),
  key: Name.optional(),
  team: Name.optional(),
  project: Name.optional(),
  agent: Name.optional(),
  work_type: Name.optional(),
  work: Name.optional(),
};

const GroupBy = z
  .string()
  .max(100)
  .optional()
  .transform((text) => (text === undefined || text === '' ? [] : text.split(',')))
  .pipe(z.array(z.enum(DIMENSIONS)).max(3))
  .meta({ description: `Up to three, comma-separated, of: ${DIMENSIONS.join(', ')}.` });

const UsageQuery = z.object({
  ...Chosen,
  group_by: GroupBy,
  bucket: z.enum(['hour', 'day', 'week', 'month']).optional(),
});
const UsageRecordsQuery = PageQuery.extend(Chosen);

const Identified = z.object({ id: z.string().max(64) });
const Summary = enveloped(z.object({ usage: UsageSummary }));

/** What was used, and what it cost. */
export const usageRoutes = {
  summarizeUsage: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/usage',
    operation: 'metering.usage.summarize',
    organization: 'id',
    summary: 'Usage summary with breakdowns',
    params: Identified,
    query: UsageQuery,
    answers: { 200: { description: 'Sums over whole hours, the dearest group first.', schema: Summary } },
  }),
  listUsageRecords: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/usage/records',
    operation: 'metering.usage_record.list',
    organization: 'id',
    summary: 'Detailed usage records',
    params: Identified,
    query: UsageRecordsQuery,
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ usage_records: z.array(UsageRecord) })),
      },
    },
  }),
  summarizeOwnUsage: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/usage',
    operation: 'metering.own_usage.summarize',
    summary: 'Usage of this very credential',
    query: UsageQuery,
    answers: { 200: { description: 'Sums over whole hours, the dearest group first.', schema: Summary } },
  }),
};
