import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { type ScratchDirectory, scratchDirectory } from '../../../test/scratch-directory.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { readPasswords } from './passwords.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let scratch: ScratchDirectory;
let log: ReturnType<typeof recordingLog>;
let postgres: EmbeddedPostgres;

beforeAll(async () => {
  scratch = await scratchDirectory();
  log = recordingLog();
  postgres = await startEmbeddedPostgres({ dataDir: join(scratch.path, 'data'), log });
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

async function query(sql: string, connection: pg.ClientConfig = postgres.connection): Promise<unknown[]> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function superuser(): Promise<pg.ClientConfig> {
  const passwords = await readPasswords(join(scratch.path, 'data', 'postgres.pgpass'));
  return { ...postgres.connection, user: 'assay_superuser', password: passwords?.superuser };
}

test('the first start makes a database whose owner bypasses no row security', async () => {
  expect(await query('select current_user, current_database() as database')).toEqual([
    { current_user: 'assay', database: 'assay' },
  ]);
  expect(
    await query('select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user'),
  ).toEqual([{ rolsuper: false, rolbypassrls: false, rolcreaterole: true, rolcreatedb: true }]);
  expect(postgres.version).toMatch(/^18\.\d+$/);
});

test('the database is UTF-8 with the C locale, in UTC', async () => {
  expect(
    await query(`select pg_encoding_to_char(encoding) as encoding, datcollate, datctype, current_setting('timezone') as zone
      from pg_database where datname = current_database()`),
  ).toEqual([{ encoding: 'UTF8', datcollate: 'C', datctype: 'C', zone: 'UTC' }]);
});

test('the server listens on its socket only, wants a password from everybody, and syncs what it commits', async () => {
  expect(
    await query(`select name, setting from pg_settings
      where name in ('listen_addresses', 'fsync', 'full_page_writes', 'password_encryption', 'data_checksums', 'wal_level')
      order by name`),
  ).toEqual([
    { name: 'data_checksums', setting: 'on' },
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'password_encryption', setting: 'scram-sha-256' },
    { name: 'wal_level', setting: 'replica' },
  ]);
  expect(await query('select distinct type, auth_method, error from pg_hba_file_rules', await superuser())).toEqual([
    { type: 'local', auth_method: 'scram-sha-256', error: null },
  ]);
});

test('a wrong password is refused, for each role', async () => {
  for (const user of ['assay', 'assay_superuser']) {
    await expect(query('select 1', { ...postgres.connection, user, password: 'guessed' })).rejects.toThrow(
      'password authentication failed',
    );
  }
});

test('nothing of the data directory is open to others', async () => {
  const root = join(scratch.path, 'data');
  for (const name of await readdir(root)) {
    expect([name, (await stat(join(root, name))).mode & 0o077]).toEqual([name, 0]);
  }
  expect((await stat(root)).mode & 0o777).toBe(0o700);
});

test.runIf(isRoot)('another user of this machine does not reach the socket, even with the password', async () => {
  const script = `
    require('node:net').createConnection(process.argv[1]).on('connect', () => console.log('connected'))
      .on('error', (error) => console.log(error.code));`;
  const socket = join(postgres.connection.host, '.s.PGSQL.5432');
  const as = (uid: number) =>
    run('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', process.execPath, '-e', script, socket]);
  expect((await as(20_500)).stdout).toBe('EACCES\n');
  expect((await as(65_534)).stdout).toBe('EACCES\n');
});

test('our environment does not reach the server', async () => {
  const environment = await readFile(`/proc/${postgres.pid}/environ`, 'utf8');
  expect(environment.split('\0').map((line) => line.split('=')[0])).toEqual(
    expect.not.arrayContaining(['HOME', 'NODE_ENV', 'VITEST', 'DATABASE_URL']),
  );
  expect(environment).toContain('LC_ALL=C');
});

test('the process log names no data: neither statements nor the rows that they refer to', async () => {
  await query('create table secrets (name text primary key)');
  await query(`insert into secrets values ('tell-nobody')`);
  await expect(query(`insert into secrets values ('tell-nobody')`)).rejects.toThrow('duplicate key');
  await expect(query(`select 'tell-nobody'::int`)).rejects.toThrow('invalid input syntax');
  await expect(query('select 1', { ...postgres.connection, password: 'x' })).rejects.toThrow();
  const told = () =>
    log.records.some(({ level, text }) => level === 'warn' && text.includes('password authentication'));
  await expect.poll(told).toBe(true);
  expect(JSON.stringify(log.records)).not.toContain('tell-nobody');
});

test('the server runs in the session of its own that keeps Ctrl-C from it, as no root', async () => {
  const status = await readFile(`/proc/${postgres.pid}/stat`, 'utf8');
  expect(Number(status.split(') ')[1]?.split(' ')[3])).toBe(postgres.pid);
  const [, innerUid] = /^Uid:\t(\d+)/m.exec(await readFile(`/proc/${postgres.pid}/status`, 'utf8')) ?? [];
  const namespaces = await Promise.all(['self', postgres.pid].map((pid) => readlink(`/proc/${pid}/ns/user`)));
  expect(innerUid !== '0' || namespaces[0] !== namespaces[1]).toBe(true);
});

test('a start finds what an earlier one left, whatever the path is called', async () => {
  await using other = await scratchDirectory();
  const dataDir = join(other.path, `it's "a, b"`);
  await mkdir(dataDir);
  const first = await startEmbeddedPostgres({ dataDir, log });
  await query('create table kept as select 7 as seven', first.connection);
  await first[Symbol.asyncDispose]();
  await using second = await startEmbeddedPostgres({ dataDir, log });
  expect(second.connection).toEqual(first.connection);
  expect(await query('select seven from kept', second.connection)).toEqual([{ seven: 7 }]);
});

test('a data directory too deep for a socket has its socket elsewhere, in a private directory that starts find again', async () => {
  await using other = await scratchDirectory();
  const dataDir = join(other.path, 'd'.repeat(120));
  const first = await startEmbeddedPostgres({ dataDir, log });
  const { host } = first.connection;
  expect(await query('select 1 as one', first.connection)).toEqual([{ one: 1 }]);
  expect(await readlink(join(dataDir, 'run'))).toBe(host);
  expect((await stat(host)).mode & 0o777).toBe(0o700);
  await first[Symbol.asyncDispose]();

  const second = await startEmbeddedPostgres({ dataDir, log });
  expect(second.connection.host).toBe(host);
  await second[Symbol.asyncDispose]();

  // The temporary directory was emptied, and somebody put a directory of his own there.
  await rm(host, { recursive: true });
  await mkdir(host, { mode: 0o755 });
  await writeFile(join(host, 'trap'), '');
  const third = await startEmbeddedPostgres({ dataDir, log });
  expect(third.connection.host).not.toBe(host);
  await third[Symbol.asyncDispose]();
  await rm(host, { recursive: true });
  await rm(third.connection.host, { recursive: true });
});

test('a lost password file is replaced, with new passwords', async () => {
  await using other = await scratchDirectory();
  const first = await startEmbeddedPostgres({ dataDir: other.path, log });
  await first[Symbol.asyncDispose]();
  await rm(join(other.path, 'postgres.pgpass'));
  await using second = await startEmbeddedPostgres({ dataDir: other.path, log });
  expect(second.connection.password).not.toBe(first.connection.password);
  expect(await query('select 1 as one', second.connection)).toEqual([{ one: 1 }]);
});

test('stopping ends open transactions and clients, and frees the directory at once', async () => {
  await using other = await scratchDirectory();
  const first = await startEmbeddedPostgres({ dataDir: other.path, log });
  const client = new pg.Client(first.connection);
  client.on('error', () => {});
  await client.connect();
  await client.query('begin; create table half_done (id int)');
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await expect(client.query('select 1')).rejects.toThrow();
  await using second = await startEmbeddedPostgres({ dataDir: other.path, log });
  expect(await query(`select to_regclass('half_done') as found`, second.connection)).toEqual([{ found: null }]);
});
