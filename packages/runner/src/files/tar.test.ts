import { expect, test } from 'vitest';
import type { TarEntry } from './tar.ts';
import { packTar, readTar } from './tar.ts';

async function* pieces(archive: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

function sumOf(block: Buffer): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}

async function unpack(archive: Buffer, size = 700, wants: (entry: TarEntry) => boolean = () => true) {
  const found: { path: string; kind: string; text: string | null }[] = [];
  for await (const { entry, content } of readTar(pieces(archive, size), wants)) {
    found.push({ path: entry.path, kind: entry.kind, text: content?.toString() ?? null });
  }
  return found;
}

const file = (path: string, content: string) => ({ path, content: Buffer.from(content), mode: 0o666 });

test.each([1, 511, 512, 513, 1 << 20])('files come back as they went in, read in pieces of %d bytes', async (size) => {
  const long = `${'deep/'.repeat(60)}naïve name.txt`;
  const files = [file('a.txt', 'one'), file('empty', ''), file(long, 'x'.repeat(1500)), file('b/ü.txt', 'zwei')];
  expect(await unpack(packTar(files), size)).toEqual(
    files.map(({ path, content }) => ({ path, kind: 'file', text: content.toString() })),
  );
});

test('a pax length that grows by its own digits is still right', async () => {
  for (let length = 80; length < 140; length += 1) {
    const path = 'p'.repeat(length);
    expect((await unpack(packTar([file(path, '1')])))[0]?.path).toBe(path);
  }
});

test('what is not wanted is passed over without being kept', async () => {
  const archive = packTar([file('big', 'x'.repeat(200_000)), file('small', 'y')]);
  expect(await unpack(archive, 4096, (entry) => entry.size < 10)).toEqual([
    { path: 'big', kind: 'file', text: null },
    { path: 'small', kind: 'file', text: 'y' },
  ]);
});

test('a link is reported as neither file nor folder', async () => {
  const archive = packTar([file('link', '')]);
  archive[156] = '2'.charCodeAt(0);
  archive.write(sumOf(archive.subarray(0, 512)).toString(8).padStart(6, '0'), 148, 'latin1');
  expect(await unpack(archive)).toEqual([{ path: 'link', kind: 'other', text: null }]);
});

test('garbage, a cut archive and a giant name are refused', async () => {
  await expect(unpack(Buffer.alloc(1024, '7'))).rejects.toThrow('wrong checksum');
  await expect(unpack(Buffer.alloc(1024, 'x'))).rejects.toThrow('Not a tar archive');
  await expect(unpack(packTar([file('a', 'x'.repeat(2000))]).subarray(0, 1500))).rejects.toThrow('cut short');
  await expect(unpack(packTar([file('p'.repeat(100_000), '')]))).rejects.toThrow('too long');
});
