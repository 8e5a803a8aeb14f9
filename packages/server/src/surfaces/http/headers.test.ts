import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AppError, ERROR_KINDS, type ErrorKind } from '../../kernel/errors.ts';
import { rateHeaders, refusalHeaders } from './headers.ts';

const NOW = 1_800_000_000_250;
beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the headers of a rate limit', () => {
  test('say it in both families: when the window ends, and in how many seconds', () => {
    const state = { policy: 'control', limit: 600, remaining: 599, resetAt: NOW + 59_100, windowMs: 60_000 };
    expect(rateHeaders(state)).toEqual({
      'x-ratelimit-limit': '600',
      'x-ratelimit-remaining': '599',
      'x-ratelimit-reset': '1800000060',
      'ratelimit-policy': '"control";q=600;w=60',
      ratelimit: '"control";r=599;t=60',
    });
  });

  test('never say a time before now', () => {
    const state = { policy: 'p', limit: 1, remaining: 0, resetAt: NOW - 5_000, windowMs: 60_000 };
    expect(rateHeaders(state)['ratelimit']).toBe('"p";r=0;t=0');
  });

  test('are left out where limits are off', () => {
    expect(rateHeaders(null)).toEqual({});
  });
});

describe('the headers of a refusal', () => {
  const of = (kind: ErrorKind, retryAfterMs?: number) =>
    refusalHeaders(new AppError(kind, 'a.b', 'No.', retryAfterMs === undefined ? {} : { retryAfterMs }));

  test('say when to come back, in whole seconds and never at once', () => {
    expect(of('rate_limited', 1)).toEqual({ 'retry-after': '1' });
    expect(of('rate_limited', 0)).toEqual({ 'retry-after': '1' });
    expect(of('conflict', 1_001)).toEqual({ 'retry-after': '2' });
    expect(of('unavailable', 30_000)).toEqual({ 'retry-after': '30' });
    expect(of('unavailable')).toEqual({ 'retry-after': '5' });
  });

  test('name the way to authenticate where that is what is missing, no try again where money is, and nothing otherwise', () => {
    for (const kind of ERROR_KINDS) {
      const expected = {
        unauthenticated: { 'www-authenticate': 'Bearer realm="assay"' },
        unavailable: { 'retry-after': '5' },
        over_budget: { 'x-should-retry': 'false' },
      };
      expect(of(kind)).toEqual(expected[kind as keyof typeof expected] ?? {});
    }
  });

  test('say no try again to who has been billed', () => {
    expect(refusalHeaders(new AppError('conflict', 'usage.already_billed', 'No.'))).toEqual({
      'x-should-retry': 'false',
    });
  });
});
