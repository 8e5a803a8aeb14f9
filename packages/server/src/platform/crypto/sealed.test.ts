import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { open, seal } from './sealed.ts';

const key = randomBytes(32);
const secret = Buffer.from('the private half');

describe('a sealed value', () => {
  test('opens with the same key and the same words', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.string(), (plain, context) => {
        expect(open(key, seal(key, Buffer.from(plain), context), context)).toEqual(Buffer.from(plain));
      }),
    );
  });

  test('does not open with any one bit of it changed', () => {
    const sealed = seal(key, secret, 'context');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => open(key, altered, 'context'), `bit ${bit}`).toThrow();
    }
  });

  test('does not open when it is cut or has more behind it', () => {
    const sealed = seal(key, secret, 'context');
    for (let length = 0; length < sealed.length; length++) {
      expect(() => open(key, sealed.subarray(0, length), 'context'), `${length} bytes`).toThrow();
    }
    expect(() => open(key, Buffer.concat([sealed, Buffer.of(0)]), 'context')).toThrow();
  });

  test.each([
    ['other words', key, 'signing_key:2'],
    ['no words', key, ''],
    ['more words', key, 'signing_key:1 '],
    ['another key', randomBytes(32), 'signing_key:1'],
  ])('does not open with %s', (_name, other, context) => {
    const sealed = seal(key, secret, 'signing_key:1');
    expect(() => open(other, sealed, context)).toThrow();
  });

  test('is another each time, and shows nothing of what is in it', () => {
    const [one, other] = [seal(key, secret, 'context'), seal(key, secret, 'context')];
    expect(one.equals(other)).toBe(false);
    expect(one.includes(secret)).toBe(false);
    expect(one.length).toBe(1 + 12 + 16 + secret.length);
  });

  test('is not made with a key of another length', () => {
    expect(() => seal(randomBytes(16), secret, 'context')).toThrow();
  });
});
