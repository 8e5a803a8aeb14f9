import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSegments, SEGMENT_BYTES, sealedRange, sealSegments } from './sealing.ts';

const key = randomBytes(32);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const whole = (all: AsyncIterable<Buffer>): Promise<Buffer> => buffer(all);
const seal = (bytes: Buffer, size = 10_000): Promise<Buffer> => whole(sealSegments(key, pieces(bytes, size)));
const open = (sealed: Buffer, range: { start: number; end: number }, size: number, piece = 50_000): Promise<Buffer> => {
  const { start, end } = sealedRange(range, size);
  return whole(openSegments(key, pieces(sealed.subarray(start, end), piece), { range, size }));
};

const SIZES = [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES, 200_001];

describe('sealed content', () => {
  test.each(SIZES)('of %s bytes opens whole, and shows nothing of itself', async (size) => {
    const bytes = Buffer.alloc(size, 'content');
    const sealed = await seal(bytes);
    expect(sealed.includes('content')).toBe(false);
    expect((await open(sealed, { start: 0, end: size }, size)).equals(bytes)).toBe(true);
  });

  test('opens in any part, however it was cut into pieces', async () => {
    const part = fc.record({
      size: fc.integer({ min: 1, max: 4 * SEGMENT_BYTES }),
      at: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      cut: fc.integer({ min: 1_000, max: 100_000 }),
    });
    await fc.assert(
      fc.asyncProperty(part, async ({ size, at, cut }) => {
        const bytes = randomBytes(size);
        const [start = 0, end = 0] = at.map((share) => Math.round(share * size)).sort((a, b) => a - b);
        const opened = await open(await seal(bytes, cut), { start, end }, size, cut);
        expect(opened.equals(bytes.subarray(start, end))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('that was altered, cut, moved or made longer does not open', async () => {
    const size = 3 * SEGMENT_BYTES;
    const sealed = await seal(randomBytes(size));
    const unit = SEGMENT_BYTES + 16;
    const flipped = Buffer.from(sealed);
    flipped[unit + 5] = (flipped[unit + 5] ?? 0) ^ 1;
    const swapped = Buffer.concat([
      sealed.subarray(unit, 2 * unit),
      sealed.subarray(0, unit),
      sealed.subarray(2 * unit),
    ]);
    for (const damaged of [flipped, swapped, sealed.subarray(0, 2 * unit), sealed.subarray(0, -1)])
      await expect(open(damaged, { start: 0, end: size }, size)).rejects.toThrow();
    // Cut at a segment, and said to be that long.
    const shorter = 2 * SEGMENT_BYTES;
    await expect(open(sealed.subarray(0, 2 * unit), { start: 0, end: shorter }, shorter)).rejects.toThrow();
    await expect(
      whole(openSegments(randomBytes(32), pieces(sealed, 1_000), { range: { start: 0, end: 1 }, size })),
    ).rejects.toThrow();
  });
});
