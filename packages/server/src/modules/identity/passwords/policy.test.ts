import { describe, expect, test } from 'vitest';
import { assertAcceptable } from './policy.ts';

const owner = { email: 'ada.lovelace@example.test', name: 'Ada Lovelace' };
const constraintOf = (password: string): string | undefined => {
  try {
    assertAcceptable(password, owner);
    return undefined;
  } catch (error) {
    return (error as { faults: { constraint: string }[] }).faults[0]?.constraint;
  }
};

describe('a new password', () => {
  test.each([
    'correct horse battery staple',
    'vß7-klmq.treibt Öl',
    'ワタシノパスワードハコレデス',
    'j8Kq2-mm31x-Zp0',
    'seventeen green hats',
  ])('"%s" is accepted', (password) => {
    expect(constraintOf(password)).toBeUndefined();
  });

  test.each([
    ['min_length', 'short'],
    ['min_length', 'elevenchars'],
    // Twelve code units, six characters.
    ['min_length', '😀😁😂🤣😃😄'],
    ['not_common', 'aaaaaaaaaaaa'],
    ['not_common', 'abababababab'],
    ['not_common', 'abcdefghijklmn'],
    ['not_common', '210987654321'],
    ['not_common', '1234567890123'],
    ['not_common', 'Password1234!'],
    ['not_common', 'p4$$w0rdp4$$w0rd'],
    ['not_common', '!!!!Sunshine2024'],
    ['not_common', 'qwertyuiop1234'],
    ['not_common', 'ILOVEYOU123456'],
    ['not_yours', 'example-ada.lovelace'],
    ['not_yours', 'Ada.Lovelace.99'],
  ])('is refused as %s: "%s"', (constraint, password) => {
    expect(constraintOf(password)).toBe(constraint);
  });

  test('has an upper bound, since it is hashed for whoever sends it', () => {
    expect(constraintOf('x7 '.repeat(400))).toBe('max_length');
  });
});
