import { readdir, rm } from 'node:fs/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { fill, smallDisk } from '../../../test/small-disk.ts';
import { until } from '../../../test/until.ts';
import { startEmbeddedPostgres, type UnexpectedExit } from './embedded-postgres.ts';

const isRoot = process.getuid?.() === 0;
const log = recordingLog();

test.runIf(isRoot)(
  'a disk too small for a new cluster is refused and left clean, and a larger one is taken',
  async () => {
    await using disk = await smallDisk(20);
    await expect(startEmbeddedPostgres({ dataDir: disk.path, log })).rejects.toMatchObject({
      code: 'postgres.disk_full',
      message: expect.stringMatching(/is full.*Free some space/),
    });
    expect((await readdir(disk.path)).filter((name) => name.startsWith('postgres.new-'))).toEqual([]);
    await disk.resize(200);
    await using _postgres = await startEmbeddedPostgres({ dataDir: disk.path, log });
  },
);

test.runIf(isRoot)('a disk with no room at all is refused before anything is made', async () => {
  await using disk = await smallDisk(1);
  await fill(disk.path);
  await expect(startEmbeddedPostgres({ dataDir: disk.path, log })).rejects.toMatchObject({
    code: 'postgres.disk_full',
  });
});

test.runIf(isRoot)('a start on a full disk is refused, and works when there is room again', async () => {
  await using disk = await smallDisk(200);
  await (await startEmbeddedPostgres({ dataDir: disk.path, log }))[Symbol.asyncDispose]();
  const ballast = await fill(disk.path);
  await expect(startEmbeddedPostgres({ dataDir: disk.path, log })).rejects.toMatchObject({
    code: 'postgres.disk_full',
  });
  await rm(ballast);
  await using _postgres = await startEmbeddedPostgres({ dataDir: disk.path, log });
});

test.runIf(isRoot)(
  'a server whose disk fills up loses nothing acknowledged, and recovers alone when there is room',
  async () => {
    await using disk = await smallDisk(200);
    const exits: UnexpectedExit[] = [];
    await using postgres = await startEmbeddedPostgres({
      dataDir: disk.path,
      log,
      onExit: (exit) => exits.push(exit),
    });
    const pool = new pg.Pool({ ...postgres.connection, max: 2 });
    pool.on('error', () => {});
    await pool.query('create table written (id int primary key, filler text)');
    const ballast = await fill(disk.path);
    const acknowledged: number[] = [];
    const insert = async (id: number) => {
      await pool.query('insert into written values ($1, $2)', [
        id,
        'x'.repeat(100_000).replace(/x/g, () => Math.random().toString(36)),
      ]);
      acknowledged.push(id);
    };
    await until('an insert fails', () =>
      insert(acknowledged.length).then(
        () => false,
        () => true,
      ),
    );
    const full = acknowledged.length;
    await expect(insert(full)).rejects.toThrow();
    await rm(ballast);
    await until(
      'inserts work again',
      () =>
        insert(acknowledged.length).then(
          () => true,
          () => false,
        ),
      25_000,
    );
    const { rows } = await pool.query('select id from written order by id');
    expect(rows.map(({ id }) => id as number)).toEqual(acknowledged);
    await pool.end();
  },
);
