import { posix } from 'node:path';
import type { Collected } from './collector.ts';
import { COLLECT_LIMITS } from './collector.ts';
import type { Glob } from './glob.ts';
import { glob } from './glob.ts';
import { refusePath } from './relative-path.ts';
import type { TarEntry } from './tar.ts';
import { readTar } from './tar.ts';

/**
 * Takes the files that match from an archive made by a stranger, by the rules by which they are taken from a folder.
 * Whatever the archive claims, nothing is written: only contents of regular files come out of it.
 */
export async function selectFromArchive(
  archive: AsyncIterable<Buffer>,
  patterns: readonly string[],
): Promise<Collected> {
  const selection = new Selection(patterns.map(glob));
  for await (const { entry, content } of readTar(archive, (entry) => selection.wants(entry))) {
    selection.add(entry, content);
  }
  return selection.result();
}

class Selection {
  readonly #globs: readonly Glob[];
  readonly #met = new Set<Glob>();
  readonly #collected: Collected = { files: [], skipped: [] };
  #bytes = 0;

  constructor(globs: readonly Glob[]) {
    this.#globs = globs;
  }

  wants(entry: TarEntry): boolean {
    const path = posix.normalize(entry.path);
    if (!this.#matches(path)) return false;
    const refusal = this.#refusal(entry.size);
    if (refusal !== undefined) {
      this.#skip(path, refusal);
      return false;
    }
    this.#bytes += entry.size;
    return true;
  }

  add(entry: TarEntry, content: Buffer | null): void {
    const path = posix.normalize(entry.path);
    if (content) this.#collected.files.push({ path, content });
    else if (entry.kind === 'other' && this.#matches(path)) this.#skip(path, 'it is not a regular file');
  }

  result(): Collected {
    for (const missed of this.#globs) {
      if (this.#met.has(missed)) continue;
      this.#skip(missed.pattern, missed.literal ? 'there is no such file' : 'no file matches the pattern');
    }
    return this.#collected;
  }

  #matches(path: string): boolean {
    if (refusePath(path) !== undefined) return false;
    const wanted = this.#globs.filter((pattern) => pattern.matches(path));
    for (const pattern of wanted) this.#met.add(pattern);
    return wanted.length > 0;
  }

  #refusal(size: number): string | undefined {
    if (this.#collected.files.length >= COLLECT_LIMITS.files) return `more than ${COLLECT_LIMITS.files} files match`;
    if (size > COLLECT_LIMITS.bytes - this.#bytes)
      return `all files together may have ${COLLECT_LIMITS.bytes >> 20} MB`;
    return undefined;
  }

  #skip(path: string, reason: string): void {
    if (this.#collected.skipped.length < COLLECT_LIMITS.skipped) this.#collected.skipped.push({ path, reason });
  }
}
