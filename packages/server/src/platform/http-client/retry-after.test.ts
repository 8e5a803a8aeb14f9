import { expect, test } from 'vitest';
import { retryAfterOf } from './retry-after.ts';

const now = new Date('2026-01-01T00:00:00.000Z');

test.each([
  [{ 'retry-after': '7' }, 7_000],
  [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
  [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, null],
  [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
  [{ 'retry-after': ['3', '9'] }, 3_000],
  [{ 'retry-after': 'soon' }, null],
  [{ 'retry-after': '-3' }, null],
  [{}, null],
])('%o asks for a wait of %s milliseconds', (headers, wait) => {
  expect(retryAfterOf(headers, now)).toBe(wait);
});
