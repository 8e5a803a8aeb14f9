import { describe, expect, test } from 'vitest';
import { partOf } from './range.ts';

const of = (range: string, size = 100, ifRange?: string) =>
  partOf({ range, ...(ifRange === undefined ? {} : { 'if-range': ifRange }) }, { tag: 'abc', size });

describe('a range', () => {
  test.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=10-19', { start: 10, end: 20 }],
    ['bytes=10-', { start: 10, end: 100 }],
    ['bytes=90-1000', { start: 90, end: 100 }],
    ['bytes=-1', { start: 99, end: 100 }],
    ['bytes=-1000', { start: 0, end: 100 }],
    ['BYTES=1-2', { start: 1, end: 3 }],
    ['bytes=99-99999999999999999999999', { start: 99, end: 100 }],
  ])('%s is that part', (range, part) => {
    expect(of(range)).toEqual(part);
  });

  test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0', 'bytes=99999999999999999999999-'])(
    '%s is not there',
    (range) => {
      expect(of(range)).toBe('unsatisfiable');
    },
  );

  test.each([
    'bytes=0-1,5-6',
    'bytes=5-4',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'lines=0-1',
    '0-1',
    'bytes=1--2',
    'bytes=0x1-2',
  ])('%s is none that is served, and the whole is', (range) => {
    expect(of(range)).toBe('whole');
  });

  test('of nothing is not there, and its end is all of it', () => {
    expect([of('bytes=0-', 0), of('bytes=-5', 0)]).toEqual(['unsatisfiable', 'whole']);
  });

  test('counts only for whoever holds the rest of the same content', () => {
    expect(of('bytes=0-0', 100, '"abc"')).toEqual({ start: 0, end: 1 });
    for (const held of ['"other"', 'W/"abc"', 'abc', 'Sun, 06 Nov 1994 08:49:37 GMT'])
      expect(of('bytes=0-0', 100, held)).toBe('whole');
  });
});
