import pg from 'pg';
import { AppError } from '../../kernel/errors.ts';
import { abandon } from './client.ts';
import { columnTypes } from './column-types.ts';
import { type ConstraintErrors, fromSqlError, isConnectionLost, mayRunAgain } from './sql-errors.ts';
import { StatementHandle, Transaction, type Tx, type TxScope } from './transaction.ts';

/** Where PostgreSQL is, as the driver wants it. */
export type DatabaseAddress =
  | { connectionString: string }
  | {
      host: string;
      port: number;
      user: string;
      password: string;
      database: string;
    };

export type DatabaseOptions = {
  address: DatabaseAddress;
  /** Role that every connection takes on: `assay_app` sees one organization at a time, `assay_system` all. */
  role: string | null;
  /** Whether its statements reach rows by their keys only, whatever the planner believes of the size of a table. */
  isKeyed: boolean;
  maxConnections: number;
  /** Callers that may wait for a connection; more of them are turned away at once. Left out, all of them wait. */
  maxWaiting?: number;
  applicationName: string;
  constraints: ConstraintErrors;
  onConnectionError: (error: Error) => void;
  /** Longest a statement may run, milliseconds: past it a caller has long gone, and it holds locks. */
  statementTimeoutMs: number;
};

/** Two clashes of random keys in a row are rare; three say that they are not random. */
const MOST_RUNS = 3;

const cannotRollBack = (client: pg.PoolClient): Promise<boolean> =>
  client.query('rollback').then(
    () => false,
    () => true,
  );

/*
 * A plan is made once for a connection, often when its tables are empty, and kept until they are analyzed: a join that
 * reads the whole of a table is quick then, and slow for the thousands of rows of a busy minute.
 */
const KEYED = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off';

const overloaded = (): AppError =>
  new AppError(
    'unavailable',
    'database.overloaded',
    'More is asked at once than the database can take. Nothing was changed; try again shortly.',
    { retryAfterMs: 1_000 },
  );

/** How much longer than the server's own limit an answer is waited for. */
const NETWORK_MS = 2_000;

/** A pool of connections in one role. */
export class Database implements AsyncDisposable {
  readonly #pool: pg.Pool;
  readonly #constraints: ConstraintErrors;
  readonly #maxWaiting: number;
  /** Connections from before the last time that they were found to be dead. */
  readonly #distrusted = new WeakSet<pg.PoolClient>();
  readonly #open = new Set<pg.PoolClient>();

  constructor(options: DatabaseOptions) {
    this.#constraints = options.constraints;
    this.#maxWaiting = options.maxWaiting ?? Number.POSITIVE_INFINITY;
    this.#pool = new pg.Pool({
      ...options.address,
      max: options.maxConnections,
      application_name: options.applicationName,
      types: columnTypes,
      statement_timeout: options.statementTimeoutMs,
      // For answers that a broken network swallows: the server would have given up before.
      query_timeout: options.statementTimeoutMs + NETWORK_MS,
      idle_in_transaction_session_timeout: options.statementTimeoutMs,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      options: [
        ...(options.role === null ? [] : [`-c role=${options.role}`]),
        ...(options.isKeyed ? [KEYED] : []),
      ].join(' '),
    });
    // A connection in use has no listener but this one, and an error that nobody hears ends the process.
    this.#pool.on('connect', (client) => {
      client.on('error', options.onConnectionError);
      this.#open.add(client);
    });
    this.#pool.on('remove', (client) => this.#open.delete(client));
    this.#pool.on('error', () => {});
  }

  /**
   * Runs `work` in a transaction and commits it, or rolls it back when it throws. A key made at random that is taken
   * has it run again.
   * @throws AppError `unavailable` when the database can't be reached or too many wait for it, what a named constraint stands for when it
   *   was violated, and whatever `work` threw
   */
  async transaction<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result> {
    for (let run = 1; ; run++) {
      try {
        return await this.#runOnce(scope, work);
      } catch (thrown) {
        if (run === MOST_RUNS || !mayRunAgain(thrown, this.#constraints)) throw fromSqlError(thrown, this.#constraints);
      }
    }
  }

  async #runOnce<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result> {
    const client = await this.#connect();
    const tx = new Transaction(client, scope);
    let broken = false;
    try {
      const result = await work(tx);
      await tx.commit();
      tx.runEffects();
      return result;
    } catch (thrown) {
      // A connection that does not answer would not answer the rollback either.
      if (tx.abandon()) broken = isConnectionLost(thrown) || (await cannotRollBack(client));
      throw thrown;
    } finally {
      client.release(broken);
    }
  }

  /** Runs `work` with a handle whose statements stand alone, each committed by itself. */
  async statements<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result> {
    const handle = new StatementHandle(() => this.#connect(), scope);
    try {
      return await work(handle);
    } catch (thrown) {
      throw fromSqlError(thrown, this.#constraints);
    } finally {
      handle.end();
    }
  }

  /** Connections in use, idle, and callers waiting for one. */
  get load(): { total: number; idle: number; waiting: number } {
    return { total: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  /**
   * Gives nobody a connection any more that is open now: a network that swallows everything closes none, and each would cost
   * a caller its whole patience.
   */
  distrust(): void {
    for (const client of this.#open) this.#distrusted.add(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    if (this.#pool.waitingCount >= this.#maxWaiting) throw overloaded();
    try {
      for (;;) {
        const client = await this.#pool.connect();
        if (!this.#distrusted.has(client)) return client;
        client.release(true);
        abandon(client);
      }
    } catch (error) {
      throw fromSqlError(error, this.#constraints);
    }
  }
}
