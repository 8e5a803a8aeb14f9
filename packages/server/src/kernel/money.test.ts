import { expect, test } from 'vitest';
import { dollarsOf, formatDollars } from './money.ts';

test.each([
  [0, '$0.00'],
  [1, '$0.000001'],
  [10_000, '$0.01'],
  [1_500_000, '$1.50'],
  [1_234_567, '$1.234567'],
  [1_234_500, '$1.2345'],
  [-20_000_000, '-$20.00'],
  [1_000_000_000_000_000, '$1000000000.00'],
])('%d micro-dollars read as %s', (micros, text) => expect(formatDollars(micros)).toBe(text));

test('a decimal number of dollars is as close as a number can be', () => {
  expect(dollarsOf(45_600)).toBe(0.0456);
});
