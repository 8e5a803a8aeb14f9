import { posix } from 'node:path';
import type { Collected } from '../../files/collector.ts';
import { COLLECT_LIMITS } from '../../files/collector.ts';
import type { Glob } from '../../files/glob.ts';
import { glob } from '../../files/glob.ts';
import { refusePath } from '../../files/relative-path.ts';
import type { Container } from './container.ts';
import { demultiplex } from './multiplexed-stream.ts';
import type { TarEntry } from './tar.ts';
import { readTar } from './tar.ts';

const PACK_MS = 30_000;
/** What the program left running would go on writing. The keeper belongs to another user, and stays. */
const PACK_COMMAND = ['/bin/sh', '-c', 'kill -KILL -1 2>/dev/null; exec tar -c -f - .'];

/**
 * Brings back the files that match, as an archive made inside the container by the program's own user. Whatever the
 * archive claims, nothing is written here: only the contents of regular files are taken from it.
 */
export async function collectOutputs(container: Container, patterns: readonly string[]): Promise<Collected> {
  if (patterns.length === 0) return { files: [], skipped: [] };
  const selection = new Selection(patterns.map(glob));
  try {
    const { connection } = await container.execute(PACK_COMMAND, {});
    connection.end();
    const impatience = setTimeout(() => connection.destroy(new Error('it took too long')), PACK_MS);
    try {
      const archive = standardOutput(demultiplex(connection));
      for await (const { entry, content } of readTar(archive, (entry) => selection.wants(entry))) {
        selection.add(entry, content);
      }
    } finally {
      clearTimeout(impatience);
      connection.destroy();
    }
    return selection.result();
  } catch (error) {
    const reason = `the files could not be read: ${error instanceof Error ? error.message : error}`;
    return { files: [], skipped: patterns.map((path) => ({ path, reason })) };
  }
}

/** Picks from an archive by the same rules as from a folder. */
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

async function* standardOutput(pieces: ReturnType<typeof demultiplex>): AsyncGenerator<Buffer> {
  for await (const { stream, bytes } of pieces) if (stream === 'stdout') yield bytes;
}
