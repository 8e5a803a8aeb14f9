import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WarmPool } from './warm-pool.ts';

type Item = { kind: string; number: number };
let started: Item[];
let discarded: Item[];
let dead: Set<Item>;
let time: number;
let room: number;

function aPool(kinds: string[], options: { atRest?: number; mostOfKind?: number; capacity?: number } = {}) {
  const pool = new WarmPool<string, Item>(
    {
      start: (kind) => {
        if (room === 0) return undefined;
        room -= 1;
        const item = { kind, number: started.length + 1 };
        started.push(item);
        return item;
      },
      isAlive: (item) => !dead.has(item),
      discard: (item) => {
        room += 1;
        discarded.push(item);
      },
      nameOf: (kind) => kind,
      familyOf: (kind) => kind.split('/')[0] ?? '',
      atRest: () => options.atRest ?? 1,
      mostOfKind: options.mostOfKind ?? 3,
      capacity: options.capacity ?? 10,
      restAfterMs: 60_000,
      refillAfterMs: 25,
      now: () => time,
    },
    kinds,
  );
  pool.start();
  vi.runAllTicks();
  vi.advanceTimersByTime(0);
  return pool;
}
const refilled = () => vi.advanceTimersByTime(26);

beforeEach(() => {
  vi.useFakeTimers();
  started = [];
  discarded = [];
  dead = new Set();
  time = 0;
  room = 100;
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is kept ready is handed out once and replaced', () => {
  const pool = aPool(['python']);
  expect(started).toHaveLength(1);
  expect(pool.take('python')).toBe(started[0]);
  expect(pool.size).toBe(0);
  refilled();
  expect(pool.take('python')).toBe(started[1]);
});

test('nothing is started while whoever took one may still need the machine', () => {
  const pool = aPool(['python']);
  pool.take('python');
  vi.advanceTimersByTime(24);
  expect(started).toHaveLength(1);
  vi.advanceTimersByTime(2);
  expect(started).toHaveLength(2);
});

test('who is done early can say so', () => {
  const pool = aPool(['python']);
  pool.take('python');
  pool.refill();
  vi.advanceTimersByTime(0);
  expect(started).toHaveLength(2);
});

test('each time a kind runs out, one more of it is kept, up to a limit', () => {
  const pool = aPool(['python'], { mostOfKind: 3 });
  for (let round = 0; round < 5; round += 1) {
    while (pool.take('python') !== undefined);
    refilled();
  }
  expect(pool.size).toBe(3);
});

test('one that died while it waited is not handed out', () => {
  const pool = aPool(['python'], { atRest: 2 });
  const [first, second] = started;
  if (first) dead.add(first);
  expect(pool.take('python')).toBe(second);
  expect(discarded).toEqual([first]);
});

test('a kind that nobody asks for goes back to rest', () => {
  const pool = aPool(['python']);
  pool.take('python');
  pool.take('python');
  refilled();
  expect(pool.size).toBe(2);
  time = 60_001;
  pool.settle();
  expect(pool.size).toBe(1);
});

test('a kind replaces the others of its family', () => {
  const pool = aPool(['python/64']);
  time = 1;
  expect(pool.take('python/128')).toBeUndefined();
  refilled();
  expect(discarded.map(({ kind }) => kind)).toEqual(['python/64']);
  expect(started.map(({ kind }) => kind)).toEqual(['python/64', 'python/128', 'python/128']);
});

test('a full pool makes room for what is asked for by dropping what was asked for longest ago', () => {
  const pool = aPool(['python', 'node'], { capacity: 2 });
  time = 1;
  pool.take('python');
  pool.take('python');
  refilled();
  expect(pool.size).toBe(2);
  expect(discarded.map(({ kind }) => kind)).toEqual(['node']);
});

test('without room nothing is started, and it goes on when there is some', () => {
  room = 0;
  const pool = aPool(['python']);
  expect(pool.size).toBe(0);
  room = 1;
  pool.refill();
  refilled();
  expect(pool.size).toBe(1);
});

test('a closed pool drops what it has and starts nothing', () => {
  const pool = aPool(['python', 'node']);
  pool.close();
  expect(discarded).toHaveLength(2);
  pool.refill();
  refilled();
  expect(started).toHaveLength(2);
});
