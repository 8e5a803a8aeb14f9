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

let stop: () => Promise<void>;

/** Starts one PostgreSQL for all database tests and migrates the template that each file's database is cloned from. */
export async function setup(project: TestProject): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'assay-db-'));
  const server = await startEmbeddedPostgres({ dataDir, log: recordingLog() });
  stop = async () => {
    await server[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  };
  const admin = newClient(server.connection, 'assay-test');
  await admin.connect();
  await admin.query('create database template_assay');
  await admin.end();
  await migrate({ ...server.connection, database: 'template_assay' }, await readMigrations(MIGRATIONS));
  project.provide('server', server.connection);
}

export async function teardown(): Promise<void> {
  await stop();
}
