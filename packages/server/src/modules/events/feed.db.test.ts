import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { until } from '../../../test/until.ts';
import { newClient } from '../../platform/db/index.ts';
import { EventFeed, type Subscribe } from './feed.ts';
import { type EventFilter, eachEvent, type StreamedEvent } from './model.ts';
import { insertEvent } from './outbox.ts';

const db = testDatabase();
/**
 * Events show when every older transaction of the whole server has ended, so a test of another file that holds one open
 * holds these up.
 */
const DEADLINE_MS = 25_000;
const ALL: EventFilter = { types: [], subjects: [] };
const wakes = new Set<() => void>();
const wake = (): void => {
  for (const listener of wakes) listener();
};
const feed = new EventFeed({
  systemRead: (work) => db.system.statements({ orgId: null }, work),
  read: (scope, work) => db.app.statements(scope, work),
  onWake(listener) {
    wakes.add(listener);
    return () => wakes.delete(listener);
  },
  log: pino({ level: 'silent' }),
});
beforeAll(() => feed.start());
afterAll(() => feed[Symbol.asyncDispose]());

const tell = async (orgId: string, subject: string, type = 'test.happened'): Promise<void> => {
  await db.app.transaction({ orgId }, async (tx) => insertEvent(tx, orgId, { type, subject, data: {} }));
  wake();
};

const client = () => newClient(db.address, 'slow');

/** Collects a stream until the test ends it. */
async function collect(of: Omit<Subscribe, 'signal'>) {
  const controller = new AbortController();
  const stream = await feed.subscribe({ ...of, signal: controller.signal });
  const events: StreamedEvent[] = [];
  const done = (async () => {
    for await (const event of eachEvent(stream)) events.push(event);
  })();
  return {
    events,
    subjects: () => events.map(({ subject }) => subject),
    async end() {
      controller.abort();
      await done;
    },
  };
}

function follow(orgId: string, { after = null, filter = ALL }: { after?: string | null; filter?: EventFilter } = {}) {
  return collect({ orgId, filter, after });
}

test('a stream gives what is committed from now on, of its own organization only', async () => {
  const [mine, theirs] = [await db.organization(), await db.organization()];
  const stream = await follow(mine);
  await tell(theirs, 'not-mine');
  await tell(mine, 'one');
  await tell(mine, 'two');
  await until('both arrive', () => stream.events.length === 2, DEADLINE_MS);
  expect(stream.subjects()).toEqual(['one', 'two']);
  await stream.end();
});

test('a stream that resumes after an event gives what came behind it, then goes on live', async () => {
  const orgId = await db.organization();
  const first = await follow(orgId);
  await tell(orgId, 'one');
  await tell(orgId, 'two');
  await until('both arrive', () => first.events.length === 2, DEADLINE_MS);
  await first.end();
  await tell(orgId, 'while-away');
  const resumed = await follow(orgId, { after: first.events[0]?.position ?? '' });
  await tell(orgId, 'live');
  await until('three arrive', () => resumed.events.length >= 3, DEADLINE_MS);
  expect(resumed.subjects()).toEqual(['two', 'while-away', 'live']);
  await resumed.end();
});

test('an event that commits after a younger one is neither skipped nor out of order', async () => {
  const orgId = await db.organization();
  const stream = await follow(orgId);
  const slow = client();
  await slow.connect();
  await slow.query('set role assay_system');
  await slow.query('begin');
  // Takes its transaction id and its row id first, and commits last.
  await slow.query(`insert into events (org_id, type, subject, data) values ($1, 'test.happened', 'slow', '{}')`, [
    orgId,
  ]);
  await tell(orgId, 'fast');
  await slow.query('commit');
  wake();
  await until('both arrive', () => stream.events.length === 2, DEADLINE_MS);
  expect(stream.subjects()).toEqual(['slow', 'fast']);
  await stream.end();
  await slow.end();
});

test('a replay is in the order of transactions, also where their numbers get a digit longer', async () => {
  const orgId = await db.organization();
  await db.owner.query(
    `insert into events (org_id, xid, type, subject, data)
     select $1, n::text::xid8, 'test.happened', n::text, '{}' from generate_series(95, 104) n`,
    [orgId],
  );
  await tell(orgId, 'last');
  const replay = await follow(orgId, { after: '97-0' });
  await until('the last arrives', () => replay.subjects().includes('last'), DEADLINE_MS);
  expect(replay.subjects()).toEqual(['97', '98', '99', '100', '101', '102', '103', '104', 'last']);
  await replay.end();
});

test('many writers at once: every event arrives exactly once, also across reconnects', async () => {
  const orgId = await db.organization();
  const seen: string[] = [];
  const writing = Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let index = 0; index < 25; index++) await tell(orgId, `${writer}-${index}`);
    }),
  );
  let after = '0-0';
  while (seen.length < 200) {
    const stream = await follow(orgId, { after });
    const wanted = Math.min(200 - seen.length, 30);
    await until('some arrive', () => stream.events.length >= wanted, DEADLINE_MS);
    await stream.end();
    seen.push(...stream.subjects());
    after = stream.events[stream.events.length - 1]?.position ?? after;
  }
  await writing;
  expect(seen).toHaveLength(200);
  expect(new Set(seen).size).toBe(200);
});

test('a filter lets through exact types, families and subjects', async () => {
  const orgId = await db.organization();
  const stream = await follow(orgId, { after: '0-0', filter: { types: ['job.*', 'run.ended'], subjects: ['a'] } });
  for (const [subject, type] of [
    ['a', 'job.started'],
    ['b', 'job.started'],
    ['a', 'jobless.x'],
    ['a', 'run.ended'],
    ['a', 'run.started'],
  ] as const) {
    await tell(orgId, subject, type);
  }
  await until('two arrive', () => stream.events.length === 2, DEADLINE_MS);
  expect(stream.events.map(({ type }) => type)).toEqual(['job.started', 'run.ended']);
  await stream.end();
});

test('a consumer that does not read is cut, and can resume without a loss', async () => {
  const orgId = await db.organization();
  const controller = new AbortController();
  const stream = await feed.subscribe({ orgId, filter: ALL, after: null, signal: controller.signal });
  const slow = eachEvent(stream)[Symbol.asyncIterator]();
  const fast = await follow(orgId);
  await tell(orgId, 'first');
  const first = await slow.next();
  await db.owner.query(
    `insert into events (org_id, type, subject, data) select $1, 'test.happened', n::text, '{}' from generate_series(1, 6000) n`,
    [orgId],
  );
  wake();
  await until('all were delivered', () => fast.events.length === 6001, DEADLINE_MS);
  const seen: StreamedEvent[] = [];
  const read = async (): Promise<void> => {
    for (let next = await slow.next(); !next.done; next = await slow.next()) seen.push(next.value);
  };
  await expect(read()).rejects.toMatchObject({ code: 'event.slow_consumer' });
  expect(seen.length).toBeLessThan(6000);
  const last = seen[seen.length - 1] ?? (first.value as StreamedEvent);
  const resumed = await follow(orgId, { after: last.position });
  await until('the rest arrives', () => resumed.events.length + seen.length === 6000);
  await resumed.end();
  await fast.end();
});

describe('a position', () => {
  const resume = (orgId: string, after: string) =>
    feed.subscribe({ orgId, filter: ALL, after, signal: new AbortController().signal });

  test.each(['yesterday', '1', '-1-1', '1-9223372036854775808', '18446744073709551616-1'])(
    '%s is none of ours, and is refused',
    async (after) => {
      await expect(resume('x', after)).rejects.toMatchObject({ code: 'event.position_invalid' });
    },
  );

  test('that no transaction has reached is not taken for a place to wait at', async () => {
    const ahead = resume(await db.organization(), '9999999999999-1');
    await expect(ahead).rejects.toMatchObject({ code: 'event.position_gone' });
  });

  test('before what retention has dropped is refused, the beginning of what is kept is not', async () => {
    const orgId = await db.organization();
    const live = await follow(orgId);
    await tell(orgId, 'one');
    await tell(orgId, 'two');
    await until('both arrive', () => live.events.length === 2, DEADLINE_MS);
    await live.end();
    const [one, two] = live.events.map(({ position }) => position);
    const floor = client();
    await floor.connect();
    await floor.query(
      `update event_floor set xid = split_part($1, '-', 1)::xid8, id = split_part($1, '-', 2)::bigint`,
      [two],
    );
    await expect(resume(orgId, String(one))).rejects.toMatchObject({
      code: 'event.position_gone',
      message: expect.stringContaining('after=0-0'),
    });
    await tell(orgId, 'three');
    const [behind, whole] = [await follow(orgId, { after: String(two) }), await follow(orgId, { after: '0-0' })];
    await until('the rest arrives', () => behind.events.length === 1 && whole.events.length === 3, DEADLINE_MS);
    await Promise.all([behind.end(), whole.end()]);
    await floor.query(`update event_floor set xid = '0', id = 0`);
    await floor.end();
  });
});
