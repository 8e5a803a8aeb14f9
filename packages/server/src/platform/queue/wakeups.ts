import { randomUUID } from 'node:crypto';
import type { DatabaseAddress, Tx } from '../db/index.ts';
import type { Log } from '../log.ts';
import type { Bus } from './bus.ts';
import { PostgresBus } from './postgres-bus.ts';

/*
 * "There may be something new": signals between processes, without data.
 *
 * Inside this process a signal is a function call. To the others goes one text for all topics raised within 5 ms: over
 * NATS where that is configured and there, else as a NOTIFY from a connection of its own. Never as one inside a transaction
 * that does work: a notifying commit takes a database-wide lock over its fsync (architecture.md section 4: 2,800 against
 * 9,600 commits/s). A lost signal costs one slow poll, so every listener also polls. What must be heard with a commit goes
 * by the database alone.
 */

const COALESCE_MS = 5;
const RETRY_MS = 500;
const MAX_PAYLOAD_BYTES = 7_900;

type Listener = (argument: string) => void;

export class Wakeups implements AsyncDisposable {
  readonly #database: PostgresBus;
  readonly #relay: Bus | null;
  readonly #self = randomUUID().slice(0, 8);
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #sending = false;
  #stopped = false;
  /** Called when the database answers nothing any more although nobody closed the connection: others are as dead. */
  onSilence: () => void = () => {};

  /** @param relay what carries signals as long as it is there; the database when it is null */
  constructor(address: DatabaseAddress, log: Log, relay: Bus | null = null) {
    this.#database = new PostgresBus(address, log.child({ subsystem: 'wakeups' }), () => this.onSilence());
    this.#relay = relay;
  }

  /** Connects; from then on it keeps itself connected. */
  async start(): Promise<void> {
    const listener = { receive: (text: string) => this.#receive(text), joined: () => this.#joined() };
    await this.#database.start(listener);
    await this.#relay?.start(listener);
  }

  /** Whether signals raised with acts elsewhere arrive right now. Caches that depend on them must not be trusted while false. */
  get connected(): boolean {
    return this.#database.connected;
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
    this.#database.sendWith(tx, `${this.#self}\n${topic}`);
    tx.onCommit(() => this.#deliver(topic, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#relay?.[Symbol.asyncDispose]();
    await this.#database[Symbol.asyncDispose]();
  }

  #deliver(topic: string, argument: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(argument);
  }

  #flushWithin(ms: number): void {
    if (this.#dirty.size > 0 && !this.#stopped) this.#timer ??= setTimeout(() => void this.#flush(), ms);
  }

  async #flush(): Promise<void> {
    this.#timer = null;
    if (this.#sending || this.#dirty.size === 0) return;
    const raised = [...this.#dirty];
    const text = raised.join('\n');
    this.#dirty.clear();
    this.#sending = true;
    try {
      // Too much to say in one text: an empty list means "anything may have changed".
      await this.#send(`${this.#self}\n${text.length > MAX_PAYLOAD_BYTES ? '' : text}`);
      this.#sending = false;
      this.#flushWithin(COALESCE_MS);
    } catch {
      // The connection is going. The others have not lost theirs: they are told when this one is back.
      for (const topic of raised) this.#dirty.add(topic);
      this.#sending = false;
      this.#flushWithin(RETRY_MS);
    }
  }

  async #send(text: string): Promise<void> {
    if (this.#relay?.connected) {
      try {
        return await this.#relay.send(text);
      } catch {
        // Whoever listens, listens to the database as well.
      }
    }
    await this.#database.send(text);
  }

  #joined(): void {
    this.#deliverAll();
    this.#flushWithin(COALESCE_MS);
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
}
