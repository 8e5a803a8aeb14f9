import { describe, expect, test } from 'vitest';
import { waitAfter } from './model.ts';

describe('the wait before the next attempt', () => {
  test('follows the schedule of Standard Webhooks, and ends with it after ten attempts', () => {
    const waits = Array.from({ length: 10 }, (_, index) => waitAfter(index + 1, { random: 0 }));
    const hours = (count: number): number => count * 3600;
    expect(waits).toEqual([5, 300, 1800, ...[2, 5, 10, 14, 20, 24].map(hours), null]);
  });

  test('is up to a fifth longer, at random', () => {
    expect(waitAfter(2, { random: 1 })).toBe(360);
  });

  test('is what the receiver asked for when that is longer, a day at most', () => {
    expect(waitAfter(1, { random: 0, askedSeconds: 60 })).toBe(60);
    expect(waitAfter(3, { random: 0, askedSeconds: 60 })).toBe(1800);
    expect(waitAfter(1, { random: 0, askedSeconds: 1e9 })).toBe(86_400);
  });
});
