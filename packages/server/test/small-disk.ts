import { execFile } from 'node:child_process';
import { open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scratchDirectory } from './scratch-directory.ts';

const run = promisify(execFile);

/** A disk of its own, so small that it fills up. */
export async function smallDisk(
  megabytes: number,
): Promise<AsyncDisposable & { path: string; resize(to: number): Promise<void> }> {
  const scratch = await scratchDirectory();
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'assay-test', scratch.path]);
  return {
    path: scratch.path,
    resize: async (to) => {
      await run('mount', ['-o', `remount,size=${to}m`, scratch.path]);
    },
    [Symbol.asyncDispose]: async () => {
      await run('umount', ['--lazy', scratch.path]);
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** Writes until there is no room left, and returns the file to delete for some. */
export async function fill(path: string): Promise<string> {
  const file = join(path, 'ballast');
  const handle = await open(file, 'w');
  try {
    for (;;) await handle.write(Buffer.alloc((await statfs(path)).bavail > 256 ? 1024 * 1024 : 4096));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await handle.close();
  }
  return file;
}
