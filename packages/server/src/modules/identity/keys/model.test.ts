import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeKey, hashKey, isAcceptableBootstrapKey, isWellFormed, newRawKey } from './model.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const keys = fc.constant(null).map(newRawKey);

describe('a key', () => {
  test('is sk_, 32 random characters and a checksum of 6', () => {
    for (let round = 0; round < 200; round++) {
      const key = newRawKey();
      expect(key).toMatch(/^sk_[0-9A-Za-z]{38}$/);
      expect(isWellFormed(key)).toBe(true);
    }
  });

  test('is made once, from the whole alphabet', () => {
    const made = Array.from({ length: 2_000 }, newRawKey);
    expect(new Set(made).size).toBe(made.length);
    expect(new Set(made.flatMap((key) => [...key.slice(3, 35)])).size).toBe(62);
  });

  test('with one character mistyped is known as mistyped', () => {
    fc.assert(
      fc.property(keys, fc.nat(40), fc.constantFrom(...ALPHABET), (key, place, typed) => {
        const mistyped = key.slice(0, place) + typed + key.slice(place + 1);
        expect(isWellFormed(mistyped)).toBe(mistyped === key);
      }),
      { numRuns: 2_000 },
    );
  });

  test('with two neighbours swapped is known as mistyped', () => {
    fc.assert(
      fc.property(keys, fc.integer({ min: 3, max: 39 }), (key, place) => {
        const swapped = key.slice(0, place) + key[place + 1] + key[place] + key.slice(place + 2);
        expect(isWellFormed(swapped)).toBe(swapped === key);
      }),
      { numRuns: 1_000 },
    );
  });

  test('that is cut, lengthened or dressed up is none', () => {
    const key = newRawKey();
    for (let length = 0; length < key.length; length++) expect(isWellFormed(key.slice(0, length))).toBe(false);
    for (const other of [`${key}0`, ` ${key}`, `${key}\n`, key.toUpperCase(), key.replace('sk_', 'pk_'), '']) {
      expect(isWellFormed(other)).toBe(false);
    }
  });

  test('shows only its beginning and its end', () => {
    const key = newRawKey();
    expect(describeKey(key)).toEqual({ prefix: key.slice(0, 7), lastFour: key.slice(-4) });
    expect(hashKey(key)).toHaveLength(32);
    expect(hashKey(key).equals(hashKey(newRawKey()))).toBe(false);
  });
});

describe('a key from configuration', () => {
  test.each([`sk_${'a'.repeat(20)}`, `sk_${'a'.repeat(200)}`, 'sk_my-own_key-for-the-tests', newRawKey()])(
    'may be %s',
    (key) => {
      expect(isAcceptableBootstrapKey(key)).toBe(true);
    },
  );

  test.each([
    '',
    'sk_',
    `sk_${'a'.repeat(19)}`,
    `sk_${'a'.repeat(201)}`,
    `pk_${'a'.repeat(20)}`,
    `sk_${'a'.repeat(20)} `,
    `sk_${'a'.repeat(20)}\n`,
    `sk_${'ä'.repeat(20)}`,
    `sk_${'a'.repeat(20)}$`,
  ])('may not be %j', (key) => {
    expect(isAcceptableBootstrapKey(key)).toBe(false);
  });
});
