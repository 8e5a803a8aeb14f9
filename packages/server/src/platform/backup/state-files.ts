import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type DataDirectory, isDatabase, isState } from '../embedded-postgres/data-directory.ts';
import type { NewEntry } from './archive-writer.ts';
import { backupErrors } from './errors.ts';
import { DATA } from './manifest.ts';

/** Large enough that reading costs few calls, small enough that a slow destination holds little in memory. */
const CHUNK = 256 * 1024;

/**
 * The contents of a data directory beside the database: keys, assets and whatever else is kept there, but nothing that
 * belongs to this machine or moment. Sockets and pipes are left out. Links are kept as links.
 */
export async function* readStateFiles(root: string): AsyncGenerator<NewEntry> {
  const names = (await readdir(root)).filter((name) => isState(name) && !isDatabase(name));
  for (const name of names.sort()) yield* readPath(join(root, name), `${DATA}/${name}`);
}

/** The passwords of the database's roles. */
export async function* readPasswordFile({ root, passwords }: DataDirectory): AsyncGenerator<NewEntry> {
  yield* readPath(passwords, `${DATA}/${relative(root, passwords)}`);
}

async function* readPath(source: string, path: string): AsyncGenerator<NewEntry> {
  const target = await readlink(source).catch(ignoring('EINVAL', 'ENOENT'));
  if (target !== undefined) {
    yield { path, kind: 'link', mode: 0o777, size: 0, target, content: nothing() };
    return;
  }
  // Not to follow a link made meanwhile, nor to wait at a pipe for its writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(source, flags).catch(ignoring('ENOENT', 'ENXIO'));
  if (handle === undefined) return;
  try {
    const found = await handle.stat();
    const header = { path, mode: found.mode & 0o777, target: '' };
    if (found.isDirectory()) {
      yield { ...header, kind: 'directory', size: 0, content: nothing() };
      for (const name of (await readdir(source)).sort()) yield* readPath(join(source, name), `${path}/${name}`);
    } else if (found.isFile()) {
      yield { ...header, kind: 'file', size: found.size, content: exactly(found.size, handle, source) };
    }
  } finally {
    await handle.close();
  }
}

/** A file that grows is taken as long as it was when it was opened. */
async function* exactly(size: number, handle: FileHandle, source: string): AsyncGenerator<Buffer> {
  for (let done = 0; done < size; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(CHUNK, size - done)));
    if (bytesRead === 0) {
      throw backupErrors.failed(`${source} became shorter while it was backed up. Run the backup again.`);
    }
    yield buffer.subarray(0, bytesRead);
    done += bytesRead;
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** For a file that went away between being listed and being read, or is of a kind that is left out. */
function ignoring(...codes: string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}
