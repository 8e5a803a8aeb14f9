import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError } from '../cli-error.ts';
import { type NoteKey, parseNote, parseNoteKey } from './signed-note.ts';
import type { KnownCheckpoint } from './verify-log.ts';

/** Reads keys: each is a key itself, or a file with one a line. */
export async function readKeys(given: readonly string[]): Promise<NoteKey[]> {
  const texts = await Promise.all(
    given.map(async (text) => (/^[^\s+]+\+[0-9a-f]{8}\+/.test(text) ? text : readFile(text, 'utf8'))),
  );
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
  return lines.map((line) => understood(() => parseNoteKey(line), 'The key'));
}

/**
 * Reads checkpoints that were kept: a checkpoint, a file that anchors were appended to (a JSON object with a `note` on
 * each line), or a folder of such.
 */
export async function readCheckpoints(path: string): Promise<KnownCheckpoint[]> {
  if ((await stat(path)).isDirectory()) {
    const names = await readdir(path, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const found = (await Promise.all(files.sort().map(readCheckpoints))).flat();
    return found.map((checkpoint) => ({ ...checkpoint, isAmongMany: true }));
  }
  const text = await readFile(path, 'utf8');
  if (!text.startsWith('{')) return [{ note: understood(() => parseNote(text), path), source: path }];
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => ({
    note: understood(() => parseNote(noteIn(line, path)), path),
    source: path,
    isAmongMany: true,
  }));
}

function noteIn(line: string, path: string): string {
  // What a webhook received has it one level down.
  const { data, note = data?.note } = understood(
    () => JSON.parse(line) as { note?: unknown; data?: { note?: unknown } },
    path,
  );
  if (typeof note !== 'string')
    throw usageError(`${path} has a line without a checkpoint.`, 'Each must be {"note": …}.');
  return note;
}

function understood<Value>(read: () => Value, what: string): Value {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(
      `${what} cannot be read: ${reason}`,
      'Give what an export or `assay audit checkpoint` wrote.',
      error,
    );
  }
}
