import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../kernel/errors.ts';
import { hasCluster } from './cluster.ts';
import { type Connection, DATABASE, PORT, SUPERUSER } from './connection.ts';
import { openDataDirectory } from './data-directory.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { postgresErrors } from './errors.ts';
import { readPasswords } from './passwords.ts';
import type { ServerLog } from './server-log.ts';
import { Session } from './session.ts';

/** The embedded server for the time of one task, by the role that may do everything. */
export type BorrowedServer = AsyncDisposable & { superuser: Connection; major: number };

const PATIENCE_MS = 30_000;

/**
 * Takes the server of a data directory for a task: the one that runs, or, when none does, one that is started for it
 * and stopped with it. Undefined when the directory has no cluster.
 * @throws AppError of the domain `postgres`
 */
export async function borrowServer(dataDir: string, log: ServerLog): Promise<BorrowedServer | undefined> {
  const directory = await openDataDirectory(dataDir);
  if (!(await hasCluster(directory))) return undefined;
  // Started first and shared second: the lock decides who runs it, so nothing can change between asking and doing.
  const own = await startEmbeddedPostgres({ dataDir, log }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'postgres.data_dir_in_use') return undefined;
    throw error;
  });
  const disposed = new AsyncDisposableStack();
  if (own) disposed.use(own);
  try {
    const passwords = await readPasswords(directory.passwords);
    const host = await realpath(directory.run);
    const password = passwords?.superuser ?? '';
    const superuser = { host, port: PORT, user: SUPERUSER, password, database: DATABASE };
    await untilAnswers(superuser);
    const major = Number(await readFile(join(directory.cluster, 'PG_VERSION'), 'utf8'));
    return { superuser, major, [Symbol.asyncDispose]: () => disposed.disposeAsync() };
  } catch (error) {
    await disposed.disposeAsync();
    throw error;
  }
}

/** The one that runs may be starting, or between a crash and its restart. */
async function untilAnswers(connection: Connection): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await using _session = await Session.open(connection, { signal: AbortSignal.timeout(5_000) });
      return;
    } catch (error) {
      if (performance.now() < deadline) await delay(50);
      else {
        throw postgresErrors.start_failed(
          'The embedded PostgreSQL of this data directory belongs to a running Assay and does not answer. Look at the ' +
            'log of that Assay, or stop it and try again.',
          { cause: error },
        );
      }
    }
  }
}
