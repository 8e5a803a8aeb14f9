import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory for one test, removed with all that is in it when disposed. */
export type ScratchDirectory = AsyncDisposable & { path: string };

/** Makes an empty directory, or a copy of another one with its modes. */
export async function scratchDirectory(copyOf?: string): Promise<ScratchDirectory> {
  const parent = await mkdtemp(join(await realpath(tmpdir()), 'assay-test-'));
  const path = copyOf === undefined ? parent : join(parent, 'copy');
  if (copyOf !== undefined) await cp(copyOf, path, { recursive: true, preserveTimestamps: true });
  return { path, [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) };
}
