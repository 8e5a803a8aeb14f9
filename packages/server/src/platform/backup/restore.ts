import { mkdir, mkdtemp, open, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../kernel/errors.ts';
import { endOrphans } from '../embedded-postgres/cluster-processes.ts';
import {
  type DataDirectory,
  isDatabase,
  isState,
  openDataDirectory,
  REPLACED,
  STAGED_RESTORE,
  syncDirectory,
} from '../embedded-postgres/data-directory.ts';
import { lockDataDirectory } from '../embedded-postgres/data-lock.ts';
import { isDiskFull } from '../embedded-postgres/errors.ts';
import { prepareInstallation } from '../embedded-postgres/installation.ts';
import { type ArchiveSink, type BackupSummary, readArchive } from './archive-reader.ts';
import { backupErrors } from './errors.ts';
import { type About, DATA } from './manifest.ts';
import type { TarEntry } from './tar.ts';

export type RestoreOptions = {
  /** A file that `backup` wrote. */
  from: string;
  /** The data directory to fill; no Assay may be using it. */
  dataDir: string;
  /** Restores into a directory that is not empty. What was there is moved aside, not deleted. */
  force?: boolean;
};

/** What was restored, and where that which it replaced was moved to. */
export type RestoreReceipt = BackupSummary & { replaced: string | undefined };

/**
 * Reads a backup from start to end without using it.
 *
 * The digests are in the file itself: they find damage and clumsy changes, not a forger who rewrites them as well. For
 * that, keep the `sha256` of the receipt elsewhere.
 * @throws AppError of the domain `backup` that says what is wrong with it
 */
export async function verifyBackup(from: string): Promise<BackupSummary> {
  return await readArchive(from, {
    async entry({ content }) {
      for await (const _read of content);
    },
  });
}

/**
 * Fills a data directory from a backup. It is unpacked and compared with its manifest beside the place first, so a
 * damaged one changes nothing.
 * @throws AppError of the domains `backup` and `postgres`
 */
export async function restore({ from, dataDir, force = false }: RestoreOptions): Promise<RestoreReceipt> {
  const directory = await openDataDirectory(dataDir);
  using _lock = await lockDataDirectory(directory);
  const present = await presentState(directory);
  if (present.length > 0 && !force) {
    throw backupErrors.data_dir_not_empty(
      `The data directory ${directory.root} is not empty. Restore into an empty one, or with force, which moves aside ` +
        'what is there.',
    );
  }
  const staged = await mkdtemp(join(directory.root, STAGED_RESTORE));
  const unpacked = await unpack(from, staged, directory).catch(async (error: unknown) => {
    await rm(staged, { recursive: true, force: true });
    if (!isDiskFull(error) || error instanceof AppError) throw error;
    throw backupErrors.failed(
      `The disk that holds ${directory.root} is full, so nothing was restored. Make room there and restore again.`,
      { cause: error },
    );
  });
  await endOrphans(directory.cluster);
  // Files that came without a database leave the one that is there.
  const replaced = await moveAside(
    directory,
    unpacked.postgres ? present : present.filter((name) => !isDatabase(name)),
  );
  // From here to the end the staged directory tells the next start that the contents are incomplete.
  await moveAll(join(staged, DATA), directory.root, await namesIn(join(staged, DATA)));
  await rm(staged, { recursive: true });
  await removeEarlierAttempts(directory);
  await syncDirectory(directory.root);
  return { ...unpacked, replaced };
}

async function unpack(from: string, staged: string, directory: DataDirectory): Promise<BackupSummary> {
  const unpacking = new Unpacking(staged, directory);
  const summary = await readArchive(from, unpacking);
  await unpacking.finish();
  return summary;
}

/** Writes entries below a new directory that nobody else writes to. */
class Unpacking implements ArchiveSink {
  readonly #staged: string;
  readonly #directory: DataDirectory;
  readonly #links: { path: string; target: string }[] = [];
  readonly #folders = new Set<string>();

  constructor(staged: string, directory: DataDirectory) {
    this.#staged = staged;
    this.#directory = directory;
  }

  async begin({ postgres, release }: About): Promise<void> {
    if (postgres === null) return;
    const { major } = await prepareInstallation(this.#directory);
    if (postgres.major === major) return;
    throw backupErrors.wrong_version(
      `The backup holds a PostgreSQL ${postgres.major} database, and this release brings PostgreSQL ${major}. ` +
        `Restore it with Assay ${release}, which made it.`,
    );
  }

  async entry({ path, kind, mode, target, content }: TarEntry): Promise<void> {
    const place = join(this.#staged, path);
    await this.#makeFolder(dirname(place));
    if (kind === 'directory') await this.#makeFolder(place);
    if (kind === 'file') await writeNew(place, mode, content);
    else for await (const _none of content);
    // Made last, so that no entry is written through one.
    if (kind === 'link') this.#links.push({ path: place, target });
  }

  async finish(): Promise<void> {
    for (const { path, target } of this.#links) await symlink(target, path);
    for (const folder of this.#folders) await syncDirectory(folder);
  }

  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    await mkdir(path, { recursive: true, mode: 0o700 });
    this.#folders.add(path);
  }
}

async function writeNew(path: string, mode: number, content: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', mode & 0o700);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function presentState({ root }: DataDirectory): Promise<string[]> {
  return (await namesIn(root)).filter(isState);
}

async function moveAside({ root }: DataDirectory, names: readonly string[]): Promise<string | undefined> {
  if (names.length === 0) return undefined;
  const place = join(root, `${REPLACED}${new Date().toISOString().replaceAll(':', '')}`);
  await mkdir(place, { mode: 0o700 });
  await moveAll(root, place, names);
  return place;
}

/** The cluster goes last: a data directory that has one looks complete. */
async function moveAll(from: string, to: string, names: readonly string[]): Promise<void> {
  const inOrder = [...names].sort((a, b) => Number(a === 'postgres') - Number(b === 'postgres'));
  for (const name of inOrder) await rename(join(from, name), join(to, name));
}

async function removeEarlierAttempts({ root }: DataDirectory): Promise<void> {
  for (const name of (await namesIn(root)).filter((name) => name.startsWith(STAGED_RESTORE))) {
    await rm(join(root, name), { recursive: true, force: true });
  }
}

async function namesIn(path: string): Promise<string[]> {
  return await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
