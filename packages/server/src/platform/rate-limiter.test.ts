import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateLimiter, type RatePolicy } from './rate-limiter.ts';

const MINUTE = 60_000;
const policy = (limit: number, name = 'test'): RatePolicy => ({ name, limit, windowMs: MINUTE });

/** A limiter with a clock that the test turns. */
function clocked(): { limiter: RateLimiter; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  return { limiter: new RateLimiter(() => clock.now), clock };
}

describe('a caller', () => {
  test('is allowed as many as the limit says, and no more in the same window', () => {
    const { limiter } = clocked();
    const taken = Array.from({ length: 5 }, () => limiter.take(policy(3), 'ann'));
    expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false]);
    expect(taken.map(({ state }) => state.remaining)).toEqual([2, 1, 0, 0, 0]);
  });

  test('begins a window with the first request, and another when that one is over', () => {
    const { limiter, clock } = clocked();
    expect(limiter.take(policy(1), 'ann').state.resetAt).toBe(clock.now + MINUTE);
    clock.now += MINUTE - 1;
    expect(limiter.take(policy(1), 'ann').allowed).toBe(false);
    clock.now += 1;
    expect(limiter.take(policy(1), 'ann')).toEqual({
      allowed: true,
      state: { policy: 'test', limit: 1, remaining: 0, resetAt: clock.now + MINUTE, windowMs: MINUTE },
    });
  });

  test('is not helped or harmed by being refused', () => {
    const { limiter, clock } = clocked();
    const first = limiter.take(policy(1), 'ann').state;
    clock.now += 30_000;
    expect(limiter.take(policy(1), 'ann').state).toEqual(first);
  });

  test('is counted apart from others, and apart by policy', () => {
    const { limiter } = clocked();
    expect(limiter.take(policy(1), 'ann').allowed).toBe(true);
    expect(limiter.take(policy(1), 'bob').allowed).toBe(true);
    expect(limiter.take(policy(1, 'other'), 'ann').allowed).toBe(true);
    expect(limiter.take(policy(1), 'ann').allowed).toBe(false);
  });

  test('never gets more than the limit within any one window, whenever it asks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(20_000), { minLength: 1, maxLength: 200 }),
        (limit, pauses) => {
          const { limiter, clock } = clocked();
          const byWindow = new Map<number, number>();
          for (const pause of pauses) {
            clock.now += pause;
            const { allowed, state } = limiter.take(policy(limit), 'ann');
            if (allowed) byWindow.set(state.resetAt, (byWindow.get(state.resetAt) ?? 0) + 1);
            expect(state.resetAt).toBeGreaterThan(clock.now);
            expect(state.remaining).toBe(limit - (byWindow.get(state.resetAt) ?? 0));
          }
          for (const count of byWindow.values()) expect(count).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});

describe('a look', () => {
  test('takes nothing and begins no window', () => {
    const { limiter, clock } = clocked();
    for (let round = 0; round < 5; round++) expect(limiter.peek(policy(2), 'ann').remaining).toBe(2);
    expect(limiter.size).toBe(0);
    clock.now += MINUTE / 2;
    expect(limiter.take(policy(2), 'ann').state.resetAt).toBe(clock.now + MINUTE);
  });

  test('shows what was taken, and nothing of a window that is over', () => {
    const { limiter, clock } = clocked();
    const { state } = limiter.take(policy(2), 'ann');
    expect(limiter.peek(policy(2), 'ann')).toEqual(state);
    clock.now += MINUTE;
    expect(limiter.peek(policy(2), 'ann').remaining).toBe(2);
  });
});

describe('the table of callers', () => {
  test('drops those whose windows are over', () => {
    const { limiter, clock } = clocked();
    for (let caller = 0; caller < 10_000; caller++) limiter.take(policy(1), `old ${caller}`);
    clock.now += MINUTE;
    for (let caller = 0; caller < 100; caller++) limiter.take(policy(1), `new ${caller}`);
    expect(limiter.size).toBe(100);
  });

  test('keeps those whose windows go on: a sweep forgives nobody', () => {
    const { limiter, clock } = clocked();
    for (let caller = 0; caller < 9_999; caller++) limiter.take(policy(1), `old ${caller}`);
    clock.now += MINUTE / 2;
    limiter.take(policy(1), 'ann');
    clock.now += MINUTE / 2;
    limiter.take(policy(1), 'bob');
    expect(limiter.size).toBe(2);
    expect(limiter.take(policy(1), 'ann').allowed).toBe(false);
  });

  test('grows with a flood of new callers at a constant price for each', () => {
    const { limiter } = clocked();
    const time = (from: number, count: number): number => {
      const began = performance.now();
      for (let caller = from; caller < from + count; caller++) limiter.take(policy(1), `${caller}`);
      return performance.now() - began;
    };
    time(0, 9_000);
    // Swept at every newcomer, 100,000 of them would look at five billion windows: minutes, not a second.
    expect(time(9_000, 100_000)).toBeLessThan(2_000);
  });
});
