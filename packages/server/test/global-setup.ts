import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { MIGRATIONS } from '../src/compose/database.ts';
import { type DatabaseAddress, migrate, newClient, readMigrations } from '../src/platform/db/index.ts';
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres/embedded-postgres.ts';
import { recordingLog } from './recording-log.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the test server is; its database `template_assay` is migrated and never connected to. */
    server: Exclude<DatabaseAddress, { connectionString: string }>;
  }
}

/** Starts one PostgreSQL for all database tests and migrates the template that each file's database is cloned from. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'assay-db-'));
  const server = await startEmbeddedPostgres({ dataDir, log: recordingLog() });
  const admin = newClient(server.connection, 'assay-test');
  await admin.connect();
  await admin.query('create database template_assay');
  await admin.end();
  await migrate({ ...server.connection, database: 'template_assay' }, await readMigrations(MIGRATIONS));
  project.provide('server', server.connection);
  return async () => {
    await server[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  };
}
