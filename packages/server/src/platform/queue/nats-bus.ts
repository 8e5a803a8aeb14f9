import { setTimeout as pause } from 'node:timers/promises';
import {
  type ConsumerMessages,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Log } from '../log.ts';
import type { Bus, BusListener } from './bus.ts';

const RECONNECT_MS = 500;
/** A signal that nobody has confirmed within this is told by the database instead. */
const CONFIRM_MS = 1_000;
/** For how long the server keeps a signal: for readers that lag, not for those who come later. */
const KEPT_MS = 60_000;
const KEPT_MESSAGES = 10_000;

export type NatsOptions = {
  /** Addresses of one cluster, each `nats://` or `tls://`, with a user and password or a token in them where they ask for one. */
  urls: readonly string[];
  /** What subjects and stream are named by. Installations that share a NATS have one each. */
  prefix: string;
  log: Log;
};

/** A stream of NATS JetStream in the memory of its server. It is never waited for: until it is there, it is not connected. */
export class NatsBus implements Bus {
  readonly #options: NatsOptions;
  readonly #stopped = new AbortController();
  #listener: BusListener = { receive() {}, joined() {} };
  #connection: NatsConnection | null = null;
  #stream: JetStreamClient | null = null;
  #messages: ConsumerMessages | null = null;
  #following: Promise<void> = Promise.resolve();

  constructor(options: NatsOptions) {
    this.#options = options;
  }

  async start(listener: BusListener): Promise<void> {
    this.#listener = listener;
    this.#following = this.#run();
  }

  get connected(): boolean {
    return this.#stream !== null;
  }

  async send(text: string): Promise<void> {
    if (!this.#stream) throw new Error('NATS is away.');
    await this.#stream.publish(this.#subject, text, { timeout: CONFIRM_MS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    this.#lost();
    await this.#connection?.close().catch(() => {});
    await this.#following;
  }

  get #subject(): string {
    return `${this.#options.prefix}.signals`;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    while (!this.#stopped.signal.aborted) {
      try {
        // Once connected, the client keeps itself connected, and says when it was not.
        this.#connection ??= await this.#connect();
        await this.#follow(this.#connection);
      } catch (error) {
        if (!this.#stopped.signal.aborted)
          log.warn({ err: error }, 'NATS is away; signals go by the database until it is back');
        if (this.#connection?.isClosed()) this.#connection = null;
      }
      this.#lost();
      await pause(RECONNECT_MS, null, { signal: this.#stopped.signal }).catch(() => {});
    }
  }

  async #connect(): Promise<NatsConnection> {
    const connection = await connect({
      ...optionsOf(this.#options.urls),
      name: 'assay',
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
    });
    if (this.#stopped.signal.aborted) await connection.close();
    void this.#watch(connection);
    return connection;
  }

  /** A connection that is lost for a moment takes its reader with it: the server may have been another one, with no stream. */
  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) if (type === 'disconnect') this.#lost();
  }

  /** Reads signals until the connection is lost. */
  async #follow(connection: NatsConnection): Promise<void> {
    const name = `${this.#options.prefix}-signals`;
    const manager = await jetstreamManager(connection, { timeout: CONFIRM_MS });
    await manager.streams.add({
      name,
      subjects: [this.#subject],
      storage: StorageType.Memory,
      discard: DiscardPolicy.Old,
      max_age: nanos(KEPT_MS),
      max_msgs: KEPT_MESSAGES,
    });
    const stream = jetstream(connection);
    const consumer = await stream.consumers.get(name, { deliver_policy: DeliverPolicy.New });
    const messages = await consumer.consume();
    this.#messages = messages;
    this.#stream = stream;
    this.#listener.joined();
    for await (const message of messages) this.#listener.receive(message.string());
  }

  #lost(): void {
    this.#stream = null;
    this.#messages?.stop();
    this.#messages = null;
  }
}

/** What addresses say beyond where: who we are, and whether it is said in secret. */
function optionsOf(urls: readonly string[]): Parameters<typeof connect>[0] {
  const parsed = urls.map((url) => new URL(url));
  const [first] = parsed;
  const [user, pass] = [decodeURIComponent(first?.username ?? ''), decodeURIComponent(first?.password ?? '')];
  return {
    servers: parsed.map(({ host }) => host),
    ...(user === '' ? {} : pass === '' ? { token: user } : { user, pass }),
    ...(first?.protocol === 'tls:' ? { tls: {} } : {}),
  };
}
