import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A directory for one test, removed with all that is in it when disposed. */
export type ScratchDirectory = AsyncDisposable & { path: string };

/** Makes an empty directory, or a copy of another one with its modes. */
export async function scratchDirectory(copyOf?: string): Promise<ScratchDirectory> {
  const parent = await mkdtemp(join(await realpath(tmpdir()), 'assay-test-'));
  const path = copyOf === undefined ? parent : join(parent, 'copy');
  if (copyOf !== undefined) await promisify(execFile)('cp', ['-a', copyOf, path]);
  return { path, [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) };
}
