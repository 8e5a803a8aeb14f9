import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, readdir } from 'node:fs/promises';
import type { Glob } from './glob.ts';
import { glob } from './glob.ts';
import { refusePath } from './relative-path.ts';

/** What comes back from a working directory, and what was asked for and does not. */
export type Collected = {
  files: { path: string; content: Buffer }[];
  skipped: { path: string; reason: string }[];
};

/** Bounds on what one run may bring back: results travel in one message and are held in memory. */
export const COLLECT_LIMITS = { files: 100, bytes: 16 << 20, visited: 10_000, depth: 32, skipped: 100 } as const;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

/**
 * Reads files that a program left in its working directory. The program may have put anything there, so every step
 * opens one name below an open directory and follows no link: a link could lead to any file this process can read.
 * `directory` is an open file descriptor; it stays open.
 */
export async function collectFiles(directory: number, patterns: readonly string[]): Promise<Collected> {
  if (patterns.length === 0) return { files: [], skipped: [] };
  const collector = new Collector(patterns.map(glob));
  await collector.walk(directory, '', 0);
  return collector.result();
}

class Collector {
  readonly #globs: readonly Glob[];
  readonly #met = new Set<Glob>();
  readonly #files: Collected['files'] = [];
  readonly #skipped: Collected['skipped'] = [];
  #bytes = 0;
  #visited = 0;

  constructor(globs: readonly Glob[]) {
    this.#globs = globs;
  }

  result(): Collected {
    for (const missed of this.#globs) {
      if (!this.#met.has(missed)) {
        this.#skip(missed.pattern, missed.literal ? 'there is no such file' : 'no file matches the pattern');
      }
    }
    return { files: this.#files, skipped: this.#skipped };
  }

  async walk(directory: number, prefix: string, depth: number): Promise<void> {
    const names = await readdir(`/proc/self/fd/${directory}`, { withFileTypes: true, encoding: 'buffer' }).catch(
      () => [],
    );
    for (const entry of names) {
      this.#visited += 1;
      if (this.#visited > COLLECT_LIMITS.visited) return;
      const name = entry.name.toString('utf8');
      const path = prefix + name;
      if (!Buffer.from(name).equals(entry.name) || refusePath(path) !== undefined) continue;
      if (entry.isDirectory()) await this.#enter(directory, name, path, depth);
      else await this.#consider(directory, name, path);
    }
  }

  async #enter(parent: number, name: string, path: string, depth: number): Promise<void> {
    if (depth >= COLLECT_LIMITS.depth) return;
    const opened = await openBelow(parent, name, O_DIRECTORY);
    if (opened === undefined) return;
    await using directory = opened;
    await this.walk(directory.fd, `${path}/`, depth + 1);
  }

  async #consider(parent: number, name: string, path: string): Promise<void> {
    const wanted = this.#globs.filter((pattern) => pattern.matches(path));
    if (wanted.length === 0) return;
    for (const pattern of wanted) this.#met.add(pattern);
    if (this.#files.length >= COLLECT_LIMITS.files) {
      return this.#skip(path, `more than ${COLLECT_LIMITS.files} files match`);
    }
    const opened = await openBelow(parent, name, 0);
    if (opened === undefined) return this.#skip(path, 'it is a link or cannot be opened');
    await using file = opened;
    await this.#read(file, path);
  }

  async #read(file: FileHandle, path: string): Promise<void> {
    const status = await file.stat();
    if (!status.isFile()) return this.#skip(path, 'it is not a regular file');
    if (status.size > COLLECT_LIMITS.bytes - this.#bytes) {
      return this.#skip(path, `all files together may have ${COLLECT_LIMITS.bytes >> 20} MB`);
    }
    const content = Buffer.alloc(status.size);
    const { bytesRead } = await file.read(content, 0, status.size, 0);
    this.#bytes += bytesRead;
    this.#files.push({ path, content: content.subarray(0, bytesRead) });
  }

  #skip(path: string, reason: string): void {
    if (this.#skipped.length < COLLECT_LIMITS.skipped) this.#skipped.push({ path, reason });
  }
}

/** Opening a pipe or a device for reading without O_NONBLOCK could wait for ever. */
function openBelow(directory: number, name: string, flags: number): Promise<FileHandle | undefined> {
  const path = `/proc/self/fd/${directory}/${name}`;
  return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | flags).catch(() => undefined);
}
