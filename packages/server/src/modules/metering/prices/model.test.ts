import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chosenPrice, costOf, mostOf, type Price, QUANTITIES, type Quantities, type Rates } from './model.ts';

const price = (rates: Rates, more: Partial<Price> = {}): Price => ({ ...chosenPrice(rates), ...more });

const rates = fc.dictionary(fc.constantFrom(...QUANTITIES), fc.nat(100_000_000)) as fc.Arbitrary<Rates>;
const prices = fc
  .record({
    rates,
    tiers: fc.array(fc.record({ above: fc.nat(400_000), rates }), { maxLength: 3 }),
    batch: fc.nat(100),
  })
  .map(({ rates: base, tiers, batch }) =>
    price(base, { tiers: tiers.toSorted((a, b) => a.above - b.above), batchPercent: batch }),
  );
const counts = fc.dictionary(fc.constantFrom(...QUANTITIES), fc.nat(300_000)) as fc.Arbitrary<Quantities>;

describe('the cost of a call', () => {
  test('is the sum of its quantities, at a rate each', () => {
    const sonnet = price({ input: 3_000_000, output: 15_000_000, cacheRead: 300_000, cacheWrite: 3_750_000 });
    expect(costOf(sonnet, { input: 1_000, output: 500, cacheRead: 10_000, cacheWrite: 200 })).toBe(
      3_000 + 7_500 + 3_000 + 750,
    );
  });

  test('is rounded up to the micro-dollar, once and not for each quantity', () => {
    const cheap = price({ input: 100_000, output: 400_000 });
    expect(costOf(cheap, { input: 1 })).toBe(1);
    expect(costOf(cheap, { input: 3, output: 1 })).toBe(1);
    expect(costOf(cheap, { input: 10, output: 1 })).toBe(2);
    expect(costOf(cheap, {})).toBe(0);
  });

  test('is by the dearer rates for the whole call where its input is above a tier, cached input too', () => {
    const tiered = price(
      { input: 1_250_000, output: 10_000_000 },
      { tiers: [{ above: 200_000, rates: { input: 2_500_000, output: 15_000_000 } }] },
    );
    expect(costOf(tiered, { input: 200_000, output: 1_000 })).toBe(250_000 + 10_000);
    expect(costOf(tiered, { input: 200_001, output: 1_000 })).toBe(500_003 + 15_000);
    expect(costOf(tiered, { input: 100_001, cacheRead: 100_000, output: 1_000 })).toBe(500_003 + 15_000);
  });

  test('of what has no rate of its own is by the nearest one that there is', () => {
    const plain = price({ input: 2_000_000, output: 8_000_000 });
    expect(costOf(plain, { reasoning: 100 })).toBe(800);
    expect(costOf(plain, { cacheWriteLong: 100, inputImage: 100, inputAudio: 100 })).toBe(600);
    expect(costOf(price({ input: 2_000_000, cacheRead: 500_000 }), { cacheReadAudio: 100 })).toBe(50);
    expect(costOf(plain, { webSearches: 3, requests: 1 })).toBe(0);
  });

  test('of a batch is the stated share', () => {
    const half = price({ input: 3_000_000 }, { batchPercent: 50 });
    expect(costOf(half, { input: 333 }, { isBatch: true })).toBe(500);
  });

  test('is exact where floating point is not', () => {
    const dear = price({ input: 1_000_000_000_000 });
    expect(costOf(dear, { input: 4_000_000_000 })).toBe(4e15);
    expect(costOf(price({ input: 333_333 }), { input: 3_000_000_003 })).toBe(999_999_001);
  });

  test.each([-1, 0.5, Number.NaN, 5e9, Number.POSITIVE_INFINITY])(
    'of %d tokens is nothing that can be said',
    (input) => {
      expect(() => costOf(price({}), { input })).toThrow(RangeError);
    },
  );

  test('never shrinks as a stream goes on', () => {
    fc.assert(
      fc.property(
        prices,
        counts,
        fc.constantFrom('output', 'reasoning', 'outputAudio'),
        fc.nat(1000),
        (of, so, what, more) => {
          const later = { ...so, [what]: (so[what as 'output'] ?? 0) + more };
          expect(costOf(of, later)).toBeGreaterThanOrEqual(costOf(of, so));
        },
      ),
    );
  });
});

describe('the most that a call can cost', () => {
  test('is never less than what it costs, whatever tier and class it ends up in', () => {
    const used = fc.record({
      input: fc.nat(300_000),
      cacheRead: fc.nat(300_000),
      cacheWrite: fc.nat(300_000),
      cacheWriteLong: fc.nat(300_000),
      output: fc.nat(100_000),
      reasoning: fc.nat(100_000),
      webSearches: fc.nat(10),
    });
    fc.assert(
      fc.property(prices, used, fc.boolean(), (of, quantities, isBatch) => {
        const { input, cacheRead, cacheWrite, cacheWriteLong, output, reasoning, webSearches } = quantities;
        const bounds = {
          input: input + cacheRead + cacheWrite + cacheWriteLong,
          output: output + reasoning,
          webSearches,
        };
        const cost = costOf(of, { ...quantities, requests: 1 }, { isBatch });
        expect(mostOf(of, { ...bounds, isBatch })).toBeGreaterThanOrEqual(cost);
      }),
    );
  });
});
