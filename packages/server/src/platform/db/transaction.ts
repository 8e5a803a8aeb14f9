import type pg from 'pg';
import { runPipeline } from './pipeline.ts';
import { isConnectionLost } from './sql-errors.ts';
import { type Bound, bind, type SqlValue, type Statement, statement } from './statement.ts';

/** What stores write against: it runs statements in the caller's scope, and is dead once that has ended. */
export type Tx = {
  /** Runs a statement and gives its rows. */
  query<Row>(statement: Statement<Row>, values: readonly SqlValue[]): Promise<Row[]>;
  /** Runs two statements in one round trip, in this order, and gives the rows of each. */
  pair<First, Second>(first: Bound<First>, second: Bound<Second>): Promise<[First[], Second[]]>;
  /**
   * Adds a statement whose rows nobody needs: it travels with the next one, or with the commit, without a round
   * trip of its own. A fault in it fails the transaction there.
   */
  defer<Row>(statement: Statement<Row>, values: readonly SqlValue[]): void;
  /** Runs after the commit, in this process; for signals. What must survive a crash is a row instead. */
  onCommit(effect: () => void): void;
};

const begin = statement('tx.begin', 'begin');
const commit = statement('tx.commit', 'commit');
const setOrganization = statement('tx.organization', `select set_config('assay.org_id', $1, true)`);

/** Whose rows a transaction may see: one organization's, or (`null`, on the system handle only) all. */
export type TxScope = { orgId: string | null };

/**
 * A transaction that opens with its first statement and sends everything it can together: the tenant setting rides
 * with the first statement, deferred statements with the commit. One statement and its deferred companions cost two
 * round trips; deferred statements alone cost one.
 */
export class Transaction implements Tx {
  readonly #client: pg.ClientBase;
  readonly #opening: readonly Bound[];
  readonly #effects: (() => void)[] = [];
  #deferred: Bound[] = [];
  #state: 'fresh' | 'open' | 'busy' | 'ended' = 'fresh';

  constructor(client: pg.ClientBase, scope: TxScope) {
    this.#client = client;
    this.#opening = scope.orgId === null ? [] : [bind(setOrganization, [scope.orgId])];
  }

  async query<Row>(of: Statement<Row>, values: readonly SqlValue[]): Promise<Row[]> {
    const rows = await this.#run([bind(of, values)]);
    return (rows.at(-1) ?? []) as Row[];
  }

  async pair<First, Second>(first: Bound<First>, second: Bound<Second>): Promise<[First[], Second[]]> {
    const rows = await this.#run([first, second]);
    return [(rows.at(-2) ?? []) as First[], (rows.at(-1) ?? []) as Second[]];
  }

  defer<Row>(of: Statement<Row>, values: readonly SqlValue[]): void {
    this.#assertAlive();
    this.#deferred.push(bind(of, values));
  }

  onCommit(effect: () => void): void {
    this.#assertAlive();
    this.#effects.push(effect);
  }

  /** Sends what is left and commits. */
  async commit(): Promise<void> {
    this.#assertAlive();
    const wasFresh = this.#state === 'fresh';
    const rest = this.#takeDeferred();
    this.#state = 'ended';
    if (!wasFresh) await runPipeline(this.#client, [...rest, bind(commit, [])]);
    else if (rest.length > 0) await runPipeline(this.#client, [...this.#opening, ...rest]);
  }

  /** Ends the handle without a commit; says whether the connection has a transaction to roll back. */
  abandon(): boolean {
    const opened = this.#state !== 'fresh';
    this.#state = 'ended';
    return opened;
  }

  runEffects(): void {
    for (const effect of this.#effects) effect();
  }

  async #run(wanted: readonly Bound[]): Promise<unknown[][]> {
    this.#assertAlive();
    if (this.#state === 'busy') throw new Error('A transaction runs one statement at a time: await each.');
    const opening = this.#state === 'fresh' ? [bind(begin, []), ...this.#opening] : [];
    const batch = [...opening, ...this.#takeDeferred(), ...wanted];
    this.#state = 'busy';
    const rows = await runPipeline(this.#client, batch);
    if (this.#state === 'busy') this.#state = 'open';
    return rows;
  }

  #takeDeferred(): Bound[] {
    const taken = this.#deferred;
    this.#deferred = [];
    return taken;
  }

  #assertAlive(): void {
    if (this.#state === 'ended') throw new Error('This transaction has ended: its handle must not outlive it.');
  }
}

/**
 * A handle whose statements stand alone: each is a transaction of its own with the tenant setting in front, in one
 * round trip. For reads, and for acts that are one statement. Two statements may see different moments.
 */
export class StatementHandle implements Tx {
  readonly #acquire: () => Promise<pg.PoolClient>;
  readonly #opening: readonly Bound[];
  #ended = false;

  constructor(acquire: () => Promise<pg.PoolClient>, scope: TxScope) {
    this.#acquire = acquire;
    this.#opening = scope.orgId === null ? [] : [bind(setOrganization, [scope.orgId])];
  }

  async query<Row>(of: Statement<Row>, values: readonly SqlValue[]): Promise<Row[]> {
    if (this.#ended) throw new Error('This handle has ended: it must not outlive its work.');
    const client = await this.#acquire();
    let isLost = false;
    try {
      const rows = await runPipeline(client, [...this.#opening, bind(of, values)]);
      return (rows[rows.length - 1] ?? []) as Row[];
    } catch (thrown) {
      isLost = isConnectionLost(thrown);
      throw thrown;
    } finally {
      client.release(isLost);
    }
  }

  async pair(): Promise<never> {
    throw new Error('Statements stand alone here: two are two transactions.');
  }

  defer(): void {
    throw new Error('Statements stand alone here: there is nothing to defer to.');
  }

  onCommit(): void {
    throw new Error('Statements stand alone here: there is no commit to follow.');
  }

  end(): void {
    this.#ended = true;
  }
}
