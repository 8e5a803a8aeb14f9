import { afterEach, expect, test, vi } from 'vitest';
import { fullJitter, isRetryable, pause, pauseBefore, retryAfterMs } from './retry.ts';

const headers = (of: Record<string, string> = {}): Headers => new Headers(of);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test.each([
  [408, {}, true],
  [409, {}, false],
  [409, { 'retry-after': '1' }, true],
  [429, {}, true],
  [500, {}, true],
  [503, {}, true],
  [400, {}, false],
  [402, {}, false],
  [404, {}, false],
  [503, { 'x-should-retry': 'false' }, false],
  [400, { 'x-should-retry': 'true' }, true],
])('status %i with %o can be retried: %s', (status, of, expected) => {
  expect(isRetryable(status, headers(of))).toBe(expected);
});

test('Retry-After is read in seconds and as a date', () => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') });
  expect(retryAfterMs(headers({ 'retry-after': '2' }))).toBe(2_000);
  expect(retryAfterMs(headers({ 'retry-after': 'Thu, 01 Jan 2026 00:00:03 GMT' }))).toBe(3_000);
  expect(retryAfterMs(headers({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }))).toBe(0);
  expect(retryAfterMs(headers({ 'retry-after': 'soon' }))).toBeNull();
  expect(retryAfterMs(headers())).toBeNull();
});

test('the server’s pause is kept to, and given up on when it is too long to wait for', () => {
  expect(pauseBefore(1, headers({ 'retry-after': '60' }))).toBe(60_000);
  expect(pauseBefore(1, headers({ 'retry-after': '61' }))).toBeNull();
});

test('back-off is anything from nothing up to a step that doubles, and is bounded', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  expect([1, 2, 3, 10].map((attempt) => fullJitter(attempt))).toEqual([500, 1_000, 2_000, 8_000]);
  vi.spyOn(Math, 'random').mockReturnValue(0);
  expect(fullJitter(10)).toBe(0);
});

test('a pause ends at once when it is aborted, with the reason', async () => {
  const controller = new AbortController();
  const paused = pause(60_000, controller.signal);
  controller.abort(new Error('enough'));
  await expect(paused).rejects.toThrow('enough');
  await expect(pause(60_000, controller.signal)).rejects.toThrow('enough');
});
