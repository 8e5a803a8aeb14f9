import { constants } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, stat } from 'node:fs/promises';

/** What the files of a run take. */
export type DiskUse = { bytes: number; entries: number };

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const BLOCK_BYTES = 512;
const AT_ONCE = 64;
/** Nothing is measured past this: a run with more has gone past its limit of files already. */
export const MOST_ENTRIES = 16_384;
/** Every level costs us an open descriptor while we are below it. */
const MOST_DEPTH = 64;

/**
 * Adds up a working directory, and the files in it that were deleted and are still held open or mapped. No link is
 * followed: the program may swap a folder for one at any moment.
 */
export async function measureDisk(directory: string, processes: readonly number[]): Promise<DiskUse> {
  const use: DiskUse = { bytes: 0, entries: 0 };
  await addFolder(directory, use, 0);
  const deleted = new Map<string, number>();
  for (const pid of processes) {
    await addOpenFiles(pid, directory, deleted);
    await addMappings(pid, directory, deleted);
  }
  for (const bytes of deleted.values()) use.bytes += bytes;
  return use;
}

async function addFolder(path: string, use: DiskUse, depth: number): Promise<void> {
  if (depth > MOST_DEPTH) use.entries = Number.POSITIVE_INFINITY;
  if (use.entries > MOST_ENTRIES) return;
  try {
    await using folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const below = `/proc/self/fd/${folder.fd}`;
    const entries = await readdir(below, { withFileTypes: true });
    use.entries += entries.length;
    if (use.entries > MOST_ENTRIES) return;
    const files = entries.filter((entry) => !entry.isDirectory());
    for (let at = 0; at < files.length; at += AT_ONCE) {
      const some = files.slice(at, at + AT_ONCE).map(({ name }) => sizeOf(`${below}/${name}`));
      for (const bytes of await Promise.all(some)) use.bytes += bytes;
    }
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      await addFolder(`${below}/${name}`, use, depth + 1);
    }
  } catch {
    // Removed while we looked, or made unreadable; what it holds is then found at the next look, or by its user.
  }
}

async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  return (found?.blocks ?? 0) * BLOCK_BYTES;
}

async function addOpenFiles(pid: number, directory: string, deleted: Map<string, number>): Promise<void> {
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const path = `/proc/${pid}/fd/${fd}`;
    const target = await readlink(path).catch(() => '');
    if (!isDeletedBelow(target, directory)) continue;
    const { ino, blocks } = await stat(path).catch(() => ({ ino: 0, blocks: 0 }));
    deleted.set(String(ino), blocks * BLOCK_BYTES);
  }
}

/** A mapping keeps its file, and tells how much of it is mapped: at most what the file takes. */
async function addMappings(pid: number, directory: string, deleted: Map<string, number>): Promise<void> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '');
  if (!maps.includes('(deleted)')) return;
  for (const line of maps.split('\n')) {
    const [, from = '', to = '', inode = '', path = ''] = /^(\w+)-(\w+) \S+ \S+ \S+ (\d+) +(.*)$/.exec(line) ?? [];
    if (!isDeletedBelow(path, directory)) continue;
    const bytes = Number.parseInt(to, 16) - Number.parseInt(from, 16);
    deleted.set(inode, Math.max(deleted.get(inode) ?? 0, bytes));
  }
}

function isDeletedBelow(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`) && path.endsWith(' (deleted)');
}
