import { randomBytes } from 'node:crypto';
import type { Connection } from '../embedded-postgres/connection.ts';
import { Session } from '../embedded-postgres/session.ts';
import { backupErrors } from './errors.ts';
import { readTar, type TarEntry } from './tar.ts';

/**
 * A copy of the whole cluster as of its end, taken while it serves: PostgreSQL's own base backup, which leaves out
 * what must not be copied, checks every page, and adds the log that makes it consistent. Nothing is stopped, and rows
 * committed while it runs are in it. The paths are relative to the cluster.
 *
 * The temporary slot keeps the log that it needs from being recycled, and is dropped with the connection, however that
 * ends.
 * @throws ServerError what PostgreSQL refused, such as a page with a wrong checksum, possibly after the last entry
 */
export async function* readBaseBackup(superuser: Connection): AsyncGenerator<TarEntry> {
  await using session = await Session.open(superuser, { replication: true });
  const slot = `assay_backup_${randomBytes(6).toString('hex')}`;
  await session.run(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY PHYSICAL RESERVE_WAL`);
  const copy = session.copyOut("BASE_BACKUP (LABEL 'assay', CHECKPOINT 'fast', WAL true, MANIFEST 'no')");
  yield* readTar(archiveOf(copy));
}

/** Each part of the copy starts with a letter: a new archive, its data, or how far it is. */
async function* archiveOf(copy: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let archives = 0;
  for await (const part of copy) {
    const kind = String.fromCharCode(part[0] ?? 0);
    if (kind === 'n') archives += 1;
    if (archives > 1) {
      throw backupErrors.unsupported_content(
        'The database has tablespaces outside the data directory, which a backup does not hold. Move their tables to ' +
          'pg_default and drop them, or back up with the tools of PostgreSQL.',
      );
    }
    if (kind === 'd') yield part.subarray(1);
  }
}
