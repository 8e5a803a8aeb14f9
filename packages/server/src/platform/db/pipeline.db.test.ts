import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { testServer } from '../../../test/test-server.ts';
import { until } from '../../../test/until.ts';
import { statement } from './statement.ts';
import type { Tx } from './transaction.ts';

const db = testDatabase();
const server = testServer();

const echo = statement<{ word: string; length: number }>('test.echo', 'select $1::text as word, length($1) as length');
const bytes = statement<{ bytes: Buffer }>('test.bytes', 'select $1::bytea as bytes');
const backend = statement<{ pid: number }>('test.backend', 'select pg_backend_pid() as pid');
const sleep = statement('test.sleep', 'select pg_sleep($1)');
const insertEvent = statement(
  'test.pipeline_event',
  `insert into events (org_id, type, subject, data) values ($1, 'test', $2, $3)`,
);
const countEvents = statement<{ count: number }>(
  'test.pipeline_count',
  'select count(*) as count from events where subject = $1',
);

const countOf = async (orgId: string, subject: string): Promise<number> => {
  const [row] = await db.app.statements({ orgId }, (tx) => tx.query(countEvents, [subject]));
  return row?.count ?? -1;
};

/** A value that no driver can send. */
const circular = (): string => {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value as unknown as string;
};

describe('a batch', () => {
  test('carries values of many megabytes both ways, unchanged', async () => {
    const big = 'zażółć 😀 '.repeat(1_000_000);
    const raw = Buffer.alloc(24 << 20, 'ab\0c');
    const [row] = await db.app.statements({ orgId: null }, (tx) => tx.query(echo, [big]));
    expect(row?.word === big).toBe(true);
    const [content] = await db.app.statements({ orgId: null }, (tx) => tx.query(bytes, [raw]));
    expect(content?.bytes.equals(raw)).toBe(true);
  });

  test('of two thousand statements is one act, in order', async () => {
    const orgId = await db.organization();
    await db.app.transaction({ orgId }, async (tx) => {
      for (let index = 0; index < 2_000; index++) tx.defer(insertEvent, [orgId, 'many', JSON.stringify({ index })]);
    });
    const { rows } = await db.owner.query<{ data: { index: number } }>(
      `select data from events where org_id = $1 and subject = 'many' order by id`,
      [orgId],
    );
    expect(rows.map(({ data }) => data.index)).toEqual(Array.from({ length: 2_000 }, (_, index) => index));
  });

  test('gives the rows of each caller to that caller, with more callers than connections', async () => {
    const words = Array.from({ length: 200 }, (_, index) => `word ${index}`);
    const answers = await Promise.all(
      words.map((word) => db.app.statements({ orgId: null }, (tx) => tx.query(echo, [word]))),
    );
    expect(answers.map(([row]) => row?.word)).toEqual(words);
  });

  test('says null, empty text, lists, dates and JSON as they are', async () => {
    const kinds = statement<Record<string, unknown>>(
      'test.kinds',
      `select $1::text as nothing, $2::text as empty, $3::text[] as list, $4::timestamptz as at, $5::jsonb as json,
         $6::boolean as yes, $7::bigint as big`,
    );
    const at = new Date('2026-01-02T03:04:05.678Z');
    const list = ['', 'a"b', 'c,d', '{e}', '\\', 'NULL'];
    const [row] = await db.app.statements({ orgId: null }, (tx) =>
      tx.query(kinds, [null, '', list, at, JSON.stringify({ a: [1] }), true, Number.MAX_SAFE_INTEGER]),
    );
    expect(row).toEqual({
      nothing: null,
      empty: '',
      list,
      at,
      json: { a: [1] },
      yes: true,
      big: Number.MAX_SAFE_INTEGER,
    });
  });

  test('fails rather than give a number that is not the one stored', async () => {
    const beyond = statement('test.beyond', 'select 9007199254740993::bigint as id');
    const act = db.app.statements({ orgId: null }, (tx) => tx.query(beyond, []));
    await expect(act).rejects.toThrow(/9007199254740993/);
    expect(await db.app.statements({ orgId: null }, (tx) => tx.query(echo, ['after']))).toHaveLength(1);
  });
});

describe('a value that cannot be sent', () => {
  test('fails its own statement, and the connection serves on', async () => {
    for (let round = 0; round < 20; round++) {
      const act = db.app.statements({ orgId: null }, (tx) => tx.query(echo, [circular()]));
      await expect(act).rejects.toThrow(/circular/);
      const [row] = await db.app.statements({ orgId: null }, (tx) => tx.query(echo, [`after ${round}`]));
      expect(row?.word).toBe(`after ${round}`);
    }
  });

  test('takes the whole act with it, whatever was sent before', async () => {
    const orgId = await db.organization();
    const deferred = db.app.transaction({ orgId }, async (tx) => {
      tx.defer(insertEvent, [orgId, 'unsent', '{}']);
      tx.defer(insertEvent, [orgId, 'unsent', circular()]);
    });
    await expect(deferred).rejects.toThrow(/circular/);
    const begun = db.app.transaction({ orgId }, async (tx) => {
      await tx.query(insertEvent, [orgId, 'unsent', '{}']);
      tx.defer(insertEvent, [orgId, 'unsent', circular()]);
    });
    await expect(begun).rejects.toThrow(/circular/);
    expect(await countOf(orgId, 'unsent')).toBe(0);
  });
});

describe('a connection that is killed', () => {
  const unavailable = { kind: 'unavailable', code: 'database.unavailable', retryAfterMs: 1_000 };

  test('while a statement runs is unavailable to its caller', async () => {
    const orgId = await db.organization();
    const act = db.app.transaction({ orgId }, async (tx) => {
      tx.defer(insertEvent, [orgId, 'killed', '{}']);
      await tx.query(sleep, [20]);
    });
    const refused = expect(act).rejects.toMatchObject(unavailable);
    const [pid = 0] = await until('the statement runs', () => asleep(1));
    await server.terminate(pid);
    await refused;
    expect(await countOf(orgId, 'killed')).toBe(0);
  });

  test('between two statements of an act fails the act and not the process', async () => {
    const orgId = await db.organization();
    const act = db.app.transaction({ orgId }, async (tx) => {
      await tx.query(insertEvent, [orgId, 'cut', '{}']);
      await cut(tx);
      await tx.query(insertEvent, [orgId, 'cut', '{}']);
    });
    await expect(act).rejects.toMatchObject(unavailable);
    expect(await countOf(orgId, 'cut')).toBe(0);
  });

  test('before the commit fails the act', async () => {
    const orgId = await db.organization();
    const act = db.app.transaction({ orgId }, async (tx) => {
      await tx.query(insertEvent, [orgId, 'uncommitted', '{}']);
      await cut(tx);
    });
    await expect(act).rejects.toMatchObject(unavailable);
    expect(await countOf(orgId, 'uncommitted')).toBe(0);
  });

  test('is replaced: when all are killed at once, everybody is served again', async () => {
    const orgId = await db.organization();
    const busy = Array.from({ length: 8 }, () =>
      db.app.transaction({ orgId }, async (tx) => {
        tx.defer(insertEvent, [orgId, 'massacre', '{}']);
        await tx.query(sleep, [20]);
      }),
    );
    const outcomes = Promise.allSettled(busy);
    const pids = await until('all are busy', () => asleep(8));
    await server.terminate(...pids);
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: unavailable });
    const after = await Promise.all(Array.from({ length: 32 }, () => countOf(orgId, 'massacre')));
    expect(new Set(after)).toEqual(new Set([0]));
    expect(db.app.load.waiting).toBe(0);
  });

  test('while it rests in the pool is not handed out', async () => {
    const pids = await Promise.all(
      Array.from({ length: 8 }, () => db.app.statements({ orgId: null }, (tx) => tx.query(backend, []))),
    );
    await server.terminate(...pids.map(([row]) => row?.pid ?? 0));
    await until('the pool has noticed', () => db.app.load.total === 0);
    expect(await db.app.statements({ orgId: null }, (tx) => tx.query(echo, ['again']))).toHaveLength(1);
  });

  test('while a statement that stands alone runs is unavailable, and not handed out again', async () => {
    for (let round = 0; round < 5; round++) {
      const act = db.app.statements({ orgId: null }, (tx) => tx.query(sleep, [20]));
      const refused = expect(act).rejects.toMatchObject(unavailable);
      const [pid = 0] = await until('the statement runs', () => asleep(1));
      await server.terminate(pid);
      await refused;
      expect(await db.app.statements({ orgId: null }, (tx) => tx.query(echo, ['next']))).toHaveLength(1);
    }
  });

  async function asleep(atLeast: number): Promise<number[] | null> {
    const pids = await server.running(db.name, 'pg_sleep');
    return pids.length >= atLeast ? pids : null;
  }

  /** Kills the connection of a transaction and waits until the server has let it go. */
  async function cut(tx: Tx): Promise<void> {
    const [row] = await tx.query(backend, []);
    await server.terminate(row?.pid ?? 0);
    await until('the server has let go', async () => !(await server.isConnected(row?.pid ?? 0)));
  }
});

describe('a statement that takes too long', () => {
  test('is ended at the deadline, and the act with it', async () => {
    const orgId = await db.organization();
    await using impatient = db.open({ role: 'assay_app', statementTimeoutMs: 50 });
    const act = impatient.transaction({ orgId }, async (tx) => {
      tx.defer(insertEvent, [orgId, 'late', '{}']);
      await tx.query(sleep, [20]);
    });
    await expect(act).rejects.toMatchObject({ kind: 'deadline', code: 'database.deadline' });
    expect(await countOf(orgId, 'late')).toBe(0);
    expect(await impatient.statements({ orgId: null }, (tx) => tx.query(echo, ['next']))).toHaveLength(1);
  });

  test('waits for a lock no longer than that', async () => {
    const orgId = await db.organization();
    await using impatient = db.open({ role: 'assay_system', statementTimeoutMs: 50 });
    const lock = statement('test.lock', 'select id from organizations where id = $1 for update');
    await db.system.transaction({ orgId: null }, async (tx) => {
      await tx.query(lock, [orgId]);
      const second = impatient.transaction({ orgId: null }, (other) => other.query(lock, [orgId]));
      await expect(second).rejects.toMatchObject({ kind: 'deadline' });
    });
  });
});

describe('a server that cannot be reached', () => {
  test.each([
    ['nobody listens', { host: '/nonexistent' }],
    ['it does not answer to that name', { host: 'no-such-host.invalid' }],
  ])('is unavailable when %s', async (_name, at) => {
    await using lost = db.open({ role: 'assay_app', at });
    const act = lost.transaction({ orgId: null }, (tx) => tx.query(echo, ['x']));
    await expect(act).rejects.toMatchObject({ kind: 'unavailable', code: 'database.unavailable' });
    const alone = lost.statements({ orgId: null }, (tx) => tx.query(echo, ['x']));
    await expect(alone).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
