import { expect, test } from 'vitest';
import { decimalNumber, header, mebibytes, moment, pair, seconds, several, wholeNumber } from './option-value.ts';

test.each([
  ['10s', 10],
  ['10', 10],
  ['2m', 120],
  ['1h', 3_600],
  ['30d', 2_592_000],
])('the time %s is %i seconds', (value, expected) => {
  expect(seconds(value)).toBe(expected);
});

test.each([
  ['256m', 256],
  ['256', 256],
  ['256MiB', 256],
  ['1g', 1_024],
  ['2GB', 2_048],
])('the size %s is %i mebibytes', (value, expected) => {
  expect(mebibytes(value)).toBe(expected);
});

test.each([
  [seconds, ['', '1.5s', '-1s', 's', '10 s', '1w', '1e3']],
  [mebibytes, ['', '1k', '0.5g', '-1m', 'm']],
  [wholeNumber, ['', '1.0', '-1', '1e3', '0x1', '12345678901']],
  [decimalNumber, ['', '.5', '-1', '1e3', 'NaN']],
  [pair, ['', 'A', '=1']],
  [header, ['', 'A', 'A B: c', 'A: b\nC: d']],
  [moment, ['', 'soon', '10 days']],
])('%o refuses what is not one of its values', (read, values) => {
  for (const value of values) expect(() => read(value)).toThrow(/^It must be /);
});

test('a moment is a time from now, or a date', () => {
  expect(moment('2027-01-31')).toBe('2027-01-31T00:00:00.000Z');
  expect(Math.abs(Date.parse(moment('90d')) - Date.now() - 90 * 86_400_000)).toBeLessThan(5_000);
});

test('what may be repeated is collected', () => {
  expect(several('b', ['a'])).toEqual(['a', 'b']);
  expect(pair('B=', { A: 'x=y' })).toEqual({ A: 'x=y', B: '' });
  expect(header('X-A:  b: c')).toEqual({ 'X-A': 'b: c' });
});
