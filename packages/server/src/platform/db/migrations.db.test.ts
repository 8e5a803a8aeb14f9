import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { scratchDirectory } from '../../../test/scratch-directory.ts';
import { type ServerAddress, testServer } from '../../../test/test-server.ts';
import { until } from '../../../test/until.ts';
import { MIGRATIONS } from '../../compose/database.ts';
import { newClient } from './client.ts';
import { type Migration, migrate, migrationState, readMigrations } from './migrations.ts';
import { dumpSchema } from './schema-dump.ts';

const server = testServer();

/** Migrations of the given texts, numbered from one. */
const steps = (...texts: string[]): Migration[] =>
  texts.map((sql, index) => ({
    id: index + 1,
    name: `000${index + 1}_step.sql`,
    sql,
    digest: createHash('sha256').update(sql).digest('hex'),
    inTransaction: !sql.includes('-- transaction: none'),
  }));

async function rowsOf(address: ServerAddress, sql: string): Promise<Record<string, unknown>[]> {
  const client = newClient(address, 'assay-test');
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const tablesOf = async (address: ServerAddress): Promise<unknown[]> =>
  (await rowsOf(address, `select tablename from pg_tables where schemaname = 'public' order by 1`)).map(
    ({ tablename }) => tablename,
  );

async function schemaOf(address: ServerAddress): Promise<string> {
  const client = newClient(address, 'assay-test');
  await client.connect();
  try {
    return await dumpSchema(client);
  } finally {
    await client.end();
  }
}

const run = promisify(execFile);

/** Migrates from a process of its own, as two servers that start together do. */
const migrateInProcess = (address: ServerAddress): Promise<unknown> =>
  run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { migrate, readMigrations } from ${JSON.stringify(new URL('./migrations.ts', import.meta.url))};
     await migrate(${JSON.stringify(address)}, await readMigrations(${JSON.stringify(MIGRATIONS)}));`,
  ]);

describe('a database', () => {
  test('is behind until it was migrated, and current from then on', async () => {
    const address = await server.emptyDatabase();
    const migrations = await readMigrations(MIGRATIONS);
    expect(await migrationState(address, migrations)).toEqual({
      state: 'behind',
      missing: migrations.map(({ name }) => name),
    });
    expect(await tablesOf(address)).toEqual([]);
    await migrate(address, migrations);
    expect(await migrationState(address, migrations)).toEqual({ state: 'current', version: migrations.at(-1)?.id });
  });

  test('that is current is left as it is', async () => {
    const address = await server.emptyDatabase();
    const migrations = await readMigrations(MIGRATIONS);
    await migrate(address, migrations);
    const ledger = await rowsOf(address, 'select * from assay_migrations order by id');
    await migrate(address, migrations);
    expect(await rowsOf(address, 'select * from assay_migrations order by id')).toEqual(ledger);
  });

  test('gets only what it lacks', async () => {
    const address = await server.emptyDatabase();
    const [first, second] = ['create table one ()', 'create table two ()'];
    await migrate(address, steps(first));
    expect(await migrationState(address, steps(first, second))).toEqual({
      state: 'behind',
      missing: ['0002_step.sql'],
    });
    await migrate(address, steps(first, second));
    expect(await tablesOf(address)).toEqual(['assay_migrations', 'one', 'two']);
  });

  test('newer than the release is refused and left alone', async () => {
    const address = await server.emptyDatabase();
    await migrate(address, steps('create table one ()', 'create table two ()'));
    const older = steps('create table one ()');
    expect(await migrationState(address, older)).toEqual({ state: 'ahead', version: 2 });
    await expect(migrate(address, older)).rejects.toThrow(/at version 2, newer than this release\. Start the newer/);
  });

  test('made by a migration of another content is refused', async () => {
    const address = await server.emptyDatabase();
    await migrate(address, steps('create table one ()'));
    const altered = steps('create table one (id integer)', 'create table two ()');
    expect(await migrationState(address, altered)).toEqual({ state: 'altered', name: '0001_step.sql' });
    await expect(migrate(address, altered)).rejects.toThrow(/0001_step\.sql was applied with another content/);
    expect(await tablesOf(address)).toEqual(['assay_migrations', 'one']);
  });
});

describe('processes that start together', () => {
  test('migrate one database once', async () => {
    const address = await server.emptyDatabase();
    await Promise.all([migrateInProcess(address), migrateInProcess(address)]);
    const migrations = await readMigrations(MIGRATIONS);
    expect(await migrationState(address, migrations)).toMatchObject({ state: 'current' });
    expect(await rowsOf(address, 'select id from assay_migrations')).toHaveLength(migrations.length);
  });

  test('migrate several databases of one server, though its roles are common to them', async () => {
    const [app, system] = [`race_a_${randomBytes(4).toString('hex')}`, `race_b_${randomBytes(4).toString('hex')}`];
    const migrations = withRoles(await readMigrations(MIGRATIONS), app, system);
    const addresses: ServerAddress[] = [];
    while (addresses.length < 4) addresses.push(await server.emptyDatabase());
    await Promise.all(addresses.map((address) => migrate(address, migrations)));
    const schemas = new Set(await Promise.all(addresses.map(schemaOf)));
    expect(schemas.size).toBe(1);
  });
});

describe('a migration that fails', () => {
  test('leaves nothing of itself, and keeps the ones before it', async () => {
    const address = await server.emptyDatabase();
    const broken = steps('create table one ()', 'create table two (); insert into nowhere values (1)');
    await expect(migrate(address, broken)).rejects.toThrow(
      /^Migration 0002_step\.sql failed: relation "nowhere" does not exist\. Nothing of it was kept; mend/,
    );
    expect(await tablesOf(address)).toEqual(['assay_migrations', 'one']);
    expect(await migrationState(address, broken)).toEqual({ state: 'behind', missing: ['0002_step.sql'] });
    await migrate(address, steps('create table one ()', 'create table two ()'));
    expect(await tablesOf(address)).toEqual(['assay_migrations', 'one', 'two']);
  });

  test('because its connection was killed says so, and the process lives', async () => {
    const address = await server.emptyDatabase();
    const slow = steps('create table one (); select pg_sleep(20)');
    const act = migrate(address, slow);
    const refused = expect(act).rejects.toThrow(/^Migration 0001_step\.sql failed: .*terminat/);
    const pids = await until('it runs', async () => {
      const found = await server.running(address.database, 'pg_sleep');
      return found.length > 0 ? found : null;
    });
    await server.terminate(...pids);
    await refused;
    expect(await tablesOf(address)).toEqual(['assay_migrations']);
  });

  test('outside a transaction is half done, and runs again from its start', async () => {
    const address = await server.emptyDatabase();
    const table = 'create table one (id integer)';
    const broken = steps(table, '-- transaction: none\ncreate index concurrently one__id on one (no_such_column)');
    await expect(migrate(address, broken)).rejects.toThrow(/0002_step\.sql failed: .* What it did so far was kept/);
    expect(await migrationState(address, broken)).toEqual({ state: 'half_done', name: '0002_step.sql' });
    const mended = steps(table, '-- transaction: none\ncreate index concurrently if not exists one__id on one (id)');
    expect(await migrationState(address, mended)).toEqual({ state: 'half_done', name: '0002_step.sql' });
    await migrate(address, mended);
    expect(await migrationState(address, mended)).toEqual({ state: 'current', version: 2 });
  });
});

describe('a user of few rights', () => {
  /** A user that may log in and no more, with a database of its own. */
  async function plainUser(rights = ''): Promise<{ name: string; address: ServerAddress }> {
    const name = `plain_${randomBytes(4).toString('hex')}`;
    await server.admin.query(`create role ${name} login password 'plain' ${rights}`);
    await server.admin.query(`grant ${name} to current_user`);
    return { name, address: { ...(await server.emptyDatabase(name)), user: name, password: 'plain' } };
  }
  const unusedRoles = (): [string, string] => {
    const suffix = randomBytes(4).toString('hex');
    return [`fresh_app_${suffix}`, `fresh_system_${suffix}`];
  };

  test('who may create roles can migrate', async () => {
    const { address } = await plainUser('createrole');
    const migrations = withRoles(await readMigrations(MIGRATIONS), ...unusedRoles());
    await migrate(address, migrations);
    expect(await migrationState(address, migrations)).toMatchObject({ state: 'current' });
  });

  test('who may not is told what a superuser has to run', async () => {
    const { name, address } = await plainUser();
    const [app, system] = unusedRoles();
    const act = migrate(address, withRoles(await readMigrations(MIGRATIONS), app, system));
    await expect(act).rejects.toThrow(
      `the database user ${name} may not create the roles that Assay serves under. As a superuser run: ` +
        `create role ${app} nologin; create role ${system} nologin; grant ${app}, ${system} to ${name}`,
    );
    expect(await tablesOf(address)).toEqual(['assay_migrations']);
  });

  test('who was not given the roles is told so', async () => {
    const { name, address } = await plainUser();
    const act = migrate(address, await readMigrations(MIGRATIONS));
    await expect(act).rejects.toThrow(
      `the database user ${name} may not take on the role assay_app. As a superuser run: grant assay_app, assay_system to ${name}`,
    );
  });

  test('who follows that advice can migrate, and serve', async () => {
    const { name, address } = await plainUser();
    const [app, system] = unusedRoles();
    const migrations = withRoles(await readMigrations(MIGRATIONS), app, system);
    const refusal = await migrate(address, migrations).catch((error: Error) => error.message);
    const [, advice] = /As a superuser run: (.*)\. Nothing of it/.exec(String(refusal)) ?? [];
    await server.admin.query(String(advice));
    await migrate(address, migrations);
    const [row] = await rowsOf(address, `set role ${app}`).then(() =>
      rowsOf(address, `select pg_has_role('${name}', '${system}', 'set') as may`),
    );
    expect(row).toEqual({ may: true });
  });
});

describe('the folder of migrations', () => {
  test('is read in order, whatever numbers are left out', async () => {
    await using folder = await scratchDirectory();
    await writeFile(join(folder.path, '0001_one.sql'), 'select 1');
    await writeFile(join(folder.path, '0004_four.sql'), 'select 4');
    await writeFile(join(folder.path, '0002_two.sql'), '-- migration: expand\n-- transaction: none\nselect 2');
    await writeFile(join(folder.path, 'README.md'), 'not a migration');
    const migrations = await readMigrations(folder.path);
    expect(migrations.map(({ id, inTransaction }) => [id, inTransaction])).toEqual([
      [1, true],
      [2, false],
      [4, true],
    ]);
  });

  test('with one number twice is refused', async () => {
    await using folder = await scratchDirectory();
    await writeFile(join(folder.path, '0001_one.sql'), 'select 1');
    await writeFile(join(folder.path, '0001_other.sql'), 'select 2');
    await expect(readMigrations(folder.path)).rejects.toThrow('0001_one.sql and 0001_other.sql have the same');
  });
});

describe('the schema as text', () => {
  test('is the same for every database that was migrated', async () => {
    const migrations = await readMigrations(MIGRATIONS);
    const [one, other] = [await server.emptyDatabase(), await server.emptyDatabase()];
    await Promise.all([migrate(one, migrations), migrate(other, migrations)]);
    const text = await schemaOf(one);
    expect(await schemaOf(one)).toBe(text);
    expect(await schemaOf(other)).toBe(text);
    expect(text).toMatch(/^table api_keys · row security forced$/m);
  });

  test.each([
    ['a column', 'alter table users add column nickname text'],
    ['a default', `alter table users alter column name set default 'nobody'`],
    ['a column that may be empty', 'alter table users alter column name drop not null'],
    ['a constraint', 'alter table users drop constraint users__email_lower'],
    ['an index', 'create index users__name on users (name)'],
    ['a policy', 'drop policy tenant on events'],
    ['row security', 'alter table events no force row level security'],
    ['a grant', 'grant delete on audit_leaves to assay_app'],
    ['a function', `create function f() returns integer language sql as 'select 1'`],
    ['a table', 'create table extra ()'],
  ])('differs by %s', async (_name, change) => {
    const address = await server.migratedDatabase();
    const before = await schemaOf(address);
    await rowsOf(address, change);
    expect(await schemaOf(address)).not.toBe(before);
  });
});

/** The real migrations with other names for the roles, which belong to the whole server and exist there already. */
function withRoles(migrations: Migration[], app: string, system: string): Migration[] {
  return migrations.map((migration) => ({
    ...migration,
    sql: migration.sql.replaceAll('assay_app', app).replaceAll('assay_system', system),
  }));
}
