import { createHash } from 'node:crypto';
import { ABOUT, type About, MANIFEST, type Member } from './manifest.ts';
import { TAR_END, type TarHeader, tarHeader, tarPadding } from './tar.ts';

/** An entry to be written; `content` yields exactly `size` bytes. */
export type NewEntry = TarHeader & { content: AsyncIterable<Buffer> };

/** Encodes a backup: what it is, its entries, and the manifest with the digest of each. */
export async function* writeArchive(about: About, entries: AsyncIterable<NewEntry>): AsyncGenerator<Buffer> {
  const members: Member[] = [];
  yield* writeEntry(textEntry(ABOUT, about), members);
  for await (const entry of entries) yield* writeEntry(entry, members);
  yield* writeEntry(textEntry(MANIFEST, { members }), []);
  yield TAR_END;
}

async function* writeEntry(entry: NewEntry, members: Member[]): AsyncGenerator<Buffer> {
  const { path, kind, mode, size, target } = entry;
  const digest = createHash('sha256');
  yield tarHeader(entry);
  for await (const chunk of entry.content) {
    digest.update(chunk);
    yield chunk;
  }
  yield tarPadding(size);
  members.push({ path, kind, mode, size, target, sha256: digest.digest('hex') });
}

function textEntry(path: string, value: unknown): NewEntry {
  const text = Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
  return { path, kind: 'file', mode: 0o600, size: text.length, target: '', content: once(text) };
}

async function* once(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
}
