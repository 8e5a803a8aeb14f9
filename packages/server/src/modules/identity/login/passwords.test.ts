import { describe, expect, test } from 'vitest';
import { hashPassword, newOneTimePassword, spendVerification, verifyPassword } from './passwords.ts';

describe('a password', () => {
  test('is kept as argon2id with the parameters that OWASP asks for', async () => {
    expect(await hashPassword('correct horse')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test('is known again, and no other is taken for it', async () => {
    const stored = await hashPassword('correct horse');
    expect(await verifyPassword(stored, 'correct horse')).toBe(true);
    for (const other of ['Correct horse', 'correct horse ', '', 'correct horse\0']) {
      expect(await verifyPassword(stored, other)).toBe(false);
    }
  });

  test('is salted: two of a kind are stored apart', async () => {
    expect(await hashPassword('same')).not.toBe(await hashPassword('same'));
  });

  test('of nobody is never right', async () => {
    expect(await spendVerification('')).toBe(false);
    expect(await spendVerification('correct horse')).toBe(false);
  });
});

describe('a one-time password', () => {
  test('is twenty characters that cannot be mistaken for each other, in groups', () => {
    const made = Array.from({ length: 500 }, newOneTimePassword);
    for (const password of made) expect(password).toMatch(/^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/);
    expect(new Set(made).size).toBe(made.length);
  });

  test('uses each character about as often as any other', () => {
    const counts = new Map<string, number>();
    for (let round = 0; round < 5_000; round++) {
      for (const character of newOneTimePassword().replaceAll('-', '')) {
        counts.set(character, (counts.get(character) ?? 0) + 1);
      }
    }
    const expected = 100_000 / counts.size;
    // Six standard deviations of a fair draw; a random byte's remainder would be off by seven, at eight characters.
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(6 * Math.sqrt(expected));
  });
});
