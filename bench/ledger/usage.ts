import { newId } from '../../packages/server/src/kernel/ids.ts';
import type { Dimension, UsageFilter } from '../../packages/server/src/modules/metering/usage/model.ts';
import { listUsageRecords, summarizeUsage } from '../../packages/server/src/modules/metering/usage/reads.ts';
import { percentile } from '../measure/statistics.ts';
import type { Cell, Table } from '../measure/table.ts';
import { anOrganization, type LedgerDatabase } from './ledger-database.ts';

const ROUNDS = 20;
/** Keys, models and hours of the records: their product bounds the rollups. */
const [KEYS, MODELS, DAYS] = [40, 10, 28];

/** Fills a month with records of one organization, and reads them as the API does. */
export async function measureUsage(
  database: LedgerDatabase,
  records: number,
  say: (text: string) => void,
): Promise<Table> {
  const { orgId } = await anOrganization(database);
  say(`filling in ${records.toLocaleString('en-US')} usage records`);
  await fill(database, orgId, records);
  const [from, to] = [new Date(Date.now() - 30 * 86_400_000), new Date()];
  const reach = { orgId, own: null, from, to };
  const groups =
    (groupBy: Dimension[], bucket: 'day' | null = null, filter: UsageFilter = {}) =>
    () =>
      database.app.transaction({ orgId }, (tx) =>
        summarizeUsage(tx, { ...reach, filter, groupBy, bucket, limit: 10_001 }),
      );
  const page =
    (filter: UsageFilter, after: { at: Date; id: string } | null = null) =>
    () =>
      database.app.transaction({ orgId }, (tx) => listUsageRecords(tx, { ...reach, filter, after, limit: 51 }));
  const deep = { at: new Date((from.getTime() + to.getTime()) / 2), id: newId() };
  const cells: [string, () => Promise<unknown[]>][] = [
    ['total of 30 days', groups([])],
    ['by provider and model', groups(['provider', 'model'])],
    ['by key, per day', groups(['key'], 'day')],
    ['of one key by model', groups(['model'], null, { key: 'key-7' })],
    ['records, first page', page({})],
    ['records, deep page', page({}, deep)],
    ['records of one principal', page({ principal: 'key-7' })],
  ];
  const rows: Cell[][] = [];
  for (const [name, read] of cells) {
    const times: number[] = [];
    let found = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now();
      found = (await read()).length;
      times.push(performance.now() - began);
    }
    rows.push([name, percentile(times, 50), percentile(times, 95), found]);
  }
  const { rows: counted } = await database.owner.query<{ rollups: number }>(
    'select count(*)::integer as rollups from usage_rollups where org_id = $1',
    [orgId],
  );
  return {
    title: `Usage of one organization with ${records.toLocaleString('en-US')} records, ${counted[0]?.rollups.toLocaleString('en-US')} rollups`,
    columns: ['', 'p50 ms', 'p95 ms', 'rows'],
    rows,
  };
}

async function fill({ owner }: LedgerDatabase, orgId: string, records: number): Promise<void> {
  await owner.query(
    `insert into usage_records (org_id, id, at, principal_kind, principal_id, api_key_id, provider, model, price_version,
       outcome, cost_micros, input_tokens, output_tokens)
     select $1, gen_random_uuid(), now() - make_interval(secs => n * $3::float8), 'api_key', 'key-' || n % ${KEYS}, 'key-' || n % ${KEYS},
       'provider-' || n / ${KEYS} % ${MODELS} % 3, 'model-' || n / ${KEYS} % ${MODELS}, 'bench', 'completed', n % 1000, n % 3000, n % 500
     from generate_series(1, $2::bigint) as n`,
    [orgId, records, (DAYS * 86_400) / records],
  );
  await owner.query(
    `insert into usage_rollups (org_id, hour, bucket, principal_kind, principal_id, api_key_id, provider, model, records,
       cost_micros, overrun_micros, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
       image_tokens, audio_tokens)
     select org_id, date_trunc('hour', at, 'UTC'), gen_random_uuid(), principal_kind, principal_id, api_key_id, provider, model,
       count(*), sum(cost_micros), 0, sum(input_tokens), 0, 0, sum(output_tokens), 0, 0, 0
     from usage_records where org_id = $1 group by 1, 2, 4, 5, 6, 7, 8`,
    [orgId],
  );
  await owner.query('reset role');
  await owner.query('analyze usage_records');
  await owner.query('vacuum analyze usage_rollups');
  await owner.query('set role assay_system');
}
