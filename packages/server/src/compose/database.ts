import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import { type DatabaseAddress, migrate, migrationState, readMigrations } from '../platform/db/index.ts';
import { startEmbeddedPostgres } from '../platform/embedded-postgres/embedded-postgres.ts';
import type { Log } from '../platform/log.ts';

export const MIGRATIONS = fileURLToPath(new URL('../../db/migrations', import.meta.url));

/** The configured PostgreSQL, or our own, started now. */
export async function openDatabase(config: Config, log: Log, stack: AsyncDisposableStack): Promise<DatabaseAddress> {
  if (config.databaseUrl !== null) return { connectionString: config.databaseUrl.reveal() };
  const server = stack.use(
    await startEmbeddedPostgres({ dataDir: config.dataDir, log: log.child({ subsystem: 'postgres' }) }),
  );
  return server.connection;
}

/**
 * Brings the database up to this release, or refuses to go on with one that is behind.
 * @throws Error that says what to do
 */
export async function prepareDatabase(config: Config, address: DatabaseAddress): Promise<void> {
  const migrations = await readMigrations(MIGRATIONS);
  if (config.migrate) return migrate(address, migrations);
  const found = await migrationState(address, migrations);
  if (found.state !== 'current') {
    throw new Error(
      `The database is not at this release (${found.state}), and database.migrate is off. Start once with --migrate on.`,
    );
  }
}
