import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor, type KeyForm } from './page.ts';

const keys = fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 });
const any = (): boolean => true;
const forms = (length: number): KeyForm[] => Array.from({ length }, () => any);
const text = (document: unknown): string => Buffer.from(JSON.stringify(document)).toString('base64url');

describe('a cursor', () => {
  test('gives its keys back', () => {
    fc.assert(
      fc.property(keys, (given) => {
        expect(decodeCursor(encodeCursor(given), forms(given.length))).toEqual(given);
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
    ['with too few keys', text(['a'])],
    ['with too many keys', text(['a', '2026-01-01', 'c'])],
    ['with an object for a list', text({ 0: 'a', 1: '2026-01-01', length: 2 })],
    ['with null for a key', text([null, '2026-01-01'])],
    ['with a list for a key', text([['a'], '2026-01-01'])],
    ['with a number for a key', text([1, '2026-01-01'])],
    ['with a key of another form', text(['a', 'yesterday'])],
  ])('%s is refused by its name', (_name, cursor) => {
    const isDay: KeyForm = (key) => /^\d{4}-\d{2}-\d{2}$/.test(key);
    expect(() => decodeCursor(cursor, [any, isDay])).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'page.cursor_invalid' }),
    );
  });

  test('is refused or understood whatever is sent for one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(3), (cursor, length) => {
        try {
          expect(decodeCursor(cursor, forms(length))).toHaveLength(length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'page.cursor_invalid' });
        }
      }),
    );
  });
});
