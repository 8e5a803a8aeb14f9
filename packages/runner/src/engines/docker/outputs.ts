import { selectFromArchive } from '../../files/archive-selection.ts';
import type { Collected } from '../../files/collector.ts';
import { demultiplex } from '../../output/multiplexed-stream.ts';
import type { Container } from './container.ts';

const PACK_MS = 30_000;
/** What the program left running would go on writing. The keeper belongs to another user, and stays. */
const PACK_COMMAND = ['/bin/sh', '-c', 'kill -KILL -1 2>/dev/null; exec tar -c -f - .'];
const STDOUT = 1;

/** Brings back the files that match, as an archive made inside the container by the program's own user. */
export async function collectOutputs(container: Container, patterns: readonly string[]): Promise<Collected> {
  if (patterns.length === 0) return { files: [], skipped: [] };
  try {
    const { connection } = await container.execute(PACK_COMMAND, {});
    connection.end();
    const impatience = setTimeout(() => connection.destroy(new Error('it took too long')), PACK_MS);
    try {
      return await selectFromArchive(standardOutput(demultiplex(connection)), patterns);
    } finally {
      clearTimeout(impatience);
      connection.destroy();
    }
  } catch (error) {
    const reason = `the files could not be read: ${error instanceof Error ? error.message : error}`;
    return { files: [], skipped: patterns.map((path) => ({ path, reason })) };
  }
}

async function* standardOutput(pieces: ReturnType<typeof demultiplex>): AsyncGenerator<Buffer> {
  for await (const { channel, bytes } of pieces) if (channel === STDOUT) yield bytes;
}
