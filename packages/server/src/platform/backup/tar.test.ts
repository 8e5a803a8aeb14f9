import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { readTar, TAR_END, type TarHeader, tarHeader, tarPadding } from './tar.ts';

const FILE: TarHeader = { path: 'a', kind: 'file', mode: 0o600, size: 0, target: '' };

function archive(...entries: [TarHeader, Buffer][]): Buffer {
  const parts = entries.flatMap(([header, content]) => [tarHeader(header), content, tarPadding(content.length)]);
  return Buffer.concat([...parts, TAR_END]);
}

async function readAll(bytes: Buffer, chunkSize = bytes.length): Promise<(TarHeader & { text: string })[]> {
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkSize) }, (_, index) =>
    bytes.subarray(index * chunkSize, (index + 1) * chunkSize),
  );
  const read: (TarHeader & { text: string })[] = [];
  for await (const { content, ...header } of readTar(Readable.from(chunks))) {
    read.push({ ...header, text: (await buffer(content)).toString() });
  }
  return read;
}

test('files, directories and links come back as they went, in whatever chunks', async () => {
  const content = Buffer.from('x'.repeat(1000));
  const entries: [TarHeader, Buffer][] = [
    [{ ...FILE, path: 'empty' }, Buffer.alloc(0)],
    [{ ...FILE, path: 'file', mode: 0o750, size: 1000 }, content],
    [{ ...FILE, path: 'folder', kind: 'directory', mode: 0o700 }, Buffer.alloc(0)],
    [{ ...FILE, path: 'link', kind: 'link', mode: 0o777, target: '../elsewhere' }, Buffer.alloc(0)],
  ];
  const expected = entries.map(([header, bytes]) => ({ ...header, text: bytes.toString() }));
  for (const chunkSize of [1, 7, 512, 100_000]) expect(await readAll(archive(...entries), chunkSize)).toEqual(expected);
});

test('long and foreign paths and targets survive', async () => {
  // Around each length at which a record's own length takes a digit more.
  for (const length of [99, 100, 101, 200, 985, 986, 987, 988, 989, 990, 991]) {
    const header: TarHeader = { ...FILE, kind: 'link', path: `${'é'.repeat(length)}/end`, target: 'ü'.repeat(length) };
    expect(await readAll(archive([header, Buffer.alloc(0)]))).toEqual([{ ...header, text: '' }]);
  }
});

test('a size beyond eight gigabytes is written', async () => {
  const size = 9 * 1024 ** 3;
  const entries = readTar(Readable.from([tarHeader({ ...FILE, size })]));
  const { value } = await entries.next();
  expect(value).toMatchObject({ path: 'a', size });
});

test('content that nobody reads is skipped', async () => {
  const bytes = archive([{ ...FILE, size: 600 }, Buffer.alloc(600, 'a')], [{ ...FILE, path: 'b' }, Buffer.alloc(0)]);
  const paths: string[] = [];
  for await (const entry of readTar(Readable.from([bytes]))) paths.push(entry.path);
  expect(paths).toEqual(['a', 'b']);
});

test('an archive that is cut off is refused', async () => {
  const bytes = archive([{ ...FILE, size: 600 }, Buffer.alloc(600, 'a')]);
  await expect(readAll(bytes.subarray(0, 300))).rejects.toThrow('cut off');
  await expect(readAll(bytes.subarray(0, 900))).rejects.toThrow('cut off');
});

test('a header that was changed is refused', async () => {
  const bytes = archive([FILE, Buffer.alloc(0)]);
  bytes.write('b');
  await expect(readAll(bytes)).rejects.toThrow('wrong checksum');
});

test('a device is refused', async () => {
  const bytes = archive([FILE, Buffer.alloc(0)]);
  const before = bytes[156] ?? 0;
  bytes.write('3', 156);
  bytes.write(
    `${(Number.parseInt(bytes.toString('latin1', 148, 155), 8) + 0x33 - before).toString(8).padStart(7, '0')}`,
    148,
  );
  await expect(readAll(bytes)).rejects.toThrow('not supported');
});
