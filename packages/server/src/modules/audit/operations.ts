import { isUuid } from '../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts';
import type { Tx, TxScope } from '../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../platform/operation.ts';
import { auditErrors } from './errors.ts';
import { knownColumn, parseFilters } from './filters.ts';
import { type Entry, INSTALLATION, type Reach } from './model.ts';
import { BUCKET_SECONDS, type BucketName, type Period, periodOf } from './periods.ts';
import { reachOfCaller, reachOfRequest } from './reach.ts';
import { countEntries, listEntries, type Position, type StatsGroup } from './reads.ts';

export type AuditReadOptions = {
  /** In the role of requests: sees one organization. */
  transaction<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Sees all. */
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

export type ListInput = {
  filters: readonly string[];
  from: Date | null;
  to: Date | null;
  order: 'asc' | 'desc';
  limit: number;
  cursor: string | null;
};
export type StatsInput = {
  filters: readonly string[];
  from: Date | null;
  to: Date | null;
  groupBy: readonly string[];
  bucket: BucketName | 'auto';
  /** Only the most frequent values of a column. */
  top: { count: number; column: string } | null;
};
export type Stats = Period & { groupBy: readonly string[]; groups: StatsGroup[] };

/** More groups than anybody reads, and few enough to hold. */
const MOST_GROUPS = 10_000;

const LIST = { effect: 'read', rate: 'control', audit: null, transaction: 'none' } as const;

/** Reading the log: lists and counts. */
export function auditReadOperations({ transaction, systemTransaction }: AuditReadOptions) {
  /** One organization is read under row security; more than one needs the handle that sees all. */
  const inReach = <Result>(reach: Reach, work: (tx: Tx) => Promise<Result>): Promise<Result> =>
    reach.kind === 'one' ? transaction({ orgId: reach.orgId }, work) : systemTransaction(work);
  const everywhere = (context: Context): Promise<Reach> => reachOfCaller(context, systemTransaction);

  async function list(reach: Reach, input: ListInput): Promise<Page<Entry>> {
    const { filters, cursor, limit, ...rest } = input;
    const request = { ...rest, reach, filter: parseFilters(filters), after: cursor === null ? null : position(cursor) };
    const entries = await inReach(reach, (tx) => listEntries(tx, { ...request, limit: limit + 1 }));
    const items = entries.slice(0, limit);
    const last = items.at(-1);
    const next = entries.length > limit && last ? encodeCursor([last.at, last.orgId, String(last.index)]) : null;
    return { items, nextCursor: next };
  }

  async function summarize(reach: Reach, input: StatsInput): Promise<Stats> {
    const period = periodOf(input, new Date());
    const top = input.top && { ...input.top, column: knownColumn(input.top.column, 'top') };
    const asked = input.groupBy.map((name) => knownColumn(name, 'group_by'));
    const groupBy = top && !asked.includes(top.column) ? [...asked, top.column] : asked;
    const groups = await inReach(reach, (tx) =>
      countEntries(tx, {
        reach,
        filter: parseFilters(input.filters),
        from: period.from,
        to: period.to,
        bucketSeconds: BUCKET_SECONDS[period.bucket],
        groupBy,
        limit: MOST_GROUPS + 1,
      }),
    );
    if (groups.length > MOST_GROUPS) {
      throw auditErrors.too_many_buckets(
        `There are more than ${MOST_GROUPS} groups. Ask for wider buckets, fewer columns or less time.`,
      );
    }
    return { ...period, groupBy, groups: top ? mostFrequent(groups, groupBy.indexOf(top.column), top.count) : groups };
  }

  const listOrganizationEntries = operation({
    name: 'audit.organization_entry.list',
    summary: "List the entries of one organization's audit log.",
    scope: 'audit:read',
    narrows: true,
    ...LIST,
    run: (context, input: ListInput) => list(reachOfRequest(context), input),
  });
  const listAllEntries = operation({
    name: 'audit.entry.list',
    summary:
      'List audit entries of every organization whose log the caller may read; an administrator of the installation reads all.',
    scope: 'authenticated',
    ...LIST,
    run: async (context, input: ListInput) => list(await everywhere(context), input),
  });
  const summarizeOrganizationEntries = operation({
    name: 'audit.organization_entry.summarize',
    summary: "Count the entries of one organization's audit log by time and column.",
    scope: 'audit:read',
    narrows: true,
    ...LIST,
    run: (context, input: StatsInput) => summarize(reachOfRequest(context), input),
  });
  const summarizeAllEntries = operation({
    name: 'audit.entry.summarize',
    summary: 'Count audit entries of every organization whose log the caller may read, by time and column.',
    scope: 'authenticated',
    ...LIST,
    run: async (context, input: StatsInput) => summarize(await everywhere(context), input),
  });
  return {
    listOrganizationEntries,
    listAllEntries,
    summarizeOrganizationEntries,
    summarizeAllEntries,
  } satisfies Record<string, AnyOperation>;
}

const isMoment = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text) && !Number.isNaN(Date.parse(text));
const isTree = (text: string): boolean => isUuid(text) || text === INSTALLATION;
const isIndex = (text: string): boolean => /^\d{1,15}$/.test(text);

function position(cursor: string): Position {
  const [at = '', orgId = '', index = ''] = decodeCursor(cursor, [isMoment, isTree, isIndex]);
  return { at, orgId, index: Number(index) };
}

/** The groups of the values that occur most, over all the time that was asked for. */
function mostFrequent(groups: readonly StatsGroup[], column: number, count: number): StatsGroup[] {
  const totals = new Map<string | null, number>();
  for (const { values, count: more } of groups) {
    const value = values[column] ?? null;
    totals.set(value, (totals.get(value) ?? 0) + more);
  }
  const kept = new Set(
    [...totals]
      .sort(([, one], [, other]) => other - one)
      .slice(0, count)
      .map(([value]) => value),
  );
  return groups.filter(({ values }) => kept.has(values[column] ?? null));
}
