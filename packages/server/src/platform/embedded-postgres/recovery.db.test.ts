import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { type ScratchDirectory, scratchDirectory } from '../../../test/scratch-directory.ts';
import { type ServedPostgres, servePostgres, spawnServer } from '../../../test/served-postgres.ts';
import { until } from '../../../test/until.ts';
import type { Connection } from './connection.ts';
import { startEmbeddedPostgres, type UnexpectedExit } from './embedded-postgres.ts';

let template: ScratchDirectory;

beforeAll(async () => {
  template = await scratchDirectory();
  await (await startEmbeddedPostgres({ dataDir: template.path, log: recordingLog() }))[Symbol.asyncDispose]();
});

afterAll(() => template[Symbol.asyncDispose]());

async function query(connection: Connection, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A process that has ended and waits to be collected is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function served({ answer }: ServedPostgres): { pid: number; connection: Connection } {
  if ('code' in answer) throw new Error(answer.message);
  return answer;
}

async function kill9(server: ServedPostgres): Promise<void> {
  const exited = once(server.process, 'exit');
  server.process.kill('SIGKILL');
  await exited;
}

/** Inserts rows one by one until told to stop; a row counts when its insert was acknowledged. */
function writer(pool: pg.Pool, from: number) {
  const acknowledged: number[] = [];
  let isStopped = false;
  const done = (async () => {
    for (let id = from; !isStopped; id += 1) {
      const inserted = await pool.query('insert into rows_written values ($1)', [id]).then(
        () => true,
        () => false,
      );
      if (inserted) acknowledged.push(id);
    }
  })();
  return {
    acknowledged,
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}

test('a server killed under load comes back by itself at the same address, and no acknowledged row is lost', async () => {
  await using scratch = await scratchDirectory(template.path);
  const exits: UnexpectedExit[] = [];
  await using postgres = await startEmbeddedPostgres({
    dataDir: scratch.path,
    log: recordingLog(),
    onExit: (exit) => exits.push(exit),
  });
  await query(postgres.connection, 'create table rows_written (id int primary key)');
  const pool = new pg.Pool({ ...postgres.connection, max: 8 });
  pool.on('error', () => {});
  const writers = Array.from({ length: 8 }, (_, index) => writer(pool, index * 10_000_000));
  const written = () => writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);

  for (let round = 1; round <= 3; round += 1) {
    const before = written();
    await until('rows are written', () => written() > before + 200);
    const killed = postgres.pid;
    process.kill(killed, 'SIGKILL');
    await until('another server runs', () => postgres.pid !== killed && isAlive(postgres.pid));
    const after = written();
    await until('rows are written again', () => written() > after + 50);
    expect(exits.map(({ reason }) => reason)).toEqual(Array(round).fill('PostgreSQL ended unexpectedly (SIGKILL)'));
  }

  await Promise.all(writers.map((each) => each.stop()));
  const rows = (await pool.query('select id from rows_written')).rows.map(({ id }) => id as number);
  await pool.end();
  const stored = new Set(rows);
  expect(writers.flatMap(({ acknowledged }) => acknowledged).filter((id) => !stored.has(id))).toEqual([]);
});

test('a backend that does not notice the death of its server does not keep the next one from starting', async () => {
  await using scratch = await scratchDirectory(template.path);
  await using postgres = await startEmbeddedPostgres({ dataDir: scratch.path, log: recordingLog() });
  const client = new pg.Client(postgres.connection);
  client.on('error', () => {});
  await client.connect();
  const busy = client.query('do $$ begin loop end loop; end $$').catch((error: Error) => error);
  const [{ pid: backend }] = (await until('the backend is busy', async () => {
    const rows = await query(
      postgres.connection,
      `select pid from pg_stat_activity where query like 'do %' and state = 'active'`,
    );
    return rows.length > 0 && rows;
  })) as [{ pid: number }];
  const killed = postgres.pid;
  process.kill(killed, 'SIGKILL');
  await until('another server runs', () => postgres.pid !== killed && isAlive(postgres.pid));
  expect(isAlive(backend)).toBe(false);
  expect(await busy).toBeInstanceOf(Error);
  expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('stopping while the server restarts leaves none behind', async () => {
  await using scratch = await scratchDirectory(template.path);
  const exited = Promise.withResolvers<void>();
  const postgres = await startEmbeddedPostgres({
    dataDir: scratch.path,
    log: recordingLog(),
    onExit: () => exited.resolve(),
  });
  process.kill(postgres.pid, 'SIGKILL');
  await exited.promise;
  await postgres[Symbol.asyncDispose]();
  expect(isAlive(postgres.pid)).toBe(false);
  // The lock is free, and no server is in the way.
  const log = recordingLog();
  await using _again = await startEmbeddedPostgres({ dataDir: scratch.path, log });
  expect(log.records.filter(({ text }) => text.includes('outlived'))).toEqual([]);
});

test('a server ends with its parent, however that dies', async () => {
  await using scratch = await scratchDirectory(template.path);
  await using parent = await servePostgres(scratch.path);
  const { pid } = served(parent);
  await kill9(parent);
  await until('the server has ended', () => !isAlive(pid));
  await using _next = await startEmbeddedPostgres({ dataDir: scratch.path, log: recordingLog() });
});

test('a start right after the parent was killed waits for the old server to end', async () => {
  await using scratch = await scratchDirectory(template.path);
  for (let round = 0; round < 3; round += 1) {
    await using parent = await servePostgres(scratch.path);
    served(parent);
    await kill9(parent);
  }
  await using last = await servePostgres(scratch.path);
  expect(isAlive(served(last).pid)).toBe(true);
});

test('a server that outlived its parent is stopped, and its rows are there', async () => {
  await using scratch = await scratchDirectory(template.path);
  await using parent = await servePostgres(scratch.path, { way: 'orphaning' });
  const { pid: orphan, connection } = served(parent);
  await query(connection, 'create table kept as select 7 as seven');
  await kill9(parent);
  expect(isAlive(orphan)).toBe(true);
  const log = recordingLog();
  await using postgres = await startEmbeddedPostgres({ dataDir: scratch.path, log });
  expect(isAlive(orphan)).toBe(false);
  expect(log.records).toContainEqual(
    expect.objectContaining({ level: 'warn', text: 'ended processes of an earlier PostgreSQL that had outlived it' }),
  );
  expect(await query(postgres.connection, 'select seven from kept')).toEqual([{ seven: 7 }]);
});

test('a stale pid file is no obstacle, whoever has its number today', async () => {
  await using scratch = await scratchDirectory(template.path);
  for (const pid of [4_194_303, process.pid, 1]) {
    const file = `${pid}\n${join(scratch.path, 'postgres')}\n1700000000\n5432\n/nowhere\n\n  1234 5678\nready   \n`;
    await writeFile(join(scratch.path, 'postgres', 'postmaster.pid'), file, { mode: 0o600 });
    await using postgres = await startEmbeddedPostgres({ dataDir: scratch.path, log: recordingLog() });
    expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  }
});

test("a stale lock of the socket is no obstacle, whoever has its owner's number today", async () => {
  await using scratch = await scratchDirectory(template.path);
  for (const pid of [process.pid, 1]) {
    const file = `${pid}\n${join(scratch.path, 'postgres')}\n1700000000\n5432\n${join(scratch.path, 'run')}\n`;
    await mkdir(join(scratch.path, 'run'), { recursive: true, mode: 0o700 });
    await writeFile(join(scratch.path, 'run', '.s.PGSQL.5432.lock'), file, { mode: 0o600 });
    await using postgres = await startEmbeddedPostgres({ dataDir: scratch.path, log: recordingLog() });
    expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  }
});

test('a first start that is killed half way leaves nothing that the next one trips over', async () => {
  await using scratch = await scratchDirectory();
  for (const stage of ['PG_VERSION', 'global/pg_control', 'pg_hba.conf']) {
    const child = spawnServer(scratch.path);
    await until(`initdb has written ${stage}`, async () => {
      const staged = (await readdir(scratch.path)).find((name) => name.startsWith('postgres.new-'));
      if (staged === undefined) return false;
      const inside = await readdir(join(scratch.path, staged), { recursive: true }).catch((): string[] => []);
      return inside.includes(stage);
    });
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(await readdir(scratch.path)).not.toContain('postgres');
  }
  await using postgres = await startEmbeddedPostgres({ dataDir: scratch.path, log: recordingLog() });
  expect(await query(postgres.connection, 'select current_user')).toEqual([{ current_user: 'assay' }]);
  expect((await readdir(scratch.path)).filter((name) => name.startsWith('postgres.new-'))).toEqual([]);
});
