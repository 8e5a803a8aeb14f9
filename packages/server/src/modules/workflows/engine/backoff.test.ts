import { expect, test } from 'vitest';
import { nextTryAt } from './backoff.ts';

const now = new Date('2026-01-01T00:00:00.000Z');
const BACKOFF = { kind: 'exponential', firstMs: 1_000, mostMs: 60_000 } as const;
const waitOf = (attempt: number, { share = 0, retryAfterMs = 0 } = {}): number =>
  nextTryAt(BACKOFF, { attempt, retryAfterMs, now, random: () => share }).getTime() - now.getTime();

test('waits double up to the longest, and up to half of each is taken off', () => {
  expect([1, 2, 3, 10, 1_000].map((attempt) => waitOf(attempt))).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
  expect(waitOf(2, { share: 1 })).toBe(1_000);
});

test('a wait that the other side asks for is kept to, as long as the policy lets it', () => {
  expect(waitOf(1, { retryAfterMs: 7_000, share: 1 })).toBe(7_000);
  expect(waitOf(5, { retryAfterMs: 7_000 })).toBe(16_000);
  expect(waitOf(1, { retryAfterMs: 86_400_000 })).toBe(60_000);
});
