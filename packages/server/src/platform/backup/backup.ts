import { createHash } from 'node:crypto';
import { open, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { AppError } from '../../kernel/errors.ts';
import { borrowServer } from '../embedded-postgres/borrowed-server.ts';
import type { Connection } from '../embedded-postgres/connection.ts';
import { type DataDirectory, openDataDirectory } from '../embedded-postgres/data-directory.ts';
import { isDiskFull } from '../embedded-postgres/errors.ts';
import type { ServerLog } from '../embedded-postgres/server-log.ts';
import { ServerError } from '../embedded-postgres/wire.ts';
import { type NewEntry, writeArchive } from './archive-writer.ts';
import { readBaseBackup } from './base-backup.ts';
import { backupErrors } from './errors.ts';
import { type About, DATA, NOTICE } from './manifest.ts';
import { readPasswordFile, readStateFiles } from './state-files.ts';

export type BackupOptions = {
  /** The data directory, in use or not. */
  dataDir: string;
  /** The file to write: a tar archive, compressed by zstd. It must not exist, and is readable by this user only. */
  out: string;
  /** The release of Assay, for the record. */
  release: string;
  log: ServerLog;
  /** Where the database is. An external one is refused unless `filesOnly` says to leave it out. */
  database: 'embedded' | 'external';
  /** Only what the data directory holds beside the database. */
  filesOnly?: boolean;
};

/** A backup that was written. It holds keys and passwords: `notice` is to be shown to whoever made it. */
export type BackupReceipt = { file: string; bytes: number; sha256: string; notice: string };

/**
 * Writes the state of a data directory to one file, while it is in use or not. The database comes first and the files
 * after it: a row names only files that were there before it, so each file that the copied database names is copied.
 * @throws AppError of the domains `backup` and `postgres`; no file is left then
 */
export async function backup(options: BackupOptions): Promise<BackupReceipt> {
  if (options.database === 'external' && !options.filesOnly) {
    throw backupErrors.external_database(
      'The database is external (DATABASE_URL), so it is not backed up here. Back it up by its own tools, such as ' +
        "pg_dump or your provider's snapshots, then ask for the files alone to save the rest of the data directory.",
    );
  }
  const directory = await openDataDirectory(options.dataDir);
  const { root } = directory;
  const out = await destination(options.out, root);
  await using server = options.filesOnly ? undefined : await borrowServer(root, options.log);
  if (!options.filesOnly && server === undefined) {
    throw backupErrors.nothing_to_back_up(
      `The data directory ${root} holds no database. Name the one that Assay was started with.`,
    );
  }
  const about: About = {
    format: 'assay-backup',
    formatVersion: 1,
    release: options.release,
    createdAt: new Date().toISOString(),
    postgres: server ? { major: server.major } : null,
    notice: NOTICE,
  };
  return await write(writeArchive(about, contents(directory, server?.superuser)), out);
}

async function* contents(directory: DataDirectory, superuser: Connection | undefined): AsyncGenerator<NewEntry> {
  if (superuser) {
    yield { path: `${DATA}/postgres`, kind: 'directory', mode: 0o700, size: 0, target: '', content: noContent() };
    for await (const entry of readBaseBackup(superuser)) yield { ...entry, path: join(DATA, 'postgres', entry.path) };
    yield* readPasswordFile(directory);
  }
  yield* readStateFiles(directory.root);
}

async function* noContent(): AsyncGenerator<Buffer> {}

/** A backup inside the data directory would be part of the next one, and lost with it. */
async function destination(out: string, root: string): Promise<string> {
  const folder = await realpath(dirname(resolve(out))).catch((error: unknown) => {
    throw backupErrors.unusable_destination(`The directory of ${out} can't be found. Make it first.`, { cause: error });
  });
  if (!`${folder}${sep}`.startsWith(`${root}${sep}`)) return join(folder, basename(out));
  throw backupErrors.unusable_destination(`${out} is inside the data directory. Write the backup to another place.`);
}

async function write(archive: AsyncIterable<Buffer>, out: string): Promise<BackupReceipt> {
  const file = await open(out, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EEXIST' ? 'it exists already, and a backup overwrites nothing' : error.message;
    throw backupErrors.unusable_destination(`${out} can't be written: ${reason}. Name another file.`, { cause: error });
  });
  try {
    const digest = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        digest.update(chunk);
        bytes += chunk.length;
        done(null, chunk);
      },
    });
    const compress = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    await pipeline(
      Readable.from(archive, { objectMode: true }),
      compress,
      counted,
      file.createWriteStream({ flush: true }),
    );
    return { file: out, bytes, sha256: digest.digest('hex'), notice: NOTICE };
  } catch (error) {
    await rm(out, { force: true });
    throw explain(error, out);
  }
}

function explain(error: unknown, out: string): unknown {
  if (error instanceof AppError) return error;
  if (error instanceof ServerError) {
    return backupErrors.failed(`PostgreSQL could not be backed up: ${error.message}. No file was written.`, {
      cause: error,
    });
  }
  if (isDiskFull(error)) {
    return backupErrors.failed(
      `The disk is full that ${out} was written to; no file is left. Name a place with more room.`,
      {
        cause: error,
      },
    );
  }
  return error;
}
