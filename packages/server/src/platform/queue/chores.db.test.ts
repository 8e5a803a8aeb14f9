import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { testServer } from '../../../test/test-server.ts';
import { until } from '../../../test/until.ts';
import { newClient } from '../db/index.ts';
import { type Chore, startChores } from './chores.ts';

const server = testServer();
const log = pino({ level: 'silent' });
const NEVER = '0 0 31 2 *';

/** A migrated database with a connection to look at its jobs, and to make a chore due. */
async function bench() {
  const address = await server.migratedDatabase();
  const client = newClient(address, 'assay-test');
  await client.connect();
  return {
    address,
    due: (name: string) => client.query(`select graphile_worker.add_job($1, max_attempts := 5)`, [name]),
    /** Failed jobs wait longer each time; the test does not. What is due is left alone: a worker passes over what it finds locked. */
    hurry: () =>
      client.query(
        'update graphile_worker._private_jobs set run_at = now() where locked_at is null and run_at > now()',
      ),
    /** From now on a row is left for each worker that tries to fire a chore, also for one that comes too late. */
    countTicks: () =>
      client.query(`
        create table ticks ();
        create function count_tick() returns trigger language plpgsql as
          'begin insert into ticks default values; return new; end';
        create trigger count_tick before insert on graphile_worker._private_known_crontabs
          for each row when (new.last_execution is not null) execute function count_tick()`),
    ticks: async () => (await client.query('select from ticks')).rows.length,
    jobs: async () => (await client.query<{ attempts: number }>('select attempts from graphile_worker.jobs')).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}

const chore = (name: string, run: () => Promise<void>, schedule = NEVER): Chore => ({ name, schedule, run });

describe('a chore', () => {
  test('that fails is tried again until it is done', async () => {
    await using work = await bench();
    let tries = 0;
    const failing = chore('sweep', async () => {
      tries += 1;
      if (tries < 2) throw new Error('The disk is full.');
    });
    await using _worker = await startChores(work.address, [failing], log);
    await work.due('sweep');
    await until('it was done', async () => {
      await work.hurry();
      return tries === 2 && (await work.jobs()).length === 0;
    });
  });

  test('that fails does not keep the others from being done', async () => {
    await using work = await bench();
    const done: string[] = [];
    const chores = [
      chore('broken', () => Promise.reject(new Error('no'))),
      chore('sound', async () => void done.push('sound')),
    ];
    await using _worker = await startChores(work.address, chores, log);
    await work.due('broken');
    await work.due('sound');
    await until('the other was done', () => done.length > 0);
  });

  test('that is due once is done by one of two workers', async () => {
    await using work = await bench();
    const done: string[] = [];
    const by = (worker: string) => [chore('sweep', async () => void done.push(worker))];
    await using _first = await startChores(work.address, by('first'), log);
    await using _second = await startChores(work.address, by('second'), log);
    for (let round = 1; round <= 10; round++) {
      await work.due('sweep');
      await until('it was done', () => done.length >= round);
    }
    await until('none is left', async () => (await work.jobs()).length === 0);
    expect(done).toHaveLength(10);
  });

  test('survives the loss of every connection', async () => {
    await using work = await bench();
    const done: string[] = [];
    const sweep = chore('sweep', async () => void done.push('swept'));
    await using _worker = await startChores(work.address, [sweep], log);
    await work.due('sweep');
    await until('it was done', () => done.length === 1);
    const { rows } = await server.admin.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = $1 and application_name = 'assay-chores'`,
      [work.address.database],
    );
    expect(rows.length).toBeGreaterThan(0);
    await server.terminate(...rows.map(({ pid }) => pid));
    await work.due('sweep');
    await until('it was done again', () => done.length === 2);
  });

  test('fires once at its minute, however many workers there are', async () => {
    await using work = await bench();
    const fired: string[] = [];
    const tick = (worker: string) => [chore('tick', async () => void fired.push(worker), '* * * * *')];
    await using _first = await startChores(work.address, tick('first'), log);
    await using _second = await startChores(work.address, tick('second'), log);
    await work.countTicks();
    await until('both have tried', async () => (await work.ticks()) === 2, 70_000);
    await until('it was done', async () => fired.length > 0 && (await work.jobs()).length === 0);
    expect(fired).toHaveLength(1);
  }, 90_000);
});
