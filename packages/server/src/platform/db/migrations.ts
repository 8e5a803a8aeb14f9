import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { DatabaseAddress } from './database.ts';

/** One numbered SQL file. */
export type Migration = { id: number; name: string; sql: string; digest: string; inTransaction: boolean };

/** How a database stands to the migrations of this release. */
export type MigrationState =
  | { state: 'current'; version: number }
  | { state: 'behind'; missing: string[] }
  | { state: 'half_done'; name: string }
  | { state: 'altered'; name: string }
  | { state: 'ahead'; version: number };

const FILE = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Serialises migrating processes: an arbitrary number, the same in every release. */
const LOCK = 7_201_936_410;

const LEDGER = `create table if not exists assay_migrations (
  id integer primary key,
  name text not null,
  digest text not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz
)`;

/** Reads the migrations of this release, in order. Numbers may be left out: what is one change takes them in advance. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => FILE.test(name)).sort();
  const migrations = await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return {
        id: Number(name.slice(0, 4)),
        name,
        sql,
        digest: createHash('sha256').update(sql).digest('hex'),
        inTransaction: !/^-- transaction: none$/m.test(sql),
      };
    }),
  );
  migrations.forEach((migration, index) => {
    const before = migrations[index - 1];
    if (before?.id === migration.id) {
      throw new Error(
        `Migrations ${before.name} and ${migration.name} have the same number. Give one of them another.`,
      );
    }
  });
  return migrations;
}

/**
 * Brings a database up to this release. Two processes may call it at once: one works, the other waits and then
 * finds nothing to do.
 * @throws Error naming the migration and what to do, when the database is ahead, was altered, or a step failed
 */
export async function migrate(address: DatabaseAddress, migrations: readonly Migration[]): Promise<void> {
  const client = await connect(address);
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query(LEDGER);
    const before = await inspect(client, migrations);
    refuseUnlessMigratable(before);
    if (before.state === 'current') return;
    const done = await finishedIds(client);
    for (const migration of migrations) if (!done.has(migration.id)) await apply(client, migration);
  } finally {
    await client.end();
  }
}

/** Compares a database with the migrations of this release, changing nothing. */
export async function migrationState(
  address: DatabaseAddress,
  migrations: readonly Migration[],
): Promise<MigrationState> {
  const client = await connect(address);
  try {
    const found = await client.query(`select to_regclass('assay_migrations') is not null as present`);
    if (found.rows[0]?.present !== true) return { state: 'behind', missing: migrations.map(({ name }) => name) };
    return await inspect(client, migrations);
  } finally {
    await client.end();
  }
}

async function connect(address: DatabaseAddress): Promise<pg.Client> {
  const client = new pg.Client({ ...address, application_name: 'assay-migrate' });
  // A lost connection fails the statement that ran; without a listener it would end the process as well.
  client.on('error', () => {});
  await client.connect();
  return client;
}

function refuseUnlessMigratable(state: MigrationState): void {
  if (state.state === 'ahead') {
    throw new Error(
      `The database is at version ${state.version}, newer than this release. Start the newer release, or restore a backup.`,
    );
  }
  if (state.state === 'altered') {
    throw new Error(`Migration ${state.name} was applied with another content. Start the release that applied it.`);
  }
}

async function finishedIds(client: pg.Client): Promise<Set<number>> {
  const { rows } = await client.query<{ id: number }>('select id from assay_migrations where finished_at is not null');
  return new Set(rows.map((row) => row.id));
}

async function inspect(client: pg.Client, migrations: readonly Migration[]): Promise<MigrationState> {
  const { rows } = await client.query('select id, name, digest, finished_at from assay_migrations order by id');
  const applied = new Map(
    rows.map((row: { id: number; name: string; digest: string; finished_at: Date | null }) => [row.id, row]),
  );
  const newest = rows[rows.length - 1]?.id ?? 0;
  if (newest > (migrations.at(-1)?.id ?? 0)) return { state: 'ahead', version: newest };
  for (const migration of migrations) {
    const row = applied.get(migration.id);
    // One that did not finish may be mended, and then has another content.
    if (row && row.finished_at === null) return { state: 'half_done', name: migration.name };
    if (row && row.digest !== migration.digest) return { state: 'altered', name: migration.name };
  }
  const missing = migrations.filter(({ id }) => !applied.has(id)).map(({ name }) => name);
  return missing.length > 0 ? { state: 'behind', missing } : { state: 'current', version: newest };
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const record = `insert into assay_migrations (id, name, digest) values ($1, $2, $3)
    on conflict (id) do update set name = excluded.name, digest = excluded.digest, started_at = now()`;
  const finish = 'update assay_migrations set finished_at = now() where id = $1';
  try {
    if (migration.inTransaction) await client.query('begin');
    await client.query(record, [migration.id, migration.name, migration.digest]);
    await client.query(migration.sql);
    await client.query(finish, [migration.id]);
    if (migration.inTransaction) await client.query('commit');
  } catch (cause) {
    // Where the connection is lost, the server rolls back by itself.
    if (migration.inTransaction) await client.query('rollback').catch(() => {});
    const detail = (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '');
    const kept = migration.inTransaction
      ? 'Nothing of it was kept'
      : 'What it did so far was kept, and it can run again';
    throw new Error(`Migration ${migration.name} failed: ${detail}. ${kept}; mend the cause and start again.`, {
      cause,
    });
  }
}
