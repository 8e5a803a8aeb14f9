import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Grant, RateLimiter, type RatePolicy, type Taken } from './rate-limiter.ts';

const MINUTE = 60_000;
const policy = (limit: number, name = 'test'): RatePolicy => ({ name, limit, windowMs: MINUTE });

/** One request against one policy, where the limiter need ask nobody. */
const take = (limiter: RateLimiter, of: RatePolicy, caller: string): Taken =>
  limiter.take([{ policy: of, caller }]) as Taken;
const peek = (limiter: RateLimiter, of: RatePolicy, caller: string) => limiter.peek([{ policy: of, caller }]);

/** A limiter with a clock that the test turns. */
function clocked(): { limiter: RateLimiter; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  return { limiter: new RateLimiter(() => clock.now), clock };
}

describe('a caller', () => {
  test('is allowed as many as the limit says, and no more in the same window', () => {
    const { limiter } = clocked();
    const taken = Array.from({ length: 5 }, () => take(limiter, policy(3), 'ann'));
    expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false]);
    expect(taken.map(({ state }) => state.remaining)).toEqual([2, 1, 0, 0, 0]);
  });

  test('begins a window with the first request, and another when that one is over', () => {
    const { limiter, clock } = clocked();
    expect(take(limiter, policy(1), 'ann').state.resetAt).toBe(clock.now + MINUTE);
    clock.now += MINUTE - 1;
    expect(take(limiter, policy(1), 'ann').allowed).toBe(false);
    clock.now += 1;
    expect(take(limiter, policy(1), 'ann')).toEqual({
      allowed: true,
      state: { policy: 'test', limit: 1, remaining: 0, resetAt: clock.now + MINUTE, windowMs: MINUTE },
    });
  });

  test('is not helped or harmed by being refused', () => {
    const { limiter, clock } = clocked();
    const first = take(limiter, policy(1), 'ann').state;
    clock.now += 30_000;
    expect(take(limiter, policy(1), 'ann').state).toEqual(first);
  });

  test('is counted apart from others, and apart by policy', () => {
    const { limiter } = clocked();
    expect(take(limiter, policy(1), 'ann').allowed).toBe(true);
    expect(take(limiter, policy(1), 'bob').allowed).toBe(true);
    expect(take(limiter, policy(1, 'other'), 'ann').allowed).toBe(true);
    expect(take(limiter, policy(1), 'ann').allowed).toBe(false);
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
            const { allowed, state } = take(limiter, policy(limit), 'ann');
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
    for (let round = 0; round < 5; round++) expect(peek(limiter, policy(2), 'ann').remaining).toBe(2);
    expect(limiter.size).toBe(0);
    clock.now += MINUTE / 2;
    expect(take(limiter, policy(2), 'ann').state.resetAt).toBe(clock.now + MINUTE);
  });

  test('shows what was taken, and nothing of a window that is over', () => {
    const { limiter, clock } = clocked();
    const { state } = take(limiter, policy(2), 'ann');
    expect(peek(limiter, policy(2), 'ann')).toEqual(state);
    clock.now += MINUTE;
    expect(peek(limiter, policy(2), 'ann').remaining).toBe(2);
  });
});

describe('the table of callers', () => {
  test('drops those whose windows are over', () => {
    const { limiter, clock } = clocked();
    for (let caller = 0; caller < 10_000; caller++) take(limiter, policy(1), `old ${caller}`);
    clock.now += MINUTE;
    for (let caller = 0; caller < 100; caller++) take(limiter, policy(1), `new ${caller}`);
    expect(limiter.size).toBe(100);
  });

  test('keeps those whose windows go on: a sweep forgives nobody', () => {
    const { limiter, clock } = clocked();
    for (let caller = 0; caller < 9_999; caller++) take(limiter, policy(1), `old ${caller}`);
    clock.now += MINUTE / 2;
    take(limiter, policy(1), 'ann');
    clock.now += MINUTE / 2;
    take(limiter, policy(1), 'bob');
    expect(limiter.size).toBe(2);
    expect(take(limiter, policy(1), 'ann').allowed).toBe(false);
  });

  test('grows with a flood of new callers at a constant price for each', () => {
    const { limiter } = clocked();
    const time = (from: number, count: number): number => {
      const began = performance.now();
      for (let caller = from; caller < from + count; caller++) take(limiter, policy(1), `${caller}`);
      return performance.now() - began;
    };
    time(0, 9_000);
    // Swept at every newcomer, 100,000 of them would look at five billion windows: minutes, not a second.
    expect(time(9_000, 100_000)).toBeLessThan(2_000);
  });
});

describe('a request that counts against several limits', () => {
  const minute = { policy: { name: 'minute', limit: 2, windowMs: MINUTE }, caller: 'address' };
  const hour = { policy: { name: 'hour', limit: 3, windowMs: 60 * MINUTE }, caller: 'organization' };

  test('takes one of each, and shows the tighter', () => {
    const { limiter } = clocked();
    expect(limiter.take([hour, minute])).toMatchObject({ allowed: true, state: { policy: 'minute', remaining: 1 } });
    expect(limiter.take([hour])).toMatchObject({ state: { policy: 'hour', remaining: 1 } });
    expect(limiter.peek([hour, minute])).toMatchObject({ remaining: 1 });
  });

  test('takes of none when one has nothing left, and says until when', () => {
    const { limiter, clock } = clocked();
    void limiter.take([minute]);
    void limiter.take([minute]);
    expect(limiter.take([hour, minute])).toMatchObject({ allowed: false, state: { policy: 'minute', remaining: 0 } });
    expect(limiter.peek([hour]).remaining).toBe(3);
    clock.now += MINUTE;
    for (let round = 0; round < 2; round++) expect(limiter.take([hour, minute])).toMatchObject({ allowed: true });
    clock.now += MINUTE;
    expect(limiter.take([hour, minute])).toMatchObject({ allowed: true });
    // Nothing is left of the hour, and the hour lasts longer.
    for (let round = 0; round < 2; round++) void limiter.take([minute]);
    expect(limiter.take([hour, minute])).toMatchObject({ allowed: false, state: { policy: 'hour' } });
  });
});

describe('shares of a limit that others take from as well', () => {
  /** A window that gives out shares of two, and waits until it is let go. */
  function shared(limit: number) {
    const clock = { now: 1_000_000 };
    const window = { used: 0, asked: 0, gate: Promise.resolve() };
    const source = async (): Promise<Grant> => {
      window.asked += 1;
      await window.gate;
      const granted = Math.min(2, limit - window.used);
      window.used += granted;
      return { granted, used: window.used, resetAt: clock.now + MINUTE };
    };
    const ofOne = () => new RateLimiter(() => clock.now, source);
    return { clock, window, ofOne, claim: { policy: policy(limit), caller: 'ann' } };
  }

  test('are given out at once once they are there, and asked for once by many requests at the same time', async () => {
    const { window, ofOne, claim } = shared(10);
    const limiter = ofOne();
    const taken = await Promise.all(Array.from({ length: 10 }, () => limiter.take([claim])));
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect(window).toMatchObject({ used: 10, asked: 5 });
    expect(limiter.take([claim])).toMatchObject({ allowed: false, state: { remaining: 0 } });
    expect(window.asked).toBe(5);
  });

  test('never come to more than the limit, however many processes take of it', async () => {
    const { ofOne, claim, window } = shared(25);
    const nodes = Array.from({ length: 4 }, ofOne);
    const taken = await Promise.all(Array.from({ length: 200 }, async (_, n) => nodes[n % 4]?.take([claim])));
    expect(taken.filter((each) => each?.allowed)).toHaveLength(25);
    expect(window.used).toBe(25);
  });

  test('of a window that is over are worth nothing', async () => {
    const { clock, window, ofOne, claim } = shared(4);
    const limiter = ofOne();
    await limiter.take([claim]);
    clock.now += MINUTE;
    window.used = 4;
    expect(await limiter.take([claim])).toMatchObject({ allowed: false });
  });
});

test('no two pairs of policy and caller are one', () => {
  const { limiter } = clocked();
  take(limiter, policy(1, 'a'), 'b:c');
  expect(peek(limiter, policy(1, 'a:b'), 'c').remaining).toBe(1);
});
