import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Gives back the right to look into folders, and goes down by steps where a path would be too long. */
const STUBBORN = 'chmod -R u+rwx -- "$1" 2>/dev/null; rm -rf -- "$1"';

/**
 * Removes what a hostile program left: folders that nobody may read, and paths longer than the kernel takes. Never
 * rejects: what stays is removed with the engine's directory, or by the next start.
 */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch {
    await promisify(execFile)('/bin/sh', ['-c', STUBBORN, 'sh', directory], { env: {}, cwd: '/' }).catch(
      () => undefined,
    );
  }
}
