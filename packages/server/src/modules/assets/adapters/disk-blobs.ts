import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
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
    if (!(await exists(path))) await this.#write(path, bytes);
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
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Error('Not a SHA-256 digest.');
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

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
