import { Logger, type Runner, run, type TaskList } from 'graphile-worker';
import { type DatabaseAddress, newPool } from '../db/index.ts';
import type { Log } from '../log.ts';

/** A background task that nobody waits for: retention, sweeps, mail. */
export type Chore = {
  name: string;
  /** When it runs by itself, in cron syntax (UTC). */
  schedule: string;
  run(): Promise<void>;
};

/** The library's informational lines are detail to us. */
const LEVELS = { error: 'error', warning: 'warn', info: 'debug', debug: 'debug' } as const;

/**
 * Runs chores by graphile-worker: each fires once per tick over all processes, is retried when it fails, and
 * survives a crash.
 */
export async function startChores(
  address: DatabaseAddress,
  chores: readonly Chore[],
  log: Log,
): Promise<AsyncDisposable> {
  const pool = newPool(address, 'assay-chores', 3);
  const onLost = (error: Error): void => log.warn({ err: error }, 'a connection for chores was lost');
  pool.on('error', onLost);
  pool.on('connect', (client) => client.on('error', onLost));
  const taskList: TaskList = Object.fromEntries(chores.map((chore) => [chore.name, async () => chore.run()]));
  const runner: Runner = await run({
    pgPool: pool,
    taskList,
    crontab: chores.map((chore) => `${chore.schedule} ${chore.name} ?max=5`).join('\n'),
    concurrency: 1,
    pollInterval: 5_000,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => log[LEVELS[level]]({ chore: true }, message)),
  });
  runner.promise.catch((error) => log.error({ err: error }, 'chores stopped; restart this process'));
  return {
    async [Symbol.asyncDispose]() {
      await runner.stop();
      await pool.end();
    },
  };
}
