import { describe, expect, test } from 'vitest';
import { digestUserCode, newUserCode, type PolledRequest, readUserCode, refusalOf } from './model.ts';

describe('a user code', () => {
  test('is eight consonants that are hard to mistake, in two groups', () => {
    for (let round = 0; round < 200; round++)
      expect(newUserCode()).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  });

  test('does not come twice', () => {
    const codes = Array.from({ length: 2_000 }, newUserCode);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test.each(['BCDF-GHJK', 'bcdf-ghjk', 'bcdfghjk', ' BCDF GHJK ', 'BCDF–GHJK', 'b c d f - g h j k'])(
    'is understood as %j',
    (typed) => {
      expect(readUserCode(typed)).toBe('BCDF-GHJK');
    },
  );

  test.each(['', 'BCDF-GHJ', 'BCDF-GHJKL', 'ACDF-GHJK', 'BCDF-GHJ1', 'BCDF_GHJK', 'ＢCDF-GHJK'])(
    '%j cannot be one',
    (typed) => {
      expect(readUserCode(typed)).toBeNull();
    },
  );

  test('has a digest that depends on the key', () => {
    const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    expect(digestUserCode(one, 'BCDF-GHJK')).toEqual(digestUserCode(one, 'BCDF-GHJK'));
    expect(digestUserCode(one, 'BCDF-GHJK')).not.toEqual(digestUserCode(other, 'BCDF-GHJK'));
    expect(digestUserCode(one, 'BCDF-GHJK')).not.toEqual(digestUserCode(one, 'BCDF-GHJL'));
  });
});

describe('a poll', () => {
  const request = (of: Partial<PolledRequest>): PolledRequest => ({
    id: 'r',
    clientId: 'cli',
    deviceName: '',
    software: '',
    scopes: null,
    decision: null,
    userId: null,
    orgId: null,
    isExpired: false,
    isClaimed: false,
    isEarly: false,
    ...of,
  });
  const approved = { decision: 'approved', userId: 'u' } as const;

  test.each([
    ['of an approved request gets tokens', approved, null],
    ['before a decision waits', {}, 'authorization_pending'],
    ['of a denied request is told', { decision: 'denied' }, 'access_denied'],
    ['that is early is slowed down', { isEarly: true }, 'slow_down'],
    ['that is early is slowed down although it was approved', { ...approved, isEarly: true }, 'slow_down'],
    ['that is late is told', { isExpired: true }, 'expired_token'],
    ['that is late gets nothing although it was approved', { ...approved, isExpired: true }, 'expired_token'],
    ['after the tokens were given gets nothing', { ...approved, isClaimed: true }, 'invalid_grant'],
    ['by another client gets nothing', { ...approved, clientId: 'other' }, 'invalid_grant'],
  ] as [string, Partial<PolledRequest>, string | null][])('%s', (_name, of, expected) => {
    expect(refusalOf(request(of), 'cli')).toBe(expected);
  });

  test('with an unknown code gets nothing', () => {
    expect(refusalOf(null, 'cli')).toBe('invalid_grant');
  });
});
