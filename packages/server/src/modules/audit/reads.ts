import { type SqlValue, statement, type Tx } from '../../platform/db/index.ts';
import { COLUMN_NAMES, COLUMNS, type Column, type Filter, withIndexedPeople } from './filters.ts';
import type { Entry, Reach } from './model.ts';

type Row = {
  org_id: string;
  leaf_index: number;
  id: string;
  at: string;
  action: string;
  category: Entry['category'];
  actor: Entry['actor'];
  outcome: Entry['outcome'];
  principal_kind: string;
  principal_id: string;
  credential: string;
  via: string;
  target_type: string | null;
  target_id: string | null;
  request_id: string;
  trace_id: string | null;
  detail: Record<string, unknown>;
  personal_digest: Buffer | null;
  personal: Record<string, unknown> | null;
  personal_salt: Buffer | null;
  leaf_hash: Buffer;
};
const SELECTED = `org_id, leaf_index, id,
     to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, action, category, actor, outcome,
     principal_kind, principal_id, credential, via, target_type, target_id, request_id, trace_id, detail,
     personal_digest, personal, personal_salt, leaf_hash`;

/** Of a list only what is asked for is in its conditions: planned anew for each call, they shrink to that. */
const planAnew = statement('audit.plan_anew', `select set_config('plan_cache_mode', 'force_custom_plan', true)`);

const FIRST_COLUMN_PARAMETER = 11;
const conditions = COLUMN_NAMES.map((column, at) => {
  const [within, without] = [FIRST_COLUMN_PARAMETER + 2 * at, FIRST_COLUMN_PARAMETER + 2 * at + 1];
  const value = `(${COLUMNS[column]})`;
  return `and ($${within}::text[] is null or ${value} = any($${within}))
     and ($${without}::text[] is null or ${value} is null or ${value} <> all($${without}))
     and (not '${column}' = any($9::text[]) or ${value} is not null)
     and (not '${column}' = any($10::text[]) or ${value} is null)`;
}).join('\n     ');
const AFTER_COLUMNS = FIRST_COLUMN_PARAMETER + 2 * COLUMN_NAMES.length;

const REACH = { one: 'org_id = $1::uuid', several: 'org_id = any($1::uuid[])', all: '$1::text is null' } as const;
/** $1 to $6: reach, where only one's own acts are seen, whose those are, from and to. */
const scopeOf = (reach: Reach['kind']): string => `${REACH[reach]}
     and ($2::uuid[] is null or org_id <> all($2) or (principal_kind = $3 and principal_id = $4))
     and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)`;

type Order = 'asc' | 'desc';
const listStatement = (reach: Reach['kind'], order: Order) => {
  const keys = reach === 'one' ? ['at', 'leaf_index'] : ['at', 'org_id', 'leaf_index'];
  const bounds =
    reach === 'one' ? '$7::timestamptz, $8::bigint' : `$7::timestamptz, $${AFTER_COLUMNS}::uuid, $8::bigint`;
  return statement<Row>(
    `audit.list_${reach}_${order}`,
    `select ${SELECTED} from audit_entries
     where ${scopeOf(reach)}
     ${conditions}
     and ($7::timestamptz is null or (${keys.join(', ')}) ${order === 'asc' ? '>' : '<'} (${bounds}))
     order by ${keys.map((key) => `audit_entries.${key} ${order}`).join(', ')}
     limit $${reach === 'one' ? AFTER_COLUMNS : AFTER_COLUMNS + 1}`,
  );
};
const LISTS = {
  one: { asc: listStatement('one', 'asc'), desc: listStatement('one', 'desc') },
  several: { asc: listStatement('several', 'asc'), desc: listStatement('several', 'desc') },
  all: { asc: listStatement('all', 'asc'), desc: listStatement('all', 'desc') },
} as const;

const groupOf = (parameter: number): string =>
  `case $${parameter}::text ${COLUMN_NAMES.map((name) => `when '${name}' then ${COLUMNS[name]}`).join(' ')} end`;
const statsStatement = (reach: Reach['kind']) =>
  statement<StatsRow>(
    `audit.stats_${reach}`,
    `select to_char(date_bin(make_interval(secs => $7), at, '2000-01-03T00:00:00Z') at time zone 'UTC',
         'YYYY-MM-DD"T"HH24:MI:SS"Z"') as bucket,
       ${groupOf(AFTER_COLUMNS)} as first, ${groupOf(AFTER_COLUMNS + 1)} as second, count(*) as count
     from audit_entries
     where ${scopeOf(reach)}
     ${conditions}
     group by 1, 2, 3 order by 1, 4 desc, 2, 3 limit $8`,
  );
type StatsRow = { bucket: string; first: string | null; second: string | null; count: number };
const STATS = { one: statsStatement('one'), several: statsStatement('several'), all: statsStatement('all') } as const;

const range = statement<Row>(
  'audit.range',
  `select ${SELECTED} from audit_entries where org_id = $1 and leaf_index >= $2 and leaf_index < $3 order by leaf_index`,
);
// Entries and tree grow in one transaction, so in one snapshot there is nothing behind the tree but what we did not put there.
const unsigned = statement<Row>(
  'audit.unsigned',
  `select ${SELECTED} from audit_entries
   where org_id = $1 and leaf_index >= coalesce((select t.size from audit_trees t where t.org_id = $1), 0)
   order by leaf_index limit $2`,
);
const indexOfEntry = statement<{ leaf_index: number }>(
  'audit.index_of',
  'select leaf_index from audit_entries where org_id = $1 and id = $2',
);

/** Where a page goes on. */
export type Position = { at: string; orgId: string; index: number };
export type ListRequest = {
  reach: Reach;
  filter: Filter;
  from: Date | null;
  to: Date | null;
  order: Order;
  after: Position | null;
  limit: number;
};

/** Entries in the order of their times, and of their places where those are the same. */
export async function listEntries(tx: Tx, request: ListRequest): Promise<Entry[]> {
  const { reach, after, limit, order } = request;
  tx.defer(planAnew, []);
  const rows = await tx.query(LISTS[reach.kind][order], [
    ...scopeValues(request),
    after?.at ?? null,
    after?.index ?? null,
    ...columnValues(request.filter),
    ...(reach.kind === 'one' ? [] : [after?.orgId ?? null]),
    limit,
  ]);
  return rows.map(toEntry);
}

export type StatsRequest = Pick<ListRequest, 'reach' | 'filter' | 'from' | 'to'> & {
  bucketSeconds: number;
  groupBy: readonly Column[];
  limit: number;
};
export type StatsGroup = { bucket: string; values: (string | null)[]; count: number };

/** Counts by time and by up to two columns. */
export async function countEntries(tx: Tx, request: StatsRequest): Promise<StatsGroup[]> {
  const { reach, bucketSeconds, groupBy, limit } = request;
  tx.defer(planAnew, []);
  const rows = await tx.query(STATS[reach.kind], [
    ...scopeValues(request),
    bucketSeconds,
    limit,
    ...columnValues(request.filter),
    groupBy[0] ?? null,
    groupBy[1] ?? null,
  ]);
  return rows.map(({ bucket, first, second, count }) => ({
    bucket,
    values: [first, second].slice(0, groupBy.length),
    count,
  }));
}

/** Entries by their places, from `first` to before `past`. */
export async function entriesFrom(
  tx: Tx,
  orgId: string,
  { first, past }: { first: number; past: number },
): Promise<Entry[]> {
  return (await tx.query(range, [orgId, first, past])).map(toEntry);
}

/** Entries that no checkpoint covers. There are none, unless somebody wrote into the database. */
export async function unsignedEntries(tx: Tx, orgId: string, limit: number): Promise<Entry[]> {
  return (await tx.query(unsigned, [orgId, limit])).map(toEntry);
}

/** The place of an entry; null when there is none with this id. */
export async function findIndex(tx: Tx, orgId: string, id: string): Promise<number | null> {
  return (await tx.query(indexOfEntry, [orgId, id]))[0]?.leaf_index ?? null;
}

function scopeValues({ reach, from, to }: Pick<ListRequest, 'reach' | 'from' | 'to'>): SqlValue[] {
  const when = [from, to];
  switch (reach.kind) {
    case 'all':
      return [null, null, null, null, ...when];
    case 'one':
      return [reach.orgId, reach.own && [reach.orgId], reach.own?.kind ?? null, reach.own?.id ?? null, ...when];
    case 'several':
      return [reach.orgIds, reach.ownIn, reach.own.kind, reach.own.id, ...when];
  }
}

function columnValues(wanted: Filter): SqlValue[] {
  const { within, without, set, unset } = withIndexedPeople(wanted);
  return [
    set,
    unset,
    ...COLUMN_NAMES.flatMap((column): SqlValue[] => [within[column] ?? null, without[column] ?? null]),
  ];
}

function toEntry(row: Row): Entry {
  return {
    orgId: row.org_id,
    index: row.leaf_index,
    id: row.id,
    at: row.at,
    action: row.action,
    category: row.category,
    actor: row.actor,
    outcome: row.outcome,
    principal: { kind: row.principal_kind, id: row.principal_id },
    credential: row.credential,
    via: row.via,
    target: row.target_id === null ? null : { type: row.target_type ?? '', id: row.target_id },
    requestId: row.request_id,
    traceId: row.trace_id,
    detail: row.detail,
    personalDigest: row.personal_digest,
    personal: row.personal,
    salt: row.personal_salt,
    leafHash: row.leaf_hash,
  };
}
