import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promisesOfObjects } from '../../../../test/objects.ts';
import { type ScratchDirectory, scratchDirectory } from '../../../../test/scratch-directory.ts';
import { DiskObjects } from './disk-objects.ts';

const run = promisify(execFile);
const NAME = '0b29c5c4-7a56-4d11-9a3c-2f0c8c1d6a7e/1f/1f6b6a0e-2a07-4a8b-8a57-1f4f3c6d9e10';

let shared: ScratchDirectory;
beforeAll(async () => {
  shared = await scratchDirectory();
});
afterAll(() => shared[Symbol.asyncDispose]());
promisesOfObjects('on a disk', () => new DiskObjects(shared.path));

/** Every file below a folder. */
const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

async function* bytesOf(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe('an object', () => {
  test('is a file that only its owner reads', async () => {
    await using folder = await scratchDirectory();
    await new DiskObjects(folder.path).write(NAME, bytesOf('a', 'b'));
    const { mode, size } = await stat(join(folder.path, NAME));
    expect([mode & 0o777, size]).toEqual([0o600, 2]);
  });

  test('is written no faster than the disk takes it', async () => {
    await using folder = await scratchDirectory();
    const counted = async function* (): AsyncGenerator<Buffer> {
      for (let sent = 0; sent < 64; sent++) yield Buffer.alloc(1 << 20);
    };
    const before = process.memoryUsage().arrayBuffers;
    await new DiskObjects(folder.path).write(NAME, counted());
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48 << 20);
  });

  test('that the disk does not take leaves nothing behind', async () => {
    await using folder = await scratchDirectory();
    // A process that may write no file above 4 KiB stands for a disk that is full.
    const put = run('sh', [
      '-c',
      'ulimit -f 8; exec "$0" --input-type=module --eval "$1"',
      process.execPath,
      `import { DiskObjects } from ${JSON.stringify(new URL('./disk-objects.ts', import.meta.url))};
       await new DiskObjects(${JSON.stringify(folder.path)}).write('${NAME}', [Buffer.alloc(1 << 20)]);`,
    ]);
    await expect(put).rejects.toThrow(/EFBIG/);
    expect(await filesIn(folder.path)).toEqual([]);
  });
});

describe('a name', () => {
  test.each(['../../../etc/passwd', '..', '/etc/passwd', 'a/../b', 'a//b', 'a/', 'A', 'a\n', 'a\0', ''])(
    'that is %j names nothing',
    async (name) => {
      await using folder = await scratchDirectory();
      const objects = new DiskObjects(folder.path);
      const refused = 'Not a name of an object.';
      await expect(objects.read(name, { start: 0, end: 1 })).rejects.toThrow(refused);
      await expect(objects.write(name, bytesOf('a'))).rejects.toThrow(refused);
      await expect(objects.remove(name)).rejects.toThrow(refused);
    },
  );
});
