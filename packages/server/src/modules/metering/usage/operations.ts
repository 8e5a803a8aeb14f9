import { isUuid } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import type { Tx, TxScope } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { usageErrors } from '../errors.ts';
import {
  type Bucket,
  type Dimension,
  MOST_DIMENSIONS,
  type UsageFilter,
  type UsageGroup,
  type UsageRecordView,
  wholeHours,
} from './model.ts';
import { listUsageRecords, summarizeUsage } from './reads.ts';

export type UsageServices = {
  /** In the role of requests: sees one organization. */
  transaction<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Resolves when calls that have been answered are billed. */
  billed(): Promise<void>;
};

export type Period = { from: Date | null; to: Date | null };
export type SummaryInput = Period & { filter: UsageFilter; groupBy: readonly Dimension[]; bucket: Bucket | null };
export type UsageSummary = {
  from: Date;
  to: Date;
  groupBy: readonly Dimension[];
  groups: UsageGroup[];
  total: UsageGroup;
};
export type RecordsInput = Period & { filter: UsageFilter; limit: number; cursor: string | null };

/** More groups than anybody reads, and few enough to hold. */
const MOST_GROUPS = 10_000;
/** By units of work it is the records that are summed. */
const MOST_DAYS_BY_WORK = 31;
const DAY_MS = 24 * 3_600_000;

const READ = { effect: 'read', rate: 'control', audit: null, transaction: 'none' } as const;

export function usageOperations({ transaction, billed }: UsageServices) {
  async function summarize({ by }: Context, isOwn: boolean, input: SummaryInput): Promise<UsageSummary> {
    const { groupBy, bucket, filter } = input;
    const period = wholeHours(input.from, input.to, new Date());
    assertAnswerable(input, period);
    const reach = { orgId: String(by.orgId), own: isOwn ? { kind: by.kind, id: by.id } : null, ...period, filter };
    await billed();
    return transaction({ orgId: reach.orgId }, async (tx) => {
      const groups = await summarizeUsage(tx, { ...reach, groupBy, bucket, limit: MOST_GROUPS + 1 });
      if (groups.length > MOST_GROUPS) {
        throw usageErrors.invalid(
          `There are more than ${MOST_GROUPS} groups. Ask for wider buckets, fewer dimensions or less time.`,
        );
      }
      return { ...period, groupBy, groups, total: totalOf(groups) };
    });
  }

  async function list({ by }: Context, isOwn: boolean, input: RecordsInput): Promise<Page<UsageRecordView>> {
    const { filter, limit, cursor } = input;
    const now = new Date();
    const period = { from: input.from ?? new Date(now.getTime() - 30 * DAY_MS), to: input.to ?? now };
    const [at, id] = cursor === null ? [] : decodeCursor(cursor, [isMoment, isUuid]);
    const after = at !== undefined && id !== undefined ? { at: new Date(at), id } : null;
    const orgId = String(by.orgId);
    const own = isOwn ? { kind: by.kind, id: by.id } : null;
    await billed();
    const found = await transaction({ orgId }, (tx) =>
      listUsageRecords(tx, { orgId, own, ...period, filter, after, limit: limit + 1 }),
    );
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const next = found.length > limit && last ? encodeCursor([last.at.toISOString(), last.id]) : null;
    return { items, nextCursor: next };
  }

  return {
    summarizeUsage: operation({
      ...READ,
      name: 'metering.usage.summarize',
      summary: 'Sum what was used and what it cost, by provider, model, key, team and more, over time.',
      scope: 'usage:read',
      narrows: true,
      run: (context, input: SummaryInput) => summarize(context, context.ownOnly, input),
    }),
    listUsageRecords: operation({
      ...READ,
      name: 'metering.usage_record.list',
      summary: 'List usage records: what each call used and was billed.',
      scope: 'usage:read',
      narrows: true,
      run: (context, input: RecordsInput) => list(context, context.ownOnly, input),
    }),
    summarizeOwnUsage: operation({
      ...READ,
      name: 'metering.own_usage.summarize',
      summary: 'Sum what this very credential has used and what it cost.',
      scope: 'authenticated',
      run: (context, input: SummaryInput) => summarize(context, true, input),
    }),
  } satisfies Record<string, AnyOperation>;
}

function assertAnswerable({ groupBy, filter }: SummaryInput, { from, to }: { from: Date; to: Date }): void {
  if (groupBy.length > MOST_DIMENSIONS || new Set(groupBy).size < groupBy.length)
    throw usageErrors.invalid(`Group by at most ${MOST_DIMENSIONS} dimensions, each once.`);
  if (from >= to) throw usageErrors.invalid('`from` must be before `to`.');
  if (
    groupBy.includes('work') &&
    filter.work === undefined &&
    to.getTime() - from.getTime() > MOST_DAYS_BY_WORK * DAY_MS
  )
    throw usageErrors.invalid(`By units of work, ask for at most ${MOST_DAYS_BY_WORK} days at once.`);
}

/** Years of four digits: what the database and this program read alike. */
const isMoment = (key: string): boolean => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(key) && !Number.isNaN(Date.parse(key));

function totalOf(groups: readonly UsageGroup[]): UsageGroup {
  const tokens = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, image: 0, audio: 0 };
  const total = { bucket: null, values: [], records: 0, cost: 0, overrun: 0, tokens };
  for (const group of groups) {
    total.records += group.records;
    total.cost += group.cost;
    total.overrun += group.overrun;
    for (const name of Object.keys(tokens) as (keyof typeof tokens)[]) tokens[name] += group.tokens[name];
  }
  return total;
}
