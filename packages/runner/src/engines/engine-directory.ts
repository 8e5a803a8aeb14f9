import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** Where host users of a run find what they need when the wanted place lies below a private directory. */
const PUBLIC_PLACE = '/var/lib/assay-runner';

/**
 * Makes a fresh directory for an engine of this process. With host users of their own for runs, it is one that any
 * user can walk down to: the wanted one if that is so, else one of the same name in a public place. Directories whose
 * name ends in the id of a process that is no more are removed on the way.
 */
export async function openEngineDirectory(wanted: string, hasOwnUsers: boolean): Promise<string> {
  const parent = hasOwnUsers && !(await isSearchable(dirname(wanted))) ? PUBLIC_PLACE : dirname(wanted);
  const directory = `${parent}/${basename(wanted)}`;
  await mkdir(parent, { recursive: true, mode: 0o755 });
  await removeStale(parent, basename(wanted).replace(/-\d+$/, ''));
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  await chmod(directory, 0o711);
  return directory;
}

async function isSearchable(directory: string): Promise<boolean> {
  const found = await stat(directory).catch(() => undefined);
  if (found && (found.mode & 0o001) === 0) return false;
  return directory === '/' || isSearchable(dirname(directory));
}

async function removeStale(parent: string, name: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    const pid = entry.startsWith(`${name}-`) ? /-(\d+)$/.exec(entry)?.[1] : undefined;
    if (pid === undefined || (await stat(`/proc/${pid}`).catch(() => undefined))) continue;
    await rm(`${parent}/${entry}`, { recursive: true, force: true });
  }
}
