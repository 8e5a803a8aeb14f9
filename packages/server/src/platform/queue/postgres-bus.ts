import { abandon, type Client, type DatabaseAddress, newClient, statement, type Tx } from '../db/index.ts';
import type { Log } from '../log.ts';
import type { Bus, BusListener } from './bus.ts';

const CHANNEL = 'assay_wake';
const notify = statement('wakeups.notify', 'select pg_notify($1, $2)');
const NOTIFY = { name: 'wake', text: 'select pg_notify($1, $2)' };
const RECONNECT_MS = 500;

/** How often the database is asked for a sign of life on the connection that signals come by. */
const BEAT_MS = 1_000;
/**
 * For how long after a sign of life signals count as arriving. A network that swallows everything closes no connection:
 * this is the longest that a process behind one believes what it remembers.
 */
export const SILENCE_MS = 5_000;

const BEAT = { name: 'beat', text: 'select 1' };

/** LISTEN and NOTIFY, on a connection of its own. */
export class PostgresBus implements Bus {
  readonly #address: DatabaseAddress;
  readonly #log: Log;
  #listener: BusListener = { receive() {}, joined() {} };
  #client: Client | null = null;
  /** When the last question that was answered was asked: what was signalled before that has arrived. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #beat: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #stopped = false;
  readonly #onSilence: () => void;

  /** @param onSilence called when the other side is found to answer nothing any more, on a connection that nobody closed */
  constructor(address: DatabaseAddress, log: Log, onSilence: () => void) {
    this.#address = address;
    this.#log = log;
    this.#onSilence = onSilence;
  }

  async start(listener: BusListener): Promise<void> {
    this.#listener = listener;
    await this.#connect();
  }

  get connected(): boolean {
    return this.#client !== null && performance.now() - this.#heardAt < SILENCE_MS;
  }

  async send(text: string): Promise<void> {
    if (!this.#client) throw new Error('The database is away.');
    await this.#client.query({ ...NOTIFY, values: [CHANNEL, text] });
  }

  /** Sends with the commit of a transaction, or not at all. */
  sendWith(tx: Tx, text: string): void {
    tx.defer(notify, [CHANNEL, text]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#beat) clearTimeout(this.#beat);
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = newClient(this.#address, 'assay-wakeups');
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ payload }) => this.#listener.receive(payload ?? ''));
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
    this.#listener.joined();
  }

  /** Asks for signs of life, one after the other; a connection that stays silent is given up. */
  #beatOn(client: Client): void {
    if (this.#beat) clearTimeout(this.#beat);
    this.#beat = setTimeout(() => {
      if (this.#client !== client) return;
      const askedAt = performance.now();
      const silent = setTimeout(() => {
        abandon(client);
        this.#onSilence();
      }, SILENCE_MS);
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
