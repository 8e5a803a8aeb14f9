import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIGRATIONS } from '../packages/server/src/compose/database.ts';
import { dumpSchema, migrate, newClient, readMigrations } from '../packages/server/src/platform/db/index.ts';
import { startEmbeddedPostgres } from '../packages/server/src/platform/embedded-postgres/embedded-postgres.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The schema of a freshly migrated database. */
export async function renderSchema(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'assay-schema-'));
  try {
    await using server = await startEmbeddedPostgres({ dataDir, log: silent });
    await migrate(server.connection, await readMigrations(MIGRATIONS));
    const client = newClient(server.connection, 'assay-schema');
    await client.connect();
    try {
      return await dumpSchema(client);
    } finally {
      await client.end();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
