import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, stat } from 'node:fs/promises';
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
    if (!(await exists(path))) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const draft = `${path}.${randomUUID()}`;
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    }
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

  #path(digest: string): string {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Error('Not a SHA-256 digest.');
    return join(this.#folder, digest.slice(0, 2), digest.slice(2, 4), digest);
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
