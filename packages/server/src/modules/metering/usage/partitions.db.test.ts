import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { eraseBatch } from '../../tenancy/erasure/store.ts';
import { prepareUsage, retainUsage } from './jobs.ts';

const db = testDatabase();
const inAll = <Result>(work: (tx: Tx) => Promise<Result>) => db.system.statements({ orgId: null }, work);

beforeAll(() => Promise.all(Array.from({ length: 4 }, () => inAll(prepareUsage))));

const aRecord = (orgId: string, at: string) =>
  db.owner.query(
    `insert into usage_records (org_id, id, at, principal_kind, principal_id, provider, model, price_version, outcome, cost_micros)
     values ($1, $2, ${at}, 'api_key', 'k', 'echo', 'echo', 'v', 'completed', 1)`,
    [orgId, newId()],
  );
const countOf = async (orgId: string): Promise<number> =>
  (await db.owner.query('select count(*)::integer as n from usage_records where org_id = $1', [orgId])).rows[0].n;
const partitions = async (): Promise<string[]> => {
  const { rows } = await db.owner.query(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'usage_records'::regclass order by 1`,
  );
  return rows.map(({ name }) => name);
};

describe('usage records', () => {
  test('have a partition for each month around now, made once by however many processes', async () => {
    const before = await partitions();
    expect(before).toHaveLength(4);
    await inAll(prepareUsage);
    expect(await partitions()).toEqual(before);
  });

  test('of an organization are erased without those of another, which lie at the same place of another month', async () => {
    const [gone, kept] = [await db.organization(), await db.organization()];
    await aRecord(gone, 'now()');
    await aRecord(kept, `now() + interval '1 month'`);
    const { rows } = await db.owner.query(
      'select distinct ctid::text as place from usage_records where org_id in ($1, $2)',
      [gone, kept],
    );
    expect(rows).toHaveLength(1);
    const table = { name: 'public.usage_records', isOptional: false, isLast: false };
    expect(await inAll((tx) => eraseBatch(tx, table, gone))).toBe(1);
    expect([await countOf(gone), await countOf(kept)]).toEqual([0, 1]);
  });

  test('cannot be reached through their partitions, where no row security would narrow them', async () => {
    const [name] = await partitions();
    await expect(
      db.app.transaction({ orgId: newId() }, (tx) =>
        tx.query({ name: 'test.partition', text: `select 1 from ${name}` }, []),
      ),
    ).rejects.toThrow(/permission denied/);
  });

  test('go by whole months behind their retention, and no sooner than after three', async () => {
    const made = `select assay_make_usage_partition((current_date - interval '1 year')::date)`;
    await db.owner.query(made);
    const before = await partitions();
    expect(await inAll((tx) => retainUsage(tx, 400))).toBe(0);
    expect(await inAll((tx) => retainUsage(tx, 0))).toBe(1);
    expect(await partitions()).toEqual(before.slice(1));
  });
});
