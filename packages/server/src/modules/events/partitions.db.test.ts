import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { testServer } from '../../../test/test-server.ts';
import { MIGRATIONS } from '../../compose/database.ts';
import { newId } from '../../kernel/ids.ts';
import { migrate, newClient, readMigrations, type Tx } from '../../platform/db/index.ts';
import { prepareEvents, retainEvents } from './jobs.ts';

const db = testDatabase();
const server = testServer();
const inAll = <Result>(work: (tx: Tx) => Promise<Result>) => db.system.statements({ orgId: null }, work);

const PARTITIONS = `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'events'::regclass order by c.relname`;
const partitions = async (): Promise<string[]> => (await db.owner.query(PARTITIONS)).rows.map(({ name }) => name);
/** Writes an event as of some time, and gives its subject and position. */
async function anEvent(orgId: string, at: string): Promise<{ subject: string; position: string }> {
  const { rows } = await db.owner.query(
    `insert into events (org_id, occurred_at, type, subject, data) values ($1, ${at}, 'test.happened', gen_random_uuid(), '{}')
     returning subject, xid::text || '-' || id as position`,
    [orgId],
  );
  return rows[0];
}
const placesOf = async (orgId: string): Promise<Record<string, string>> => {
  const { rows } = await db.owner.query(
    'select subject, tableoid::regclass::text as place from events where org_id = $1',
    [orgId],
  );
  return Object.fromEntries(rows.map(({ subject, place }) => [subject, place]));
};
const floor = async (): Promise<string> =>
  (await db.owner.query(`select xid::text || '-' || id as position from event_floor`)).rows[0].position;

describe('events', () => {
  let early: { orgId: string; subject: string };
  beforeAll(async () => {
    const orgId = await db.organization();
    early = { orgId, ...(await anEvent(orgId, 'now()')) };
    expect(await placesOf(orgId)).toEqual({ [early.subject]: 'events_default' });
    await Promise.all(Array.from({ length: 4 }, () => inAll(prepareEvents)));
  });

  test('have a partition for this week and the next two, made once by however many processes', async () => {
    const weeks = (await partitions()).filter((name) => /^events_\d{8}$/.test(name));
    expect(weeks).toHaveLength(3);
    const { rows } = await db.owner.query(
      `select to_char(date_trunc('week', now() at time zone 'UTC'), '"events_"YYYYMMDD') as week`,
    );
    expect(weeks[0]).toBe(rows[0].week);
  });

  test('that were written before their week was made move into it', async () => {
    const [week] = (await partitions()).filter((name) => /^events_\d{8}$/.test(name));
    expect(await placesOf(early.orgId)).toEqual({ [early.subject]: week });
  });

  test('of a week that nobody made are kept all the same', async () => {
    const orgId = await db.organization();
    const { subject } = await anEvent(orgId, `now() + interval '1 year'`);
    expect(await placesOf(orgId)).toEqual({ [subject]: 'events_default' });
  });

  test('cannot be reached through their partitions, where no row security would narrow them', async () => {
    for (const name of await partitions()) {
      const peek = { name: `test.peek.${name}`, text: `select 1 from ${name}` };
      await expect(db.app.statements({ orgId: newId() }, (tx) => tx.query(peek, []))).rejects.toThrow(
        /permission denied/,
      );
    }
  });

  test('go by whole weeks behind their retention, those without a week too, and the last that went is known', async () => {
    const orgId = await db.organization();
    const strayed = await anEvent(orgId, `now() - interval '3 weeks'`);
    await db.owner.query(`select assay_make_event_partition((now() at time zone 'UTC')::date - 14)`);
    const old = await anEvent(orgId, `now() - interval '2 weeks'`);
    const recent = await anEvent(orgId, 'now()');
    expect(await inAll((tx) => retainEvents(tx, 30))).toBe(0);
    expect(await floor()).toBe('0-0');
    expect(await inAll((tx) => retainEvents(tx, 7))).toBe(1);
    expect(Object.keys(await placesOf(orgId))).toEqual([recent.subject]);
    expect(await floor()).toBe(old.position);
    expect(strayed.subject in (await placesOf(orgId))).toBe(false);
  });

  test('of the last day stay, whatever is asked', async () => {
    const orgId = await db.organization();
    await anEvent(orgId, 'now()');
    await inAll((tx) => retainEvents(tx, -400));
    expect(Object.keys(await placesOf(orgId))).toHaveLength(1);
  });

  test('are not waited for by everybody when a retention cannot have its lock', async () => {
    await db.owner.query(`select assay_make_event_partition((now() at time zone 'UTC')::date - 70)`);
    const reader = newClient(db.address, 'reader');
    await reader.connect();
    await reader.query('begin');
    await reader.query('select count(*) from events');
    await expect(inAll((tx) => retainEvents(tx, 30))).rejects.toMatchObject({ kind: 'unavailable' });
    await reader.query('commit');
    await reader.end();
    expect(await inAll((tx) => retainEvents(tx, 30))).toBe(1);
  });
});

describe('an installation that has events', () => {
  test('keeps them, and their order, when it learns of weeks; new ones come behind', async () => {
    const migrations = await readMigrations(MIGRATIONS);
    const before = migrations.filter(({ name }) => name < '0081');
    const address = await server.emptyDatabase();
    await migrate(address, before);
    const client = newClient(address, 'test');
    await client.connect();
    const orgId = newId();
    const insert = `insert into events (org_id, type, subject, data) values ($1, 'test.happened', $2, '{}')`;
    for (let n = 0; n < 20; n++) await client.query(insert, [orgId, String(n)]);
    await client.query(`update events set occurred_at = now() - interval '10 days' where subject::int < 10`);
    await migrate(address, migrations);
    await client.query(insert, [orgId, '20']);
    const { rows } = await client.query('select subject from events where org_id = $1 order by xid, id', [orgId]);
    expect(rows.map(({ subject }) => subject)).toEqual(Array.from({ length: 21 }, (_, n) => String(n)));
    expect((await client.query(PARTITIONS)).rows.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^events_before_\d{8}$/),
      'events_default',
    ]);
    await client.query(
      `select assay_make_event_partition((now() at time zone 'UTC')::date + 7 * week) from generate_series(0, 1) week`,
    );
    expect((await client.query(PARTITIONS)).rows).toHaveLength(3);
    await client.end();
  });
});
