import { describe, expect, test } from 'vitest';
import { aQueuedEvaluation } from '../../../test/builders.ts';
import { testDatabase } from '../../../test/database.ts';
import { severedNetwork } from '../../../test/severed-network.ts';
import { newId } from '../../kernel/ids.ts';
import { statement } from './statement.ts';

const db = testDatabase();

const insertEvent = statement(
  'test.insert_event',
  `insert into events (org_id, type, subject, data) values ($1, 'test', $2, '{}')`,
);
const countEvents = statement<{ count: number }>(
  'test.count_events',
  'select count(*) as count from events where subject = $1',
);
const copyEvaluation = statement(
  'test.copy_evaluation',
  `insert into evaluations (org_id, id, language, engine_asked, engine, code, code_preview, limits, created_by_kind,
     created_by, queue_deadline)
   select org_id, $1, language, engine_asked, engine, code, code_preview, limits, created_by_kind, created_by, queue_deadline
   from evaluations where id = $2`,
);
const seenOrganizations = statement<{ org_id: string }>('test.seen', 'select distinct org_id from events');

describe('a transaction', () => {
  test('commits deferred statements in the same act as the ones it waited for', async () => {
    const orgId = await db.organization();
    const count = await db.app.transaction({ orgId }, async (tx) => {
      tx.defer(insertEvent, [orgId, 'one']);
      const [row] = await tx.query(countEvents, ['one']);
      tx.defer(insertEvent, [orgId, 'one']);
      return row?.count;
    });
    expect(count).toBe(1);
    const [after] = await db.app.statements({ orgId }, (tx) => tx.query(countEvents, ['one']));
    expect(after?.count).toBe(2);
  });

  test('keeps nothing of deferred statements when a later one fails', async () => {
    const orgId = await db.organization();
    const other = newId();
    const act = db.app.transaction({ orgId }, async (tx) => {
      tx.defer(insertEvent, [orgId, 'rolled-back']);
      tx.defer(insertEvent, [other, 'rolled-back']);
    });
    await expect(act).rejects.toThrow(/row-level security/);
    const [row] = await db.app.statements({ orgId }, (tx) => tx.query(countEvents, ['rolled-back']));
    expect(row?.count).toBe(0);
  });

  test('rolls back when the work throws, and the connection serves the next caller', async () => {
    const orgId = await db.organization();
    const act = db.app.transaction({ orgId }, async (tx) => {
      await tx.query(insertEvent, [orgId, 'thrown']);
      throw new Error('changed my mind');
    });
    await expect(act).rejects.toThrow('changed my mind');
    const [row] = await db.app.statements({ orgId }, (tx) => tx.query(countEvents, ['thrown']));
    expect(row?.count).toBe(0);
  });

  test('is run again when a key that it made at random is taken, and keeps nothing of the first run', async () => {
    const orgId = await db.organization();
    const taken = await aQueuedEvaluation(db, { orgId });
    const ids = [taken, taken, `${taken}x`];
    const signals: string[] = [];
    const given = await db.app.transaction({ orgId }, async (tx) => {
      const id = String(ids.shift());
      tx.defer(insertEvent, [orgId, 'again']);
      tx.defer(copyEvaluation, [id, taken]);
      tx.onCommit(() => signals.push(id));
      return id;
    });
    expect([given, signals]).toEqual([`${taken}x`, [`${taken}x`]]);
    const [row] = await db.app.statements({ orgId }, (tx) => tx.query(countEvents, ['again']));
    expect(row?.count).toBe(1);
  });

  test('gives up when a key is taken three times', async () => {
    const orgId = await db.organization();
    const taken = await aQueuedEvaluation(db, { orgId });
    let runs = 0;
    const act = db.app.transaction({ orgId }, async (tx) => {
      runs += 1;
      tx.defer(copyEvaluation, [taken, taken]);
    });
    await expect(act).rejects.toThrow(/evaluations__pk/);
    expect(runs).toBe(3);
  });

  test('refuses a handle that has outlived it', async () => {
    const orgId = await db.organization();
    const leaked = await db.app.transaction({ orgId }, async (tx) => tx);
    await expect(leaked.query(countEvents, ['x'])).rejects.toThrow(/must not outlive/);
    expect(() => leaked.defer(insertEvent, [orgId, 'x'])).toThrow(/must not outlive/);
  });

  test('refuses two statements at once', async () => {
    const orgId = await db.organization();
    const act = db.app.transaction({ orgId }, (tx) =>
      Promise.all([tx.query(countEvents, ['a']), tx.query(countEvents, ['b'])]),
    );
    await expect(act).rejects.toThrow(/one statement at a time/);
  });

  test('runs its effects behind the commit, and never without one', async () => {
    const orgId = await db.organization();
    const effects: string[] = [];
    await db.app.transaction({ orgId }, async (tx) => {
      tx.onCommit(() => effects.push('committed'));
      await tx.query(insertEvent, [orgId, 'effect']);
      expect(effects).toEqual([]);
    });
    const failed = db.app.transaction({ orgId }, async (tx) => {
      tx.onCommit(() => effects.push('never'));
      tx.defer(insertEvent, [newId(), 'effect']);
    });
    await expect(failed).rejects.toThrow();
    expect(effects).toEqual(['committed']);
  });

  test('maps a violated constraint by its name', async () => {
    const orgId = await db.organization();
    const duplicate = statement(
      'test.duplicate',
      `insert into organizations (id, name, slug) select $1, name, slug from organizations where id = $2`,
    );
    const act = db.system.transaction({ orgId: null }, async (tx) => tx.query(duplicate, [newId(), orgId]));
    await expect(act).rejects.toMatchObject({ kind: 'conflict', code: 'organization.slug_taken' });
  });

  test('uses a statement again after it failed while it was being prepared', async () => {
    const orgId = await db.organization();
    const fresh = statement<{ one: number }>('test.fresh', 'select 1 as one, $1::text as word');
    const broken = statement('test.broken', 'select no_such_column from events');
    for (const attempt of ['first', 'second']) {
      const act = db.app.transaction({ orgId }, async (tx) => {
        tx.defer(fresh, [attempt]);
        tx.defer(broken, []);
        return tx.query(fresh, [attempt]);
      });
      await expect(act).rejects.toThrow(/no_such_column/);
    }
    const rows = await db.app.statements({ orgId }, (tx) => tx.query(fresh, ['again']));
    expect(rows).toEqual([{ one: 1, word: 'again' }]);
  });
});

describe('row security', () => {
  test('shows and takes only rows of the organization that the transaction names', async () => {
    const [mine, theirs] = [await db.organization(), await db.organization()];
    await db.app.transaction({ orgId: theirs }, async (tx) => tx.defer(insertEvent, [theirs, 'secret']));
    const seen = await db.app.statements({ orgId: mine }, (tx) => tx.query(seenOrganizations, []));
    expect(seen.map(({ org_id }) => org_id)).not.toContain(theirs);
    const forged = db.app.transaction({ orgId: mine }, async (tx) => tx.defer(insertEvent, [theirs, 'forged']));
    await expect(forged).rejects.toThrow(/row-level security/);
  });

  test('does not leak the setting of one transaction into the next on the same connection', async () => {
    const orgId = await db.organization();
    await db.app.transaction({ orgId }, async (tx) => tx.query(insertEvent, [orgId, 'mine']));
    const unscoped = Promise.all(
      Array.from({ length: 16 }, () => db.app.statements({ orgId: null }, (tx) => tx.query(seenOrganizations, []))),
    );
    await expect(unscoped).rejects.toThrow(/assay.org_id|invalid input syntax for type uuid/);
  });

  test('is enabled and forced on every table that has an organization, and partitions are reached through theirs', async () => {
    const { rows } = await db.owner.query(`
      select c.relname as table from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
      join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind in ('r', 'p') and not (c.relrowsecurity and
        case when c.relispartition then c.relacl is null else c.relforcerowsecurity end)`);
    expect(rows).toEqual([]);
  });
});

test('more callers than may wait for a connection are turned away at once, and the others have their turn', async () => {
  await using bounded = db.open({ role: 'assay_app', maxWaiting: 2 });
  const orgId = await db.organization();
  const held = Promise.withResolvers<void>();
  const work = () => bounded.transaction({ orgId }, () => held.promise);
  const [inUse, waiting] = [Array.from({ length: 8 }, work), Array.from({ length: 2 }, work)];
  await expect(work()).rejects.toMatchObject({ kind: 'unavailable', code: 'database.overloaded', retryAfterMs: 1_000 });
  held.resolve();
  await Promise.all([...inUse, ...waiting]);
  await work();
});

test('connections that are not trusted any more are given to nobody', async () => {
  await using network = await severedNetwork(db.address);
  await using pool = db.open({ role: 'assay_app', at: network.address });
  const orgId = await db.organization();
  const ask = () => pool.statements({ orgId }, (tx) => tx.query(countEvents, ['one']));
  await Promise.all(Array.from({ length: 8 }, ask));
  network.cut();
  pool.distrust();
  network.mend();
  const askedAt = performance.now();
  await ask();
  expect(performance.now() - askedAt).toBeLessThan(5_000);
});
