import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { type ScratchDirectory, scratchDirectory } from '../../../test/scratch-directory.ts';
import { servePostgres } from '../../../test/served-postgres.ts';
import { smallDisk } from '../../../test/small-disk.ts';
import { until } from '../../../test/until.ts';
import type { Connection } from '../embedded-postgres/connection.ts';
import { startEmbeddedPostgres } from '../embedded-postgres/embedded-postgres.ts';
import { writeArchive } from './archive-writer.ts';
import { type BackupOptions, type BackupReceipt, backup } from './backup.ts';
import { type About, NOTICE } from './manifest.ts';
import { restore, verifyBackup } from './restore.ts';
import type { TarHeader } from './tar.ts';

const run = promisify(execFile);
const log = recordingLog();

/** A data directory with a table and with files, and a backup of it. */
let original: ScratchDirectory;
let shelf: ScratchDirectory;
let good: string;

beforeAll(async () => {
  original = await scratchDirectory();
  shelf = await scratchDirectory();
  good = join(shelf.path, 'good.tar.zst');
  const postgres = await startEmbeddedPostgres({ dataDir: original.path, log });
  await query(postgres.connection, 'create table kept as select 7 as seven');
  await postgres[Symbol.asyncDispose]();
  await mkdir(join(original.path, 'keys'), { mode: 0o700 });
  await writeFile(join(original.path, 'keys', 'master'), 'a secret', { mode: 0o600 });
  await mkdir(join(original.path, 'assets', 'é'.repeat(60), 'deep'), { recursive: true });
  await writeFile(join(original.path, 'assets', 'é'.repeat(60), 'deep', 'x'.repeat(120)), 'far down');
  await symlink('../keys/master', join(original.path, 'assets', 'link'));
  await writeFile(join(original.path, 'assets', 'large'), Buffer.alloc(3_000_001, 'large'));
  await writeFile(join(original.path, 'assets', 'empty'), '');
  await mkdir(join(original.path, 'tmp'));
  await writeFile(join(original.path, 'tmp', 'scratch'), 'not state');
  await backUp({ out: good });
});

afterAll(async () => {
  await original[Symbol.asyncDispose]();
  await shelf[Symbol.asyncDispose]();
});

async function backUp(options: Partial<BackupOptions>): Promise<BackupReceipt> {
  const out = join(shelf.path, `${crypto.randomUUID()}.tar.zst`);
  return await backup({ dataDir: original.path, out, release: '0.1.0', log, database: 'embedded', ...options });
}

async function query(connection: Connection, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A copy of the good backup, changed by hand below its compression. */
async function altered(change: (tar: Buffer) => Buffer): Promise<string> {
  const file = join(shelf.path, `${crypto.randomUUID()}.tar.zst`);
  await writeFile(file, zstdCompressSync(change(zstdDecompressSync(await readFile(good)))));
  return file;
}

/** A backup made of whatever entries, complete with a manifest that fits. */
async function forged(about: Partial<About>, ...entries: (Partial<TarHeader> & { path: string })[]): Promise<string> {
  const header: TarHeader = { path: '', kind: 'file', mode: 0o600, size: 0, target: '' };
  const full: About = {
    format: 'assay-backup',
    formatVersion: 1,
    release: '0.1.0',
    createdAt: new Date().toISOString(),
    postgres: null,
    notice: NOTICE,
    ...about,
  };
  const list = entries.map((entry) => ({ ...header, ...entry, content: Readable.from([]) }));
  const file = join(shelf.path, `${crypto.randomUUID()}.tar.zst`);
  await writeFile(file, zstdCompressSync(await buffer(writeArchive(full, Readable.from(list)))));
  return file;
}

async function tree(path: string): Promise<string[]> {
  return (await readdir(path, { recursive: true })).sort();
}

test('a restored backup has the rows, the files, their content and their privacy', async () => {
  await using target = await scratchDirectory();
  const receipt = await restore({ from: good, dataDir: target.path });
  expect(receipt).toMatchObject({
    format: 'assay-backup',
    release: '0.1.0',
    postgres: { major: 18 },
    replaced: undefined,
  });
  const place = (name: string) => join(target.path, name);
  expect(await readFile(place('keys/master'), 'utf8')).toBe('a secret');
  expect((await stat(place('keys/master'))).mode & 0o777).toBe(0o600);
  expect((await stat(place('assets/large'))).mode & 0o777).toBe(0o600);
  expect(await readFile(place('assets/large'))).toEqual(await readFile(join(original.path, 'assets/large')));
  expect(await readlink(place('assets/link'))).toBe('../keys/master');
  expect(await tree(place('assets'))).toEqual(await tree(join(original.path, 'assets')));
  expect(await readdir(target.path)).not.toContain('tmp');
  await using postgres = await startEmbeddedPostgres({ dataDir: target.path, log });
  expect(await query(postgres.connection, 'select seven from kept')).toEqual([{ seven: 7 }]);
});

test('a backup of a server under load holds every row from before it and a whole piece of those during it', async () => {
  await using source = await scratchDirectory();
  await using target = await scratchDirectory();
  const postgres = await startEmbeddedPostgres({ dataDir: source.path, log });
  await query(postgres.connection, 'create table counted (id int primary key, filler text)');
  const client = new pg.Client(postgres.connection);
  await client.connect();
  let last = 0;
  let isStopped = false;
  const writing = (async () => {
    for (let id = 1; !isStopped; id += 1) {
      await client.query(`insert into counted values ($1, repeat('x', 2000))`, [id]);
      last = id;
    }
  })();
  await until('rows are written', () => last > 100);
  const before = last;
  const receipt = await backUp({ dataDir: source.path });
  const after = last;
  isStopped = true;
  await writing;
  await client.end();
  await postgres[Symbol.asyncDispose]();
  expect(after).toBeGreaterThan(before);

  await restore({ from: receipt.file, dataDir: target.path });
  await using restored = await startEmbeddedPostgres({ dataDir: target.path, log });
  const [{ rows, highest }] = (await query(
    restored.connection,
    'select count(*)::int as rows, max(id) as highest from counted',
  )) as [{ rows: number; highest: number }];
  expect(rows).toBe(highest);
  expect(highest).toBeGreaterThan(before);
  expect(highest).toBeLessThanOrEqual(after);
  expect(await query(restored.connection, 'select count(*)::int as leftover from pg_replication_slots')).toEqual([
    { leftover: 0 },
  ]);
});

test('a server of another process is backed up where it runs, and goes on', async () => {
  await using source = await scratchDirectory(original.path);
  await using server = await servePostgres(source.path);
  const { pid, connection } = server.answer as { pid: number; connection: Connection };
  await query(connection, 'create table said_elsewhere as select 8 as eight');
  const { file } = await backUp({ dataDir: source.path });
  expect(await query(connection, 'select eight from said_elsewhere')).toEqual([{ eight: 8 }]);
  expect((await stat(`/proc/${pid}`)).isDirectory()).toBe(true);
  await using target = await scratchDirectory();
  await restore({ from: file, dataDir: target.path });
  await using restored = await startEmbeddedPostgres({ dataDir: target.path, log });
  expect(await query(restored.connection, 'select eight from said_elsewhere')).toEqual([{ eight: 8 }]);
});

test('a page that the disk has corrupted fails the backup instead of being kept', async () => {
  await using source = await scratchDirectory(original.path);
  const postgres = await startEmbeddedPostgres({ dataDir: source.path, log });
  const [{ file }] = (await query(postgres.connection, `select pg_relation_filepath('kept') as file`)) as [
    { file: string },
  ];
  await postgres[Symbol.asyncDispose]();
  const path = join(source.path, 'postgres', file);
  const page = await readFile(path);
  page[4000] = (page[4000] ?? 0) ^ 0xff;
  await writeFile(path, page);
  const out = join(shelf.path, 'corrupt.tar.zst');
  await expect(backUp({ dataDir: source.path, out })).rejects.toMatchObject({
    code: 'backup.failed',
    message: expect.stringContaining('checksum'),
  });
  expect(await readdir(shelf.path)).not.toContain('corrupt.tar.zst');
});

test('the file is private, says that it holds secrets, and is a tar archive that any tar reads', async () => {
  const { file, notice, sha256, bytes } = await backUp({});
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(file)).size).toBe(bytes);
  expect(notice).toContain('passwords');
  expect((await run('sha256sum', [file])).stdout).toContain(sha256);
  await using opened = await scratchDirectory();
  await run('tar', ['--zstd', '-xf', file, '-C', opened.path]);
  expect(await tree(join(opened.path, 'data', 'assets'))).toEqual(await tree(join(original.path, 'assets')));
  expect(JSON.parse(await readFile(join(opened.path, 'backup.json'), 'utf8'))).toMatchObject({ notice });
  const names = await readdir(join(opened.path, 'data'));
  expect(names.sort()).toEqual(['assets', 'keys', 'postgres', 'postgres.pgpass']);
});

test('verifying reads it all and changes nothing', async () => {
  const { entries, bytes } = await verifyBackup(good);
  expect(entries).toBeGreaterThan(900);
  expect(bytes).toBeGreaterThan(20_000_000);
});

test('a backup that was altered is refused, naming what, and changes nothing', async () => {
  const content = await altered((tar) => tar.fill('b', tar.indexOf('a secret'), tar.indexOf('a secret') + 1));
  const digest = await altered((tar) => {
    const at = tar.lastIndexOf('"sha256": "') + '"sha256": "'.length;
    return tar.fill('-', at, at + 1);
  });
  await using target = await scratchDirectory();
  await expect(verifyBackup(content)).rejects.toMatchObject({
    code: 'backup.damaged',
    message: expect.stringContaining('data/keys/master is not what was backed up'),
  });
  for (const from of [content, digest]) {
    await expect(restore({ from, dataDir: target.path })).rejects.toMatchObject({
      code: 'backup.damaged',
      message: expect.stringContaining('is not what was backed up'),
    });
    expect((await readdir(target.path)).filter((name) => !name.startsWith('postgres.'))).toEqual([]);
  }
});

test('a backup that lost bytes or has one flipped is refused', async () => {
  const bytes = await readFile(good);
  const middle = bytes.length >> 1;
  const flipped = join(shelf.path, 'flipped.tar.zst');
  await writeFile(flipped, Buffer.from(bytes).fill((bytes[middle] ?? 0) ^ 1, middle, middle + 1));
  await expect(verifyBackup(flipped)).rejects.toMatchObject({ code: 'backup.damaged' });
  for (const length of [bytes.length - 100, bytes.length - 100_000, middle]) {
    const file = join(shelf.path, `cut-${length}.tar.zst`);
    await writeFile(file, bytes);
    await truncate(file, length);
    await expect(verifyBackup(file)).rejects.toMatchObject({ code: 'backup.damaged' });
  }
});

test('an entry that would leave the data directory is refused before it is written', async () => {
  await using target = await scratchDirectory();
  const dataDir = join(target.path, 'data');
  for (const path of ['data/../../escaped', '/escaped', 'escaped', 'data', 'data//escaped', 'data/./escaped']) {
    const from = await forged({}, { path });
    await expect(restore({ from, dataDir })).rejects.toMatchObject({
      code: 'backup.damaged',
      message: expect.stringContaining('outside the data directory'),
    });
  }
  const through = await forged(
    {},
    { path: 'data/link', kind: 'link', target: target.path },
    { path: 'data/link/escaped' },
  );
  await expect(restore({ from: through, dataDir })).rejects.toThrow();
  expect(await readdir(target.path)).toEqual(['data']);
  expect((await readdir(dataDir)).filter((name) => !name.startsWith('postgres.'))).toEqual([]);
});

test('what is no backup is refused as such', async () => {
  const file = join(shelf.path, 'letter.txt');
  await writeFile(file, 'Dear reader,');
  await expect(verifyBackup(file)).rejects.toMatchObject({ code: 'backup.not_a_backup' });
  await writeFile(file, '');
  await expect(verifyBackup(file)).rejects.toMatchObject({ code: 'backup.not_a_backup' });
  await expect(verifyBackup(join(shelf.path, 'absent'))).rejects.toMatchObject({
    code: 'backup.not_a_backup',
    message: expect.stringContaining('no such file'),
  });
});

test('a backup of another PostgreSQL or another format is refused, naming the release that made it', async () => {
  await using target = await scratchDirectory();
  const from = await forged({ postgres: { major: 17 }, release: '0.0.9' });
  await expect(restore({ from, dataDir: target.path })).rejects.toMatchObject({
    code: 'backup.wrong_version',
    message: expect.stringMatching(/PostgreSQL 17.*PostgreSQL 18.*Assay 0\.0\.9/s),
  });
  const later = await forged({ formatVersion: 2 as 1 });
  await expect(verifyBackup(later)).rejects.toMatchObject({
    code: 'backup.not_a_backup',
    message: expect.stringContaining('format'),
  });
});

test('a directory that is not empty is restored into by force only, and what was there is moved aside', async () => {
  await using target = await scratchDirectory(original.path);
  await writeFile(join(target.path, 'keys', 'master'), 'newer');
  await expect(restore({ from: good, dataDir: target.path })).rejects.toMatchObject({
    code: 'backup.data_dir_not_empty',
  });
  const { replaced } = await restore({ from: good, dataDir: target.path, force: true });
  expect(await readFile(join(target.path, 'keys', 'master'), 'utf8')).toBe('a secret');
  expect(await readFile(join(replaced ?? '', 'keys', 'master'), 'utf8')).toBe('newer');
  await using postgres = await startEmbeddedPostgres({ dataDir: target.path, log });
  expect(await query(postgres.connection, 'select seven from kept')).toEqual([{ seven: 7 }]);
});

test('a directory in use is not restored into, not even by force', async () => {
  await using target = await scratchDirectory();
  await using _postgres = await startEmbeddedPostgres({ dataDir: target.path, log });
  await expect(restore({ from: good, dataDir: target.path, force: true })).rejects.toMatchObject({
    code: 'postgres.data_dir_in_use',
  });
});

test('a restore that did not finish is repeated by force', async () => {
  await using target = await scratchDirectory();
  await mkdir(join(target.path, 'restore-interrupted', 'data'), { recursive: true });
  await mkdir(join(target.path, 'assets'));
  await expect(startEmbeddedPostgres({ dataDir: target.path, log })).rejects.toThrow('did not finish');
  await restore({ from: good, dataDir: target.path, force: true });
  await using _postgres = await startEmbeddedPostgres({ dataDir: target.path, log });
});

test('a backup overwrites nothing, and is not written into the directory that it is of', async () => {
  const bytes = await readFile(good);
  await expect(backUp({ out: good })).rejects.toMatchObject({ code: 'backup.unusable_destination' });
  expect(await readFile(good)).toEqual(bytes);
  for (const out of [join(original.path, 'b.tar.zst'), join(original.path, 'assets', 'b.tar.zst'), '/nonexistent/b']) {
    await expect(backUp({ out })).rejects.toMatchObject({ code: 'backup.unusable_destination' });
  }
});

test.runIf(process.getuid?.() === 0)(
  'a disk that fills up fails a backup and a restore, and nothing of either is left',
  async () => {
    await using disk = await smallDisk(3);
    const out = join(disk.path, 'backup.tar.zst');
    await expect(backUp({ out })).rejects.toMatchObject({
      code: 'backup.failed',
      message: expect.stringContaining('full'),
    });
    expect(await readdir(disk.path)).toEqual([]);
    await expect(restore({ from: good, dataDir: disk.path })).rejects.toMatchObject({
      code: 'backup.failed',
      message: expect.stringContaining('full'),
    });
    expect((await readdir(disk.path)).filter((name) => !name.startsWith('postgres.'))).toEqual([]);
  },
);

test('a directory without a database is refused, and none is made in it', async () => {
  await using empty = await scratchDirectory();
  await expect(backUp({ dataDir: empty.path })).rejects.toMatchObject({ code: 'backup.nothing_to_back_up' });
  expect(await readdir(empty.path)).toEqual([]);
});

test('an external database is refused, and its files are backed up when that is asked for', async () => {
  await using source = await scratchDirectory();
  await using target = await scratchDirectory();
  await writeFile(join(source.path, 'master-key'), 'k');
  await expect(backUp({ dataDir: source.path, database: 'external' })).rejects.toMatchObject({
    code: 'backup.external_database',
    message: expect.stringContaining('pg_dump'),
  });
  const { file } = await backUp({ dataDir: source.path, database: 'external', filesOnly: true });
  expect(await restore({ from: file, dataDir: target.path })).toMatchObject({ postgres: null });
  expect(await readFile(join(target.path, 'master-key'), 'utf8')).toBe('k');
  await rm(file);
});

test('files that were backed up without the database leave the database alone that is where they are restored', async () => {
  await using target = await scratchDirectory(original.path);
  await using source = await scratchDirectory(original.path);
  const { file } = await backUp({ dataDir: source.path, filesOnly: true });
  await restore({ from: file, dataDir: target.path, force: true });
  await using postgres = await startEmbeddedPostgres({ dataDir: target.path, log });
  expect(await query(postgres.connection, 'select seven from kept')).toEqual([{ seven: 7 }]);
});

test('a server that outlived its Assay does not run on in a directory that is restored into', async () => {
  await using target = await scratchDirectory(original.path);
  const parent = await servePostgres(target.path, { way: 'orphaning' });
  const { pid } = parent.answer as { pid: number };
  const exited = once(parent.process, 'exit');
  parent.process.kill('SIGKILL');
  await exited;
  await restore({ from: good, dataDir: target.path, force: true });
  await expect(readlink(`/proc/${pid}/cwd`)).rejects.toThrow('ENOENT');
  await using postgres = await startEmbeddedPostgres({ dataDir: target.path, log });
  expect(await query(postgres.connection, 'select seven from kept')).toEqual([{ seven: 7 }]);
});
