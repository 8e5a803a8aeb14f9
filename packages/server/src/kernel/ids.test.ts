import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isUuid, newEvaluationId, newId } from './ids.ts';

describe('an id', () => {
  test('is a UUID of version 4', () => {
    for (let round = 0; round < 100; round++) {
      expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  test('is made once', () => {
    const ids = Array.from({ length: 20_000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is recognized in either case, whatever its version', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(isUuid(id)).toBe(true);
        expect(isUuid(id.toUpperCase())).toBe(true);
      }),
    );
  });

  test.each([
    '',
    'null',
    '00000000-0000-0000-0000-000000000000',
    '2f3c1a4e-8f0b-4c5d-9e6f-0123456789a',
    '2f3c1a4e-8f0b-4c5d-9e6f-0123456789abc',
    '2f3c1a4e-8f0b-4c5d-9e6f-0123456789ab\n',
    ' 2f3c1a4e-8f0b-4c5d-9e6f-0123456789ab',
    '{2f3c1a4e-8f0b-4c5d-9e6f-0123456789ab}',
    '2f3c1a4e8f0b4c5d9e6f0123456789ab',
    "2f3c1a4e-8f0b-4c5d-9e6f-0123456789ab' or 1=1",
  ])('is not %j', (text) => {
    expect(isUuid(text)).toBe(false);
  });
});

describe("an evaluation's id", () => {
  test('says the second of its submission in UTC, wherever the server stands', () => {
    expect(newEvaluationId(new Date('2025-06-29T23:34:56.999+14:00'))).toMatch(/^eval_20250629_093456_[a-z0-9]{6}$/);
    expect(newEvaluationId(new Date('2024-12-31T23:59:59Z'))).toMatch(/^eval_20241231_235959_/);
  });

  test('has its form at any moment', () => {
    const moments = fc.date({ min: new Date('2000-01-01'), max: new Date('2999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(moments, (now) => {
        expect(newEvaluationId(now)).toMatch(/^eval_\d{8}_\d{6}_[a-z0-9]{6}$/);
      }),
    );
  });

  test('rarely clashes within one second, as the index behind it expects', () => {
    const now = new Date();
    const ids = Array.from({ length: 1_000 }, () => newEvaluationId(now));
    // Of 1,000 among 36⁶ a pair clashes once in 4,000 rounds; two pairs never do in practice.
    expect(new Set(ids).size).toBeGreaterThanOrEqual(999);
  });

  test('uses the whole alphabet in each place', () => {
    const suffixes = Array.from({ length: 3_000 }, () => newEvaluationId(new Date()).slice(-6));
    for (let place = 0; place < 6; place++) {
      expect(new Set(suffixes.map((suffix) => suffix[place])).size).toBe(36);
    }
  });
});
