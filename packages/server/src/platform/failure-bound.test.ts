import { describe, expect, test } from 'vitest';
import { FailureBound } from './failure-bound.ts';
import { RateLimiter } from './rate-limiter.ts';

const MINUTE = 60_000;

function bound(limit: number) {
  const clock = { now: 1_000_000 };
  const now = (): number => clock.now;
  return { clock, bound: new FailureBound(new RateLimiter(now), { name: 'x', limit, windowMs: MINUTE }, now) };
}

describe('an address', () => {
  test('is held back after so many failures, until the window is over', () => {
    const { bound: failures, clock } = bound(3);
    for (let count = 0; count < 3; count++) {
      expect(failures.heldBackMs('192.0.2.1')).toBe(0);
      failures.failed('192.0.2.1');
    }
    expect(failures.heldBackMs('192.0.2.1')).toBe(MINUTE);
    clock.now += MINUTE;
    expect(failures.heldBackMs('192.0.2.1')).toBe(0);
  });

  test('answers for itself, and a network of IPv6 as one', () => {
    const { bound: failures } = bound(1);
    failures.failed('2001:db8::1');
    expect(failures.heldBackMs('2001:db8::2')).toBeGreaterThan(0);
    expect(failures.heldBackMs('2001:db8:0:1::2')).toBe(0);
    expect(failures.heldBackMs('192.0.2.1')).toBe(0);
    expect(failures.heldBackMs(null)).toBe(0);
  });
});
