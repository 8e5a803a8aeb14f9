import { randomUUID } from 'node:crypto';
import { type Client, type DatabaseAddress, newClient, statement, type Tx } from '../db/index.ts';
import type { Log } from '../log.ts';

/*
 * "There may be something new": signals between processes, without data.
 *
 * Inside this process a signal is a function call. To the others goes one NOTIFY for all topics raised within 5 ms,
 * from a connection of its own and never inside a transaction that does work: a notifying commit takes a
 * database-wide lock over its fsync (architecture.md section 4: 2,800 against 9,600 commits/s). A lost signal costs
 * one slow poll, so every listener also polls.
 */

const CHANNEL = 'assay_wake';
const notify = statement('wakeups.notify', 'select pg_notify($1, $2)');
const COALESCE_MS = 5;
const RECONNECT_MS = 500;
const MAX_PAYLOAD_BYTES = 7_900;

/** How often the database is asked for a sign of life on the connection that signals come by. */
const BEAT_MS = 1_000;
/**
 * For how long after a sign of life signals count as arriving. A network that swallows everything closes no connection:
 * this is the longest that a process behind one believes what it remembers.
 */
export const SILENCE_MS = 5_000;

const BEAT = { name: 'beat', text: 'select 1' };

type Listener = (argument: string) => void;

/** Closes a connection without a word to the other side, who does not answer any more. */
const abandon = (client: Client): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();

export class Wakeups implements AsyncDisposable {
  readonly #address: DatabaseAddress;
  readonly #log: Log;
  readonly #self = randomUUID().slice(0, 8);
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #dirty = new Set<string>();
  #client: Client | null = null;
  /** When the last question that was answered was asked: what was signalled before that has arrived. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #beat: NodeJS.Timeout | null = null;
  #timer: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #sending = false;
  #stopped = false;

  constructor(address: DatabaseAddress, log: Log) {
    this.#address = address;
    this.#log = log.child({ subsystem: 'wakeups' });
  }

  /** Connects; from then on it keeps itself connected. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** Whether signals of other processes arrive right now. Caches that depend on them must not be trusted while false. */
  get connected(): boolean {
    return this.#client !== null && performance.now() - this.#heardAt < SILENCE_MS;
  }

  /** Calls `listener` when `topic` is raised here or elsewhere, and after every gap in which a signal may have been lost. */
  on(topic: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Raises a topic: listeners here at once, other processes within a few milliseconds. */
  raise(topic: string, argument = ''): void {
    this.#deliver(topic, argument);
    this.#dirty.add(argument === '' ? topic : `${topic}=${argument}`);
    this.#flushWithin(COALESCE_MS);
  }

  /**
   * Raises a topic with the commit of a transaction: other processes hear of it or the act did not happen. For acts
   * that are rare; the notification makes their commits wait for each other.
   */
  raiseWith(tx: Tx, topic: string): void {
    tx.defer(notify, [CHANNEL, `${this.#self}\n${topic}`]);
    tx.onCommit(() => this.#deliver(topic, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#beat) clearTimeout(this.#beat);
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  #deliver(topic: string, argument: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(argument);
  }

  #flushWithin(ms: number): void {
    if (this.#dirty.size > 0 && !this.#stopped) this.#timer ??= setTimeout(() => void this.#flush(), ms);
  }

  async #flush(): Promise<void> {
    this.#timer = null;
    if (!this.#client || this.#sending || this.#dirty.size === 0) return;
    const raised = [...this.#dirty];
    const text = raised.join('\n');
    this.#dirty.clear();
    this.#sending = true;
    try {
      await this.#client.query({
        name: 'wake',
        text: 'select pg_notify($1, $2)',
        // Too much to say in one notification: an empty list means "anything may have changed".
        values: [CHANNEL, `${this.#self}\n${text.length > MAX_PAYLOAD_BYTES ? '' : text}`],
      });
      this.#sending = false;
      this.#flushWithin(COALESCE_MS);
    } catch {
      // The connection is going. The others have not lost theirs: they are told when this one is back.
      for (const topic of raised) this.#dirty.add(topic);
      this.#sending = false;
      this.#flushWithin(RECONNECT_MS);
    }
  }

  async #connect(): Promise<void> {
    const client = newClient(this.#address, 'assay-wakeups');
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
    await client.connect();
    const askedAt = performance.now();
    await client.query(`listen ${CHANNEL}`);
    if (this.#stopped) {
      await client.end();
      return;
    }
    this.#client = client;
    this.#heardAt = askedAt;
    this.#beatOn(client);
    this.#deliverAll();
    this.#flushWithin(COALESCE_MS);
  }

  /** Asks for signs of life, one after the other; a connection that stays silent is given up. */
  #beatOn(client: Client): void {
    if (this.#beat) clearTimeout(this.#beat);
    this.#beat = setTimeout(() => {
      if (this.#client !== client) return;
      const askedAt = performance.now();
      const silent = setTimeout(() => abandon(client), SILENCE_MS);
      client
        .query(BEAT)
        .then(() => {
          this.#heardAt = askedAt;
          if (this.#client === client) this.#beatOn(client);
        })
        .catch(() => this.#lost(client))
        .finally(() => clearTimeout(silent));
    }, BEAT_MS).unref();
  }

  #receive(payload: string): void {
    const [sender, ...topics] = payload.split('\n');
    if (sender === this.#self) return;
    if (topics.length === 1 && topics[0] === '') {
      this.#deliverAll();
      return;
    }
    for (const raised of topics) {
      const split = raised.indexOf('=');
      if (split < 0) this.#deliver(raised, '');
      else this.#deliver(raised.slice(0, split), raised.slice(split + 1));
    }
  }

  #deliverAll(): void {
    for (const topic of this.#listeners.keys()) this.#deliver(topic, '');
  }

  #lost(client: Client): void {
    if (this.#stopped || this.#retry || (this.#client !== null && this.#client !== client)) return;
    this.#client = null;
    this.#log.warn('signals from other processes are interrupted; polling until the database is back');
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#connect().catch(() => this.#lost(client));
    }, RECONNECT_MS);
  }
}
