import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { scratchDirectory } from '../../../../test/scratch-directory.ts';
import { DiskBlobs } from './disk-blobs.ts';

const run = promisify(execFile);

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Every file below a folder. */
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

const contentOf = async (blobs: DiskBlobs, digest: string): Promise<Buffer | null> => {
  const content = await blobs.open(digest);
  return content && buffer(content);
};

describe('content', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a line', Buffer.from('hello\n')],
    ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
    ['some megabytes', randomBytes(5 << 20)],
  ])('of %s is stored by its digest and read back', async (_name, bytes) => {
    await using folder = await scratchDirectory();
    const blobs = new DiskBlobs(folder.path);
    const digest = digestOf(bytes);
    expect(await blobs.put(bytes)).toEqual({ digest, sizeBytes: bytes.length });
    expect((await contentOf(blobs, digest))?.equals(bytes)).toBe(true);
    const path = join(folder.path, digest.slice(0, 2), digest.slice(2, 4), digest);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('that is there already is not written again', async () => {
    await using folder = await scratchDirectory();
    const blobs = new DiskBlobs(folder.path);
    const { digest } = await blobs.put(Buffer.from('once'));
    const path = join(folder.path, digest.slice(0, 2), digest.slice(2, 4), digest);
    const before = await stat(path);
    await blobs.put(Buffer.from('once'));
    const after = await stat(path);
    expect([after.ino, after.size]).toEqual([before.ino, before.size]);
    expect(await filesIn(folder.path)).toEqual([digest]);
  });

  test('put by many at once is one file, whole at every moment', async () => {
    await using folder = await scratchDirectory();
    const blobs = new DiskBlobs(folder.path);
    const bytes = randomBytes(1 << 20);
    const digest = digestOf(bytes);
    const puts = Promise.all(Array.from({ length: 30 }, () => blobs.put(bytes)));
    const reads: Buffer[] = [];
    let done = false;
    const reader = (async () => {
      while (!done) {
        const content = await contentOf(blobs, digest);
        if (content) reads.push(content);
        await new Promise(setImmediate);
      }
    })();
    await puts;
    done = true;
    await reader;
    expect(reads.every((content) => content.equals(bytes))).toBe(true);
    expect(await filesIn(folder.path)).toEqual([digest]);
  });

  test('that is not there is null', async () => {
    await using folder = await scratchDirectory();
    expect(await new DiskBlobs(folder.path).open(digestOf(Buffer.from('absent')))).toBeNull();
  });

  test('that the disk does not take leaves nothing behind', async () => {
    await using folder = await scratchDirectory();
    // A process that may write no file above 4 KiB stands for a disk that is full.
    const put = run('sh', [
      '-c',
      'ulimit -f 8; exec "$0" --input-type=module --eval "$1"',
      process.execPath,
      `import { DiskBlobs } from ${JSON.stringify(new URL('./disk-blobs.ts', import.meta.url))};
       await new DiskBlobs(${JSON.stringify(folder.path)}).put(Buffer.alloc(1 << 20));`,
    ]);
    await expect(put).rejects.toThrow(/EFBIG/);
    expect(await filesIn(folder.path)).toEqual([]);
  });
});

describe('a digest', () => {
  test.each([
    '../../../etc/passwd',
    '..',
    '/etc/passwd',
    `${'a'.repeat(62)}/.`,
    `..${'a'.repeat(62)}`,
    'A'.repeat(64),
    'a'.repeat(63),
    'a'.repeat(65),
    `${'a'.repeat(64)}\n`,
    `${'a'.repeat(63)}\0`,
    '',
  ])('that is %j opens nothing', async (digest) => {
    await using folder = await scratchDirectory();
    await expect(new DiskBlobs(folder.path).open(digest)).rejects.toThrow('Not a SHA-256 digest.');
  });
});
