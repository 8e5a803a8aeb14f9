import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Blobs } from '../ports.ts';

/** Blobs as files, `<folder>/ab/cd/<digest>`. Written aside, synced, then renamed into place. */
export class DiskBlobs implements Blobs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(bytes: Buffer): Promise<{ digest: string; sizeBytes: number }> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    const path = this.#path(digest);
    if (!(await touch(path))) await this.#write(path, bytes);
    return { digest, sizeBytes: bytes.length };
  }

  async open(digest: string): Promise<Readable | null> {
    try {
      return (await open(this.#path(digest), 'r')).createReadStream();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async *listIdle(idleMs: number): AsyncGenerator<string[]> {
    for (const folder of await subfolders(this.#folder)) {
      for (const name of await subfolders(folder)) {
        const digests = (await readdir(name)).map((file) => file.slice(0, DIGEST_LENGTH)).filter(isDigest);
        const idle: string[] = [];
        for (const digest of new Set(digests)) if (await isIdle(this.#path(digest), idleMs)) idle.push(digest);
        if (idle.length > 0) yield idle;
      }
    }
  }

  /**
   * Whoever stores the same content again touches it first. So it is moved aside and looked at once more: one that was
   * touched before goes back, and one that is touched after is not found and is written anew.
   */
  async removeIdle(digest: string, idleMs: number): Promise<boolean> {
    const path = this.#path(digest);
    const aside = `${path}${ASIDE}`;
    try {
      await rename(path, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (!(await isIdle(aside, idleMs))) {
      await rename(aside, path);
      return false;
    }
    await rm(aside, { force: true });
    return true;
  }

  async #write(path: string, bytes: Buffer): Promise<void> {
    const folder = dirname(path);
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = `${path}.${randomUUID()}`;
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    // The name is content too: without this a power cut can take it back after a row refers to it.
    const named = made === undefined ? [folder] : [folder, dirname(folder), this.#folder];
    for (const each of named) await syncDirectory(each);
  }

  #path(digest: string): string {
    if (!isDigest(digest)) throw new Error('Not a SHA-256 digest.');
    return join(this.#folder, digest.slice(0, 2), digest.slice(2, 4), digest);
  }
}

async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const DIGEST_LENGTH = 64;
const ASIDE = '.aside';
const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** Marks content as just stored; false when it is not there. */
const touch = (path: string): Promise<boolean> => {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
};

/** Whether nobody has stored this for so long; also of what is not there any more, or was left aside by a crash. */
const isIdle = (path: string, idleMs: number): Promise<boolean> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs < Date.now() - idleMs,
    () => true,
  );

/** Folders within a folder; none where there is none yet. */
async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}
