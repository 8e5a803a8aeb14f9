import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { preserveJson, reviveJson } from './json.ts';

const roundTrip = (value: unknown): unknown => reviveJson(JSON.parse(preserveJson(value)));

/** Values of answers: JSON with dates in it, and with the very keys that dates are written by. */
const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.string({ unit: 'binary' }),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom('$date', '$$date', '$$$date', 'toJSON', 'id'), fc.string()), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
}));

describe('a preserved value', () => {
  test('is the same value again', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(roundTrip(value)).toEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });

  test('keeps its dates, at the top and within', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    expect(roundTrip(at)).toEqual(at);
    expect(roundTrip({ list: [{ at }] })).toEqual({ list: [{ at }] });
  });

  test('keeps an object that looks like a date of ours an object', () => {
    const metadata = { $date: '2026-01-02T03:04:05.678Z' };
    expect(roundTrip({ metadata })).toEqual({ metadata });
    expect(roundTrip({ $date: 'yesterday' })).toEqual({ $date: 'yesterday' });
    expect(roundTrip({ $$date: { $date: 'x' } })).toEqual({ $$date: { $date: 'x' } });
  });

  test('leaves out what is undefined, as JSON does', () => {
    expect(roundTrip({ a: undefined, b: 1 })).toEqual({ b: 1 });
  });

  test('gives keys that mean something to JavaScript back as data', () => {
    const value = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": 1}');
    const again = roundTrip(value) as Record<string, unknown>;
    expect(Object.keys(again)).toEqual(['__proto__', 'constructor']);
    expect(again['isAdmin']).toBeUndefined();
  });
});
