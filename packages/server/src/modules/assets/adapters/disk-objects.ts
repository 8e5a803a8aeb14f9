import { constants } from 'node:fs';
import { access, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Range } from '../model.ts';
import type { Objects } from '../ports.ts';

/** Reads of this many bytes: smaller ones cost a trip to the disk each, larger ones memory for each download. */
const READ_BYTES = 256 * 1024;

/** Objects as files below a folder. */
export class DiskObjects implements Objects {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(name: string, bytes: AsyncIterable<Buffer>): Promise<void> {
    const path = this.#path(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      try {
        for await (const chunk of bytes) await file.writeFile(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    // The name is content too: without this a power cut can take it back after a row refers to it.
    for (const folder of this.#above(path)) await syncDirectory(folder);
  }

  async read(name: string, { start, end }: Range): Promise<Readable | null> {
    try {
      const file = await open(this.#path(name), 'r');
      if (start < end) return file.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES });
      await file.close();
      return Readable.from([]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  async check(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await access(this.#folder, constants.W_OK);
  }

  /** The folders that a path lies in, from its own up to that of the store. */
  #above(path: string): string[] {
    const folders: string[] = [];
    for (let folder = dirname(path); folder.length > this.#folder.length; folder = dirname(folder))
      folders.push(folder);
    return [...folders, this.#folder];
  }

  #path(name: string): string {
    if (!NAME.test(name)) throw new Error('Not a name of an object.');
    return join(this.#folder, name);
  }
}

/** Digits, dashes and slashes between them: nothing that leads out of the folder. */
const NAME = /^[0-9a-f-]+(?:\/[0-9a-f-]+)*$/;

async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
