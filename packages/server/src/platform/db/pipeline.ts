/// <reference path="./pg-internals.d.ts" />
import type pg from 'pg';
import pgUtils from 'pg/lib/utils.js';
import { columnTypes } from './column-types.ts';
import type { Bound } from './statement.ts';

/*
 * Several prepared statements in one round trip.
 *
 * pg sends a Sync after each query, so a transaction of four statements costs four round trips. Here they go out
 * together with a single Sync behind the last. Without a BEGIN among them PostgreSQL runs them as one implicit
 * transaction (protocol documentation, "Pipelining"): all commit at the Sync, or none.
 *
 * Measured in bench/api: a governed write is one round trip instead of five.
 */

type FieldDescription = { name: string; dataTypeID: number };
type Connection = {
  stream: { cork(): void; uncork(): void };
  parse(query: { name: string; text: string }): void;
  bind(config: { statement: string; values: readonly (string | Buffer | null)[] }): void;
  describe(target: { type: 'P'; name: string }): void;
  execute(portal: { portal: string }): void;
  close(target: { type: 'S'; name: string }): void;
  sync(): void;
};
type Column = { name: string; parse: (text: string) => unknown };

/** Which statements a connection has: `ready` for sure, `doubtful` after an error that may have come before or after the parse. */
type Prepared = { ready: Set<string>; doubtful: Set<string> };
const preparedOn = new WeakMap<Connection, Prepared>();

/** Result columns by statement name: the same on every connection, so a statement is described once per process. */
const columnsOf = new Map<string, Column[]>();

const NO_COLUMNS: Column[] = [];

export type PipelineRows = Record<string, unknown>[][];

/** A statement with its values in the form that travels. */
type Sendable = { statement: Bound['statement']; values: readonly (string | Buffer | null)[] };

/** A batch of statements as node-postgres runs a query: it calls these methods as the answer arrives. */
class Pipeline {
  readonly #batch: readonly Sendable[];
  readonly #settle: (error: unknown, rows: PipelineRows) => void;
  readonly #rows: PipelineRows = [];
  readonly #parsed: string[] = [];
  #current: Record<string, unknown>[] = [];
  #columns: Column[] | undefined;
  #failure: unknown;
  /** node-postgres wraps this to time a query out. */
  callback: ((error: unknown) => void) | undefined;

  constructor(batch: readonly Sendable[], settle: (error: unknown, rows: PipelineRows) => void) {
    this.#batch = batch;
    this.#settle = settle;
  }

  submit(connection: Connection): Error | null {
    let prepared = preparedOn.get(connection);
    if (!prepared) {
      prepared = { ready: new Set(), doubtful: new Set() };
      preparedOn.set(connection, prepared);
    }
    connection.stream.cork();
    try {
      for (const bound of this.#batch) this.#send(connection, prepared, bound);
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
    return null;
  }

  #send(connection: Connection, prepared: Prepared, { statement, values }: Sendable): void {
    const { name, text } = statement;
    if (!prepared.ready.has(name)) {
      if (prepared.doubtful.has(name)) connection.close({ type: 'S', name });
      connection.parse({ name, text });
      prepared.ready.add(name);
      this.#parsed.push(name);
    }
    connection.bind({ statement: name, values });
    if (!columnsOf.has(name)) connection.describe({ type: 'P', name: '' });
    connection.execute({ portal: '' });
  }

  handleRowDescription(message: { fields: FieldDescription[] }): void {
    this.#columns = message.fields.map((field) => ({
      name: field.name,
      parse: columnTypes.getTypeParser(field.dataTypeID, 'text') as (text: string) => unknown,
    }));
    this.#remember(this.#columns);
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    if (this.#failure !== undefined) return;
    const columns = this.#columns ?? columnsOf.get(this.#name()) ?? NO_COLUMNS;
    const row: Record<string, unknown> = {};
    try {
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index] as Column;
        const text = message.fields[index];
        row[column.name] = text === null || text === undefined ? null : column.parse(text);
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#current.push(row);
  }

  handleCommandComplete(): void {
    if (!columnsOf.has(this.#name())) this.#remember(this.#columns ?? NO_COLUMNS);
    this.#rows.push(this.#current);
    this.#current = [];
    this.#columns = undefined;
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete();
  }

  handlePortalSuspended(): void {
    this.#failure ??= new Error('A portal was suspended, though no row limit was set.');
  }

  handleCopyInResponse(): void {
    this.#failure ??= new Error('COPY is not a statement for a pipeline.');
  }

  handleCopyData(): void {}

  handleError(error: unknown, connection: Connection): void {
    const prepared = preparedOn.get(connection);
    if (prepared) {
      for (const name of this.#parsed) {
        prepared.ready.delete(name);
        prepared.doubtful.add(name);
      }
    }
    this.#finish(error);
  }

  handleReadyForQuery(connection: Connection): void {
    const prepared = preparedOn.get(connection);
    for (const name of this.#parsed) prepared?.doubtful.delete(name);
    this.#finish(this.#failure);
  }

  #finish(error: unknown): void {
    if (this.callback) this.callback(error ?? null);
    this.#settle(error, this.#rows);
  }

  #name(): string {
    return this.#batch[this.#rows.length]?.statement.name ?? '';
  }

  #remember(columns: Column[]): void {
    columnsOf.set(this.#name(), columns);
  }
}

/**
 * Runs a batch on a connection in one round trip.
 * @returns the rows of each statement, in order
 * @throws the driver's error of the first statement that failed; none of them has then had an effect, unless an
 *   explicit transaction is open, which is then aborted
 */
export function runPipeline(client: pg.ClientBase, batch: readonly Bound[]): Promise<PipelineRows> {
  return new Promise((resolve, reject) => {
    // Before anything is sent: the Sync behind half a batch would commit that half.
    const sendable = batch.map(({ statement, values }) => ({
      statement,
      values: values.map((value) => pgUtils.prepareValue(value)),
    }));
    const pipeline = new Pipeline(sendable, (error, rows) => (error ? reject(error) : resolve(rows)));
    client.query(pipeline as unknown as pg.Submittable);
  });
}
