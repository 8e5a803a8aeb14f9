import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from './page.ts';

const keys = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger()), { maxLength: 4 });
const text = (document: unknown): string => Buffer.from(JSON.stringify(document)).toString('base64url');

describe('a cursor', () => {
  test('gives its keys back', () => {
    fc.assert(
      fc.property(keys, (given) => {
        expect(decodeCursor(encodeCursor(given), given.length)).toEqual(given);
      }),
    );
  });

  test('goes into an address as it is', () => {
    fc.assert(
      fc.property(keys, (given) => {
        const cursor = encodeCursor(given);
        expect(encodeURIComponent(cursor)).toBe(cursor);
      }),
    );
  });

  test.each([
    ['of no text', ''],
    ['of no base64', '%%%'],
    ['of no JSON', Buffer.from('[1,').toString('base64url')],
    ['that is cut', encodeCursor(['2026-01-01', 'abcdef']).slice(0, -4)],
    ['with too few keys', text([1])],
    ['with too many keys', text([1, 2, 3])],
    ['with an object for a list', text({ 0: 1, 1: 2, length: 2 })],
    ['with null for a key', text([null, 1])],
    ['with a list for a key', text([['a'], 1])],
    ['with a number no computer of ours counts to', text([1e300, 1])],
    ['with a fraction for a key', text([0.5, 1])],
  ])('%s is refused by its name', (_name, cursor) => {
    expect(() => decodeCursor(cursor, 2)).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'page.cursor_invalid' }),
    );
  });

  test('is refused or understood whatever is sent for one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(3), (cursor, length) => {
        try {
          expect(decodeCursor(cursor, length)).toHaveLength(length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'page.cursor_invalid' });
        }
      }),
    );
  });
});
