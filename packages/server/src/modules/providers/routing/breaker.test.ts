import { expect, test } from 'vitest';
import { Breakers } from './breaker.ts';

const at = () => {
  const clock = { now: 1_000_000 };
  const breakers = new Breakers(() => clock.now);
  const fail = (times: number, retryAfterMs: number | null = null): void => {
    for (let time = 0; time < times; time++) breakers.failed('p', retryAfterMs);
  };
  return { clock, breakers, fail };
};

test('a few failures say nothing, half of many open the breaker', () => {
  const { breakers, fail } = at();
  fail(4);
  expect(breakers.admits('p')).toBe(true);
  fail(1);
  expect(breakers.admits('p')).toBe(false);
  expect(breakers.healthOf('p')).toMatchObject({ state: 'open', calls: 5, failures: 5 });
  expect(breakers.admits('another')).toBe(true);
});

test('successes outweigh failures, and what is a minute old is forgotten', () => {
  const { breakers, clock, fail } = at();
  for (let time = 0; time < 6; time++) breakers.succeeded('p', 100);
  fail(5);
  expect(breakers.admits('p')).toBe(true);
  clock.now += 61_000;
  fail(4);
  expect(breakers.admits('p')).toBe(true);
  expect(breakers.healthOf('p')).toMatchObject({ calls: 4, failures: 4 });
});

test('after a rest one call is tried, and its success closes the breaker', () => {
  const { breakers, clock, fail } = at();
  fail(5);
  clock.now += 5_000;
  expect(breakers.healthOf('p').state).toBe('half_open');
  expect([breakers.admits('p'), breakers.admits('p')]).toEqual([true, false]);
  breakers.succeeded('p', 50);
  expect(breakers.healthOf('p')).toMatchObject({ state: 'closed', failures: 0, latencyMs: 50 });
  expect(breakers.admits('p')).toBe(true);
});

test('a failed trial doubles the rest, up to two minutes', () => {
  const { breakers, clock, fail } = at();
  fail(5);
  let rest = 5_000;
  for (let round = 0; round < 8; round++) {
    clock.now += rest;
    expect(breakers.admits('p')).toBe(true);
    fail(1);
    rest = Math.min(120_000, rest * 2);
    clock.now += rest - 1;
    expect(breakers.admits('p')).toBe(false);
    clock.now -= rest - 1;
  }
});

test('a provider that says when to come back is not asked before', () => {
  const { breakers, clock, fail } = at();
  fail(5, 60_000);
  clock.now += 59_999;
  expect(breakers.admits('p')).toBe(false);
  clock.now += 1;
  expect(breakers.admits('p')).toBe(true);
});

test('a trial whose caller left is given to the next one', () => {
  const { breakers, clock, fail } = at();
  fail(5);
  clock.now += 5_000;
  expect(breakers.admits('p')).toBe(true);
  breakers.gaveUp('p');
  expect(breakers.admits('p')).toBe(true);
});

test('the time to the first byte is a moving average', () => {
  const { breakers } = at();
  breakers.succeeded('p', 100);
  breakers.succeeded('p', 200);
  expect(breakers.healthOf('p').latencyMs).toBe(120);
});
