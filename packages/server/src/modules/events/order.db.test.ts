import fc from 'fast-check';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { until } from '../../../test/until.ts';
import { type Client, newClient } from '../../platform/db/index.ts';
import { EventFeed } from './feed.ts';
import { isAfter, type Position, parsePosition, type StreamedEvent } from './model.ts';

/** How many schedules are tried; more of them with ASSAY_EVENT_RUNS. */
const RUNS = Number(process.env['ASSAY_EVENT_RUNS'] ?? 8);
const WRITERS = 4;
const DEADLINE_MS = 25_000;

const db = testDatabase();
const writers: Client[] = [];
const wakes = new Set<() => void>();
const feed = new EventFeed({
  systemRead: (work) => db.system.statements({ orgId: null }, work),
  read: (scope, work) => db.app.statements(scope, work),
  onWake(listener) {
    wakes.add(listener);
    return () => wakes.delete(listener);
  },
  log: pino({ level: 'silent' }),
});
beforeAll(async () => {
  for (let n = 0; n < WRITERS; n++) writers.push(newClient(db.address, 'writer'));
  await Promise.all(
    writers.map(async (writer) => {
      await writer.connect();
      await writer.query('set role assay_system');
    }),
  );
  await feed.start();
});
afterAll(async () => {
  await feed[Symbol.asyncDispose]();
  await Promise.all(writers.map((writer) => writer.end()));
});

/** One who reads and is cut at times, and takes up where the last whole batch left them. */
class Reader {
  readonly seen: StreamedEvent[] = [];
  #after: string;
  #cut: () => Promise<void> = async () => {};
  readonly #orgId: string;

  constructor(orgId: string, after: string) {
    this.#orgId = orgId;
    this.#after = after;
  }

  async connect(): Promise<void> {
    const controller = new AbortController();
    const filter = { types: [], subjects: [] };
    const stream = await feed.subscribe({ orgId: this.#orgId, filter, after: this.#after, signal: controller.signal });
    const reading = (async () => {
      for await (const { events, position } of stream) {
        this.seen.push(...events);
        this.#after = position;
      }
    })();
    this.#cut = async () => {
      controller.abort();
      await reading;
    };
  }

  cut = (): Promise<void> => this.#cut();
}

/** Who writes, in transactions of any length, and what of it was committed. */
class Writing {
  readonly committed: string[] = [];
  readonly #open = new Map<number, string[]>();
  readonly #orgId: string;
  #written = 0;

  constructor(orgId: string) {
    this.#orgId = orgId;
  }

  async write(writer: number): Promise<void> {
    const subjects = this.#open.get(writer);
    if (!subjects) await writers[writer]?.query('begin');
    const subject = String(this.#written++);
    this.#open.set(writer, [...(subjects ?? []), subject]);
    const insert = `insert into events (org_id, type, subject, data) values ($1, 'test.happened', $2, '{}')`;
    await writers[writer]?.query(insert, [this.#orgId, subject]);
  }

  async end(writer: number, how: 'commit' | 'rollback'): Promise<void> {
    const subjects = this.#open.get(writer);
    if (!subjects) return;
    this.#open.delete(writer);
    await writers[writer]?.query(how);
    if (how === 'commit') this.committed.push(...subjects);
    for (const wake of wakes) wake();
  }
}

type Step = { writer: number; act: 'write' | 'commit' | 'rollback' | 'cut' };
const step: fc.Arbitrary<Step> = fc.record({
  writer: fc.nat(WRITERS - 1),
  act: fc.constantFrom('write', 'write', 'write', 'commit', 'rollback', 'cut'),
});

async function take({ writer, act }: Step, writing: Writing, reader: Reader): Promise<void> {
  if (act === 'write') return writing.write(writer);
  if (act !== 'cut') return writing.end(writer, act);
  await reader.cut();
  await reader.connect();
}

test('whatever the order of commits, however long a transaction stays open: each event once, in order, across cuts', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const orgId = await db.organization();
    const writing = new Writing(orgId);
    const reader = new Reader(orgId, '0-0');
    await reader.connect();
    for (const next of steps) await take(next, writing, reader);
    for (let writer = 0; writer < WRITERS; writer++) await writing.end(writer, 'commit');
    await until('all arrive', () => reader.seen.length >= writing.committed.length, DEADLINE_MS);
    await reader.cut();
    expect(reader.seen.map(({ subject }) => subject).toSorted()).toEqual(writing.committed.toSorted());
    const positions = reader.seen.map(({ position }) => parsePosition(position) as Position);
    const ordered = positions.every((position, n) => n === 0 || isAfter(position, positions[n - 1] as Position));
    expect(ordered).toBe(true);
  });
  await fc.assert(property, { numRuns: RUNS });
}, 120_000);
