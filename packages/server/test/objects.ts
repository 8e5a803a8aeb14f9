import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { newId } from '../src/kernel/ids.ts';
import type { Objects } from '../src/modules/assets/index.ts';

/** Bytes in pieces, as a network brings them. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) {
    yield bytes.subarray(start, start + size);
    await turn();
  }
}

/** What every store of bytes promises, whichever it is. `open` gives one that is empty. */
export function promisesOfObjects(name: string, open: () => Objects): void {
  const aName = (): string => `${newId()}/${newId().slice(0, 2)}/${newId()}`;
  const whole = async (objects: Objects, object: string, end: number): Promise<Buffer | null> => {
    const found = await objects.read(object, { start: 0, end });
    return found && buffer(found);
  };

  describe(`objects ${name}`, () => {
    test.each([
      ['nothing', 0],
      ['a byte', 1],
      ['some megabytes', 3 << 20],
    ])('of %s come back as they were', async (_what, size) => {
      const [objects, object, bytes] = [open(), aName(), randomBytes(size)];
      await objects.write(object, inPieces(bytes, 100_000));
      expect((await whole(objects, object, size))?.equals(bytes)).toBe(true);
    });

    test('are read in parts, to the byte', async () => {
      const [objects, object, bytes] = [open(), aName(), randomBytes(300_000)];
      await objects.write(object, inPieces(bytes, 70_001));
      for (const [start, end] of [
        [0, 2],
        [299_999, 300_000],
        [65_535, 65_537],
        [100, 299_000],
        [5, 5],
      ] as const) {
        const part = await objects.read(object, { start, end });
        expect(part && (await buffer(part)).equals(bytes.subarray(start, end))).toBe(true);
      }
    });

    test('whose writer fails are not there', async () => {
      const [objects, object] = [open(), aName()];
      const failing = async function* (): AsyncGenerator<Buffer> {
        yield randomBytes(1 << 20);
        throw new Error('the sender has gone');
      };
      await expect(objects.write(object, failing())).rejects.toThrow('the sender has gone');
      expect(await whole(objects, object, 1)).toBeNull();
    });

    test('that are removed are gone, and can be removed again', async () => {
      const [objects, object] = [open(), aName()];
      await objects.write(object, inPieces(Buffer.from('to go'), 2));
      await objects.remove(object);
      expect(await whole(objects, object, 5)).toBeNull();
      await objects.remove(object);
    });
  });
}
