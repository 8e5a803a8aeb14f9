import type { Tx, TxScope } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import { eventErrors } from './errors.ts';
import {
  type EventFilter,
  formatPosition,
  isAfter,
  matches,
  type Position,
  parsePosition,
  type StreamedEvent,
} from './model.ts';
import { eventsAfter, newestPosition, organizationEventsAfter } from './store.ts';

export type EventFeedOptions = {
  systemRead<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  read<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Calls back when events may have been committed, here or elsewhere. */
  onWake(listener: () => void): () => void;
  /** Sees every event of every organization once, as this process reads it. */
  onEvent?(event: StreamedEvent): void;
  log: Log;
};

/** A stream, and the position at which it begins: resuming there loses nothing, even before the first event. */
export type Subscription = AsyncIterable<StreamedEvent> & { readonly start: string };

export type Subscribe = {
  orgId: string;
  filter: EventFilter;
  /** Replay what came after this position; null: only what comes from now on. */
  after: string | null;
  signal: AbortSignal;
};

const POLL_MS = 250;
/** After a signal, rows may still hide behind an older running transaction: look again soon. */
const SETTLE_MS = 15;
/** Between two looks: at a thousand acts a second, one look for every five. */
const LEAST_MS = 5;
const PAGE = 500;
/** Events a consumer may lag behind in memory. One that is slower is cut off, and resumes from the database. */
const BACKLOG = 5_000;

type Subscriber = { orgId: string; filter: EventFilter; push(event: StreamedEvent, position: Position): void };

/**
 * One reader of the outbox per process, fanned out to its streams. A stream first replays from the database up to
 * where the reader stands, then takes what the reader delivers: no gap, no double.
 */
export class EventFeed implements AsyncDisposable {
  readonly #options: EventFeedOptions;
  readonly #subscribers = new Set<Subscriber>();
  #position: Position = { xid: 0n, id: 0n };
  #timer: NodeJS.Timeout | null = null;
  #next: NodeJS.Timeout | null = null;
  #reading: Promise<void> | null = null;
  #readAt = 0;
  #looksLeft = 0;
  #unlisten: () => void = () => {};
  #stopped = false;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** Starts reading from now on. */
  async start(): Promise<void> {
    this.#position = await this.#options.systemRead(newestPosition);
    this.#timer = setInterval(() => this.#wake(), POLL_MS);
    this.#unlisten = this.#options.onWake(() => this.#wake());
  }

  /** @throws AppError `invalid` when `after` is not a position */
  subscribe(wanted: Subscribe): Subscription {
    const from = wanted.after === null ? this.#position : parsePosition(wanted.after);
    if (!from)
      throw eventErrors.position_invalid(
        'This is not an event id of ours. Use the id of the last event you saw, or leave it out.',
      );
    const queue = new LiveQueue();
    const subscriber: Subscriber = { ...wanted, push: (event, position) => queue.push(event, position) };
    this.#subscribers.add(subscriber);
    const unsubscribe = (): void => void this.#subscribers.delete(subscriber);
    // Also when nobody ever reads the stream.
    wanted.signal.addEventListener('abort', unsubscribe, { once: true });
    const stream = this.#stream(wanted, from, this.#position, queue, unsubscribe);
    return Object.assign(stream, { start: formatPosition(from) });
  }

  get streams(): number {
    return this.#subscribers.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    if (this.#timer) clearInterval(this.#timer);
    if (this.#next) clearTimeout(this.#next);
    await this.#reading;
  }

  async *#stream(
    wanted: Subscribe,
    from: Position,
    to: Position,
    queue: LiveQueue,
    unsubscribe: () => void,
  ): AsyncGenerator<StreamedEvent> {
    try {
      let last = from;
      while (isAfter(to, last) && !wanted.signal.aborted) {
        const page = await this.#options.read({ orgId: wanted.orgId }, (tx) =>
          organizationEventsAfter(tx, { orgId: wanted.orgId, after: last, filter: wanted.filter, limit: PAGE }),
        );
        for (const event of page) {
          last = parsePosition(event.position) as Position;
          if (matches(wanted.filter, event)) yield event;
        }
        if (page.length < PAGE) break;
      }
      for await (const { event, position } of queue.drain(wanted.signal)) if (isAfter(position, last)) yield event;
    } finally {
      unsubscribe();
    }
  }

  /** Reads now and again shortly after, but no more often than every few milliseconds: a busy queue signals at each act. */
  #wake(): void {
    if (this.#stopped) return;
    this.#looksLeft = 2;
    if (this.#reading === null) this.#schedule(Math.max(0, this.#readAt + LEAST_MS - performance.now()));
  }

  #schedule(inMs: number): void {
    this.#next ??= setTimeout(() => {
      this.#next = null;
      this.#reading ??= this.#read();
    }, inMs);
  }

  async #read(): Promise<void> {
    this.#looksLeft -= 1;
    try {
      const events = await this.#options.systemRead((tx) => eventsAfter(tx, this.#position, PAGE));
      for (const event of events) this.#deliver(event);
      if (events.length === PAGE) this.#looksLeft = 2;
    } catch (error) {
      if (!this.#stopped)
        this.#options.log.warn({ err: error }, 'reading events failed; trying again at the next poll');
    } finally {
      this.#readAt = performance.now();
      this.#reading = null;
    }
    if (this.#stopped || this.#looksLeft <= 0) return;
    // The last look of a series waits for what an older transaction may still hide.
    this.#schedule(this.#looksLeft === 1 ? SETTLE_MS : LEAST_MS);
  }

  #deliver(event: StreamedEvent): void {
    const position = parsePosition(event.position) as Position;
    this.#position = position;
    this.#options.onEvent?.(event);
    for (const subscriber of this.#subscribers) {
      if (subscriber.orgId === event.orgId && matches(subscriber.filter, event)) subscriber.push(event, position);
    }
  }
}

type Delivered = { event: StreamedEvent; position: Position };

/** Holds what was delivered until the stream takes it; bounded. */
class LiveQueue {
  #items: Delivered[] = [];
  #overflowed = false;
  #notify: () => void = () => {};

  push(event: StreamedEvent, position: Position): void {
    // Once something was left out, nothing behind it may be delivered: the stream ends there and resumes there.
    this.#overflowed ||= this.#items.length >= BACKLOG;
    if (!this.#overflowed) this.#items.push({ event, position });
    this.#notify();
  }

  async *drain(signal: AbortSignal): AsyncGenerator<Delivered> {
    const wakeOnAbort = (): void => this.#notify();
    signal.addEventListener('abort', wakeOnAbort);
    try {
      while (!signal.aborted) {
        const taken = this.#items;
        this.#items = [];
        yield* taken;
        if (this.#items.length > 0) continue;
        if (this.#overflowed)
          throw eventErrors.slow_consumer(
            'The stream was read too slowly and is cut. Resume after the last id you saw.',
          );
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          this.#notify = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', wakeOnAbort);
    }
  }
}
