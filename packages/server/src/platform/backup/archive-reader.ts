import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createZstdDecompress } from 'node:zlib';
import { AppError } from '../../kernel/errors.ts';
import { backupErrors } from './errors.ts';
import { ABOUT, type About, aboutSchema, DATA, MANIFEST, type Member, manifestSchema } from './manifest.ts';
import { readTar, type TarEntry } from './tar.ts';

/** Where the entries of a backup go while it is read. Nothing is certain until `readArchive` has returned. */
export type ArchiveSink = {
  begin?(about: About): Promise<void>;
  entry(entry: TarEntry): Promise<void>;
};

/** What a backup that was read to its end turned out to be. */
export type BackupSummary = About & { entries: number; bytes: number };

const MANIFEST_LIMIT = 400 * 1024 * 1024;
const ABOUT_LIMIT = 64 * 1024;

/**
 * Reads a backup once, from start to end, hands its entries to a sink, and compares all it saw with the manifest.
 * @throws AppError `backup.not_a_backup` or `backup.damaged`, and whatever the sink throws
 */
export async function readArchive(from: string, sink: ArchiveSink): Promise<BackupSummary> {
  const file = await open(from).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw backupErrors.not_a_backup(`${from} can't be opened: ${reason}. Name a file that assay backup wrote.`, {
      cause: error,
    });
  });
  const plain = pipeline(file.createReadStream(), createZstdDecompress(), () => {
    // The reader below gets the error of either stream.
  });
  try {
    const entries = readTar(plain);
    const seen: Member[] = [];
    const about = await readAbout(entries, seen, from);
    await sink.begin?.(about);
    compare(seen, await readMembers(entries, { sink, seen, from }), from);
    return { ...about, entries: seen.length, bytes: seen.reduce((sum, member) => sum + member.size, 0) };
  } finally {
    plain.destroy();
  }
}

async function readAbout(entries: AsyncGenerator<TarEntry>, seen: Member[], from: string): Promise<About> {
  const json = await readFirst(entries, seen).catch((error: unknown) => {
    if (isFileError(error)) throw error;
    throw backupErrors.not_a_backup(
      `${from} is not a backup of Assay, or is damaged at its start. Name a file that assay backup wrote.`,
      { cause: error },
    );
  });
  const parsed = aboutSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw backupErrors.not_a_backup(
    `${from} is a backup in a format that this release does not know. Restore it with the release that made it, or a newer one.`,
    { cause: parsed.error },
  );
}

async function readFirst(entries: AsyncGenerator<TarEntry>, seen: Member[]): Promise<unknown> {
  const { value: entry } = await entries.next();
  if (entry?.path !== ABOUT) throw new Error(`It does not start with ${ABOUT}.`);
  return await readJson({ ...entry, content: digested(entry, seen) }, ABOUT_LIMIT);
}

/** Hands on the entries up to the manifest, and returns what that lists. */
async function readMembers(
  entries: AsyncGenerator<TarEntry>,
  { sink, seen, from }: { sink: ArchiveSink; seen: Member[]; from: string },
): Promise<Member[]> {
  let listed: Member[] | undefined;
  try {
    for await (const entry of entries) {
      if (listed) throw new Error(`it holds ${entry.path} after its manifest`);
      if (entry.path === MANIFEST) listed = manifestSchema.parse(await readJson(entry, MANIFEST_LIMIT)).members;
      else await sink.entry({ ...insideData(entry), content: digested(entry, seen) });
    }
  } catch (error) {
    if (error instanceof AppError || isFileError(error)) throw error;
    throw backupErrors.damaged(damage(from, error instanceof Error ? error.message : String(error)), { cause: error });
  }
  if (listed) return listed;
  throw backupErrors.damaged(damage(from, 'it has no end'));
}

async function readJson(entry: TarEntry, limit: number): Promise<unknown> {
  if (entry.size > limit) throw new Error(`${entry.path} is larger than ${limit} bytes`);
  return JSON.parse(await text(entry.content));
}

/** Paths that leave the directory would let a forged backup write anywhere. */
function insideData(entry: TarEntry): TarEntry {
  const [top, ...names] = entry.path.split('/');
  const isInside = top === DATA && names.length > 0 && names.every((name) => !['', '.', '..'].includes(name));
  if (isInside && !entry.path.includes('\0')) return entry;
  throw new Error(`it names a path outside the data directory: ${entry.path}`);
}

async function* digested({ content, ...header }: TarEntry, seen: Member[]): AsyncGenerator<Buffer> {
  const { path, kind, mode, size, target } = header;
  const digest = createHash('sha256');
  for await (const chunk of content) {
    digest.update(chunk);
    yield chunk;
  }
  seen.push({ path, kind, mode, size, target, sha256: digest.digest('hex') });
}

function compare(seen: readonly Member[], listed: readonly Member[], from: string): void {
  const rows = (members: readonly Member[]) => new Map(members.map((member) => [member.path, key(member)]));
  const [found, expected] = [rows(seen), rows(listed)];
  if (found.size !== seen.length) throw backupErrors.damaged(damage(from, 'it holds a path twice'));
  for (const [path, row] of expected) {
    if (!found.has(path)) throw backupErrors.damaged(damage(from, `${path} is missing`));
    if (found.get(path) !== row) throw backupErrors.damaged(damage(from, `${path} is not what was backed up`));
  }
  const extra = seen.find(({ path }) => !expected.has(path));
  if (extra) throw backupErrors.damaged(damage(from, `${extra.path} was added to it`));
}

function key({ kind, mode, size, target, sha256 }: Member): string {
  return JSON.stringify([kind, mode, size, target, sha256]);
}

function damage(from: string, reason: string): string {
  return `The backup ${from} is damaged and was not used: ${reason}. Use another copy of it, or an older backup.`;
}

/** Reading the file, or writing what is in it, failed: not a fault of the backup's content. */
function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
