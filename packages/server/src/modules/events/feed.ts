import { setImmediate as immediate } from 'node:timers/promises';
import type { Tx, TxScope } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import { eventErrors } from './errors.ts';
import { type Delivered, LiveQueue } from './live-queue.ts';
import {
  BEGINNING,
  type EventBatch,
  type EventFilter,
  formatPosition,
  isAfter,
  matches,
  type Position,
  parsePosition,
  type StreamedEvent,
} from './model.ts';
import { eventsAfter, newestPosition, organizationEventsAfter, readBounds } from './store.ts';

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
export type Subscription = AsyncIterable<EventBatch> & { readonly start: string };

export type Subscribe = {
  orgId: string;
  filter: EventFilter;
  /** Replay what came after this position, `0-0` being the beginning of what is kept; null: only what comes from now on. */
  after: string | null;
  signal: AbortSignal;
};

const POLL_MS = 250;
/** After a signal, rows may still hide behind an older running transaction: look again at once, and once more a little later. */
const LOOKS = 3;
const SETTLE_MS = 15;
/** Between two looks: at a thousand acts a second, one look for every five. */
const LEAST_MS = 5;
/** However long it takes to hand events to all streams, the next ones wait no longer than this. */
const MOST_MS = 25;
const PAGE = 500;
/**
 * How often a stream without events is told where it stands: who follows something that seldom happens resumes from there,
 * and is not too late after a retention.
 */
const IDLE_MS = 15_000;

type Subscriber = { filter: EventFilter; queue: LiveQueue };

/**
 * One reader of the outbox per process, fanned out to its streams. A stream first replays from the database up to
 * where the reader stands, then takes what the reader delivers: no gap, no double.
 */
export class EventFeed implements AsyncDisposable {
  readonly #options: EventFeedOptions;
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  #position: Position = BEGINNING;
  #idle: NodeJS.Timeout | null = null;
  #timer: NodeJS.Timeout | null = null;
  #next: NodeJS.Timeout | null = null;
  #reading: Promise<void> | null = null;
  #readAt = 0;
  #restMs = LEAST_MS;
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
    this.#idle = setInterval(() => this.#tellWhere(), IDLE_MS);
    this.#unlisten = this.#options.onWake(() => this.#wake());
  }

  /**
   * @throws AppError `event.position_invalid` when `after` is no position, `event.position_gone` when events behind it are
   *   not kept any more
   */
  async subscribe(wanted: Subscribe): Promise<Subscription> {
    const after = wanted.after === null ? null : parsePosition(wanted.after);
    if (wanted.after !== null && !after)
      throw eventErrors.position_invalid(
        'This is not an event id of ours. Use the id of the last event you saw, or leave it out.',
      );
    if (after) assertKept(after, await this.#options.systemRead(readBounds));
    const from = after ?? this.#position;
    const subscriber = { filter: wanted.filter, queue: new LiveQueue() };
    const subscribers = this.#subscribers.get(wanted.orgId) ?? new Set();
    this.#subscribers.set(wanted.orgId, subscribers.add(subscriber));
    const unsubscribe = (): void => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#subscribers.get(wanted.orgId) === subscribers)
        this.#subscribers.delete(wanted.orgId);
    };
    // Also when nobody ever reads the stream.
    if (wanted.signal.aborted) unsubscribe();
    wanted.signal.addEventListener('abort', unsubscribe, { once: true });
    const stream = this.#stream(wanted, { from, to: this.#position, queue: subscriber.queue, unsubscribe });
    return Object.assign(stream, { start: formatPosition(from) });
  }

  get streams(): number {
    return this.#subscribers.values().reduce((sum, { size }) => sum + size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    if (this.#timer) clearInterval(this.#timer);
    if (this.#idle) clearInterval(this.#idle);
    if (this.#next) clearTimeout(this.#next);
    await this.#reading;
  }

  async *#stream(
    wanted: Subscribe,
    { from, to, queue, unsubscribe }: { from: Position; to: Position; queue: LiveQueue; unsubscribe(): void },
  ): AsyncGenerator<EventBatch> {
    try {
      let last = from;
      for await (const batch of this.#replay(wanted, from, to)) {
        last = parsePosition(batch.position) as Position;
        yield batch;
      }
      for await (const delivered of queue.drain(wanted.signal)) {
        const events = delivered.filter(({ position }) => isAfter(position, last)).map(({ event }) => event);
        if (delivered.length > 0 && events.length === 0) continue;
        const stands = delivered.at(-1)?.position ?? this.#position;
        if (isAfter(stands, last)) last = stands;
        yield { events, position: formatPosition(last) };
      }
    } finally {
      unsubscribe();
    }
  }

  /** What is kept between two positions, by pages. */
  async *#replay({ orgId, filter, signal }: Subscribe, from: Position, to: Position): AsyncGenerator<EventBatch> {
    let last = from;
    while (isAfter(to, last) && !signal.aborted) {
      const { page, bounds } = await this.#options.read({ orgId }, async (tx) => ({
        page: await organizationEventsAfter(tx, { orgId, after: last, filter, limit: PAGE }),
        // Read behind the page: a retention that ran meanwhile may have taken some of it.
        bounds: await readBounds(tx),
      }));
      assertKept(last, bounds);
      const end = page.at(-1);
      if (!end) return;
      last = parsePosition(end.position) as Position;
      yield { events: page.filter((event) => matches(filter, event)), position: end.position };
      if (page.length < PAGE) return;
    }
  }

  #tellWhere(): void {
    for (const subscribers of this.#subscribers.values()) for (const { queue } of subscribers) queue.tick();
  }

  /** Reads now and again shortly after, but no more often than every few milliseconds: a busy queue signals at each act. */
  #wake(): void {
    if (this.#stopped) return;
    this.#looksLeft = LOOKS;
    if (this.#reading === null) this.#schedule(Math.max(0, this.#readAt + this.#restMs - performance.now()));
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
      if (events.length > 0) await this.#deliver(events);
      if (events.length === PAGE) this.#looksLeft = LOOKS;
    } catch (error) {
      if (!this.#stopped)
        this.#options.log.warn({ err: error }, 'reading events failed; trying again at the next poll');
    } finally {
      this.#readAt = performance.now();
      this.#reading = null;
    }
    if (this.#stopped || this.#looksLeft <= 0) return;
    // The last look of a series waits for what an older transaction may still hide.
    this.#schedule(Math.max(this.#restMs, this.#looksLeft === 1 ? SETTLE_MS : LEAST_MS));
  }

  /** Hands events to the streams that want them, and rests for as long as these took to write them. */
  async #deliver(events: readonly StreamedEvent[]): Promise<void> {
    const began = performance.now();
    for (const event of events) {
      const delivered: Delivered = { event, position: parsePosition(event.position) as Position };
      this.#position = delivered.position;
      this.#options.onEvent?.(event);
      for (const { filter, queue } of this.#subscribers.get(event.orgId) ?? [])
        if (matches(filter, event)) queue.push(delivered);
    }
    // Streams that were woken write before this comes back.
    await immediate();
    this.#restMs = Math.min(MOST_MS, Math.max(LEAST_MS, performance.now() - began));
  }
}

/** Refuses to resume where something behind the position may be missing. */
function assertKept(after: Position, { floor, horizon }: { floor: Position; horizon: bigint }): void {
  if (after.xid >= horizon)
    throw eventErrors.position_gone(
      'This event id is not known here: it is of another installation, or of a time before a backup was restored. Ask for what is there, and resume with ?after=0-0 (all that is kept) or without an id (from now on).',
    );
  const isFromBeginning = after.xid === BEGINNING.xid && after.id === BEGINNING.id;
  if (!isFromBeginning && isAfter(floor, after))
    throw eventErrors.position_gone(
      'Events behind this id are not kept any more. Ask for what is there, and resume with ?after=0-0 (all that is kept) or without an id (from now on).',
    );
}
