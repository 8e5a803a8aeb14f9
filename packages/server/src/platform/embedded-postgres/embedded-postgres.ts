import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../kernel/errors.ts';
import type { Account } from './account.ts';
import { openCluster } from './cluster.ts';
import { type Connection, DATABASE, OWNER, PORT } from './connection.ts';
import { clearLeftovers, type DataDirectory, openDataDirectory, openSocketDirectory } from './data-directory.ts';
import { lockDataDirectory } from './data-lock.ts';
import { diskFull, isDiskFull, postgresErrors } from './errors.ts';
import { prepareInstallation } from './installation.ts';
import { type Postmaster, type ServerPlan, startPostmaster } from './postmaster.ts';
import type { ServerLog } from './server-log.ts';

/** Told each time the server has ended without being asked to, or could not be started again. */
export type UnexpectedExit = { reason: string; retryInMs: number };

export type EmbeddedPostgresOptions = {
  /** Absolute path of Assay's data directory; made when it is missing. */
  dataDir: string;
  log: ServerLog;
  onExit?: (exit: UnexpectedExit) => void;
  /** The ways to run PostgreSQL's processes, tried in order; by default those that suit this user. */
  accounts?: Account[];
};

/** A PostgreSQL server of our own. Disposing it shuts the server down. */
export type EmbeddedPostgres = AsyncDisposable & {
  readonly connection: Connection;
  /** Such as `18.4`. */
  readonly version: string;
  /** The server's first process; another one after a restart. */
  readonly pid: number;
};

/** The first restart is at once; a server that keeps failing is tried this often at last. */
const LONGEST_WAIT_MS = 10_000;
const SHORTEST_WAIT_MS = 250;
/** A server that ran this long was well, so its failures before that don't count. */
const HEALTHY_AFTER_MS = 60_000;

/**
 * Starts PostgreSQL on a data directory, making the cluster at the first start, and keeps it running until disposed:
 * when it dies it is started again, at the same address, so that pools find it again by themselves.
 * @throws AppError of the domain `postgres` that says what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const directory = await openDataDirectory(options.dataDir);
    const lock = await lockDataDirectory(directory);
    try {
      const plan = await prepareServer(directory, options);
      return new Supervisor(plan, await startPostmaster(plan), lock, options.onExit ?? (() => {}));
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    throw explain(error, options.dataDir);
  }
}

async function prepareServer(
  directory: DataDirectory,
  { accounts, log }: EmbeddedPostgresOptions,
): Promise<ServerPlan> {
  await clearLeftovers(directory);
  const installation = await prepareInstallation(directory, accounts);
  const { uid, gid, name } = installation.account;
  log.debug({ version: installation.version, account: name }, 'found PostgreSQL');
  const passwords = await openCluster(directory, installation);
  const host = await openSocketDirectory(directory, { uid, gid });
  return {
    cluster: directory.cluster,
    connection: { host, port: PORT, user: OWNER, password: passwords.owner, database: DATABASE },
    installation,
    log,
  };
}

/** Keeps one server running. Exactly one of its parts starts servers at any time: the watch, until it is told to end. */
class Supervisor implements EmbeddedPostgres {
  readonly connection: Connection;
  readonly version: string;
  readonly #plan: ServerPlan;
  readonly #lock: Disposable;
  readonly #onExit: (exit: UnexpectedExit) => void;
  readonly #stopping = new AbortController();
  readonly #watch: Promise<void>;
  #current: Postmaster;
  #stopped: Promise<void> | undefined;

  constructor(plan: ServerPlan, first: Postmaster, lock: Disposable, onExit: (exit: UnexpectedExit) => void) {
    this.connection = plan.connection;
    this.version = plan.installation.version;
    this.#plan = plan;
    this.#current = first;
    this.#lock = lock;
    this.#onExit = onExit;
    this.#watch = this.#keepRunning();
  }

  get pid(): number {
    return this.#current.pid;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    try {
      await this.#current.stop();
      await this.#watch;
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  async #keepRunning(): Promise<void> {
    let waitMs = 0;
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      const exit = await this.#current.exited;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) waitMs = 0;
      this.#report(`PostgreSQL ended unexpectedly (${exit.signal ?? `exit code ${exit.code}`})`, waitMs);
      waitMs = await this.#restart(waitMs);
    }
  }

  /** Tries until the server runs or we are stopping; returns how long to wait before the next restart. */
  async #restart(firstWaitMs: number): Promise<number> {
    let waitMs = firstWaitMs;
    for (;;) {
      await delay(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return waitMs;
      waitMs = Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, waitMs * 2));
      try {
        this.#current = await startPostmaster(this.#plan, this.#stopping.signal);
        if (this.#stopping.signal.aborted) await this.#current.stop();
        else this.#plan.log.info({ pid: this.#current.pid }, 'PostgreSQL runs again');
        return waitMs;
      } catch (error) {
        if (this.#stopping.signal.aborted) return waitMs;
        this.#report(explain(error, this.#plan.cluster).message, waitMs);
      }
    }
  }

  #report(reason: string, retryInMs: number): void {
    this.#plan.log.error({ retryInMs }, reason);
    this.#onExit({ reason, retryInMs });
  }
}

/** Failures of the file system reach the operator as refusals too, with what to do. */
function explain(error: unknown, dataDir: string): Error {
  if (error instanceof AppError) return error;
  if (isDiskFull(error)) return diskFull(dataDir, error);
  if (
    error instanceof Error &&
    'code' in error &&
    ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(String(error.code))
  ) {
    return postgresErrors.data_dir_unusable(
      `The data directory ${dataDir} can't be used: ${error.message}. Give this user the right to write there, or choose another one.`,
      { cause: error },
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}
