import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClaimLoop, type ClaimLoopOptions } from './claim-loop.ts';

const POLL_MS = 250;

/** A queue of numbers and a loop over it; the test says how many there is room for. */
function workbench(overrides: Partial<ClaimLoopOptions<number>> = {}) {
  const bench = {
    queue: [] as number[],
    room: 2,
    claims: [] as number[],
    started: [] as number[],
    logged: [] as string[],
  };
  const log = pino(
    {},
    {
      write: (line: string) => void bench.logged.push(JSON.parse(line).msg),
    },
  );
  const loop = new ClaimLoop<number>({
    name: 'numbers',
    capacity: () => bench.room - bench.started.length,
    claim: async (max) => {
      bench.claims.push(max);
      return bench.queue.splice(0, max);
    },
    start: (item) => void bench.started.push(item),
    pollMs: POLL_MS,
    log,
    ...overrides,
  });
  return { bench, loop };
}

/** Lets everything run that waits for nothing but its turn. */
const settle = async (): Promise<void> => {
  await vi.advanceTimersByTimeAsync(0);
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a claim loop', () => {
  test('takes no more than there is room for, and the rest when room appears', async () => {
    const { bench, loop } = workbench();
    bench.queue = [1, 2, 3, 4, 5];
    loop.start();
    await settle();
    expect(bench.started).toEqual([1, 2]);
    expect(bench.claims).toEqual([2]);
    bench.room = 4;
    loop.wake();
    await settle();
    expect(bench.started).toEqual([1, 2, 3, 4]);
    expect(bench.claims).toEqual([2, 2]);
    await loop[Symbol.asyncDispose]();
  });

  test('asks for nothing while there is no room', async () => {
    const { bench, loop } = workbench();
    bench.room = 0;
    bench.queue = [1];
    loop.start();
    await vi.advanceTimersByTimeAsync(10 * POLL_MS);
    expect(bench.claims).toEqual([]);
    await loop[Symbol.asyncDispose]();
  });

  test('asks again at once after a full batch, and not after one that was not', async () => {
    const { bench, loop } = workbench({ capacity: () => 2 });
    bench.queue = [1, 2, 3, 4, 5];
    loop.start();
    await settle();
    expect(bench.claims).toEqual([2, 2, 2]);
    expect(bench.started).toEqual([1, 2, 3, 4, 5]);
    await loop[Symbol.asyncDispose]();
  });

  test('finds what came without a signal at the next poll', async () => {
    const { bench, loop } = workbench();
    loop.start();
    await settle();
    bench.queue = [1];
    await vi.advanceTimersByTimeAsync(POLL_MS - 1);
    expect(bench.started).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(bench.started).toEqual([1]);
    await loop[Symbol.asyncDispose]();
  });

  test('has one claim under way at a time; signals that arrive meanwhile fold into one more', async () => {
    let underway = 0;
    let most = 0;
    const answers: ((items: number[]) => void)[] = [];
    const { loop } = workbench({
      claim: () => {
        underway += 1;
        most = Math.max(most, underway);
        return new Promise((resolve) => {
          answers.push((items) => {
            underway -= 1;
            resolve(items);
          });
        });
      },
    });
    loop.start();
    for (let signal = 0; signal < 100; signal++) loop.wake();
    await settle();
    expect(answers).toHaveLength(1);
    answers[0]?.([]);
    await settle();
    expect(answers).toHaveLength(2);
    answers[1]?.([]);
    await settle();
    expect(answers).toHaveLength(2);
    expect(most).toBe(1);
    await loop[Symbol.asyncDispose]();
  });

  test('loses no signal, at whatever moment around the end of a claim it comes', async () => {
    // Turns of the microtask queue between the claim's answer and the signal.
    for (let turns = 0; turns < 12; turns++) {
      const { bench, loop } = workbench();
      loop.start();
      await settle();
      loop.wake();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      bench.queue = [1];
      loop.wake();
      await settle();
      expect(bench.started, `${turns} turns`).toEqual([1]);
      await loop[Symbol.asyncDispose]();
    }
  });

  test('waits for the next poll after a claim that failed, and says so', async () => {
    let failures = 2;
    const { bench, loop } = workbench({
      claim: async () => {
        bench.claims.push(1);
        if (failures-- > 0) throw new Error('The database is away.');
        return [7];
      },
    });
    loop.start();
    await settle();
    expect(bench.claims).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(bench.claims).toHaveLength(2);
    expect(bench.logged).toEqual(Array(2).fill('claiming work failed; trying again at the next poll'));
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(bench.started[0]).toBe(7);
    await loop[Symbol.asyncDispose]();
  });

  test('starts the rest of a batch when one of it cannot be started', async () => {
    const started: number[] = [];
    const { bench, loop } = workbench({
      capacity: () => 3,
      start: (item) => {
        if (item === 1) throw new Error('The runner has gone.');
        started.push(item);
      },
    });
    bench.queue = [1, 2];
    loop.start();
    await settle();
    expect(started).toEqual([2]);
    expect(bench.logged).toEqual(['claimed work could not be started']);
    await loop[Symbol.asyncDispose]();
  });

  test('stops after the claim that is under way, starts what it gave, and claims no more', async () => {
    const answer = Promise.withResolvers<number[]>();
    const { bench, loop } = workbench({
      claim: (max) => {
        bench.claims.push(max);
        return answer.promise;
      },
    });
    loop.start();
    await settle();
    let stopped = false;
    const stopping = loop[Symbol.asyncDispose]().then(() => {
      stopped = true;
    });
    await settle();
    expect(stopped).toBe(false);
    answer.resolve([1, 2]);
    await stopping;
    expect(bench.started).toEqual([1, 2]);
    loop.wake();
    await vi.advanceTimersByTimeAsync(10 * POLL_MS);
    expect(bench.claims).toHaveLength(1);
  });
});
