import { createHash } from 'node:crypto';
import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import {
  type EventFilter,
  matches,
  organizationEventsAfter,
  parsePosition,
  type StreamedEvent,
} from '../../events/index.ts';
import { bodyOf, type NewMessage } from '../deliveries/model.ts';
import { listenerOf } from '../endpoints/maker.ts';
import type { WebhookServices } from '../services.ts';
import { findBehind, type Listening, type Reading, tellWebhooks } from './store-reading.ts';

export type FanOutOptions = Pick<WebhookServices, 'findPerson' | 'scopesWithin' | 'shows' | 'queued'> & {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Calls back when events may have been committed, here or elsewhere. */
  onWake(listener: () => void): () => void;
  log: Log;
};

/** The backstop for a lost signal. */
const POLL_MS = 1_000;
/** After a signal, events may still hide behind an older running transaction: look again soon. */
const SETTLE_MS = 20;
/** Between two looks, as a multiple of what the last one took: however many webhooks there are, it is a quarter of a core. */
const REST = 3;
const LEAST_MS = 5;
/** Webhooks of one look, and events of each: one with many gets no more than the others until they had theirs. */
const WEBHOOKS = 50;
const EVENTS = 200;
/** Messages of one statement. Events of others that commit while it runs show behind it only. */
const TOGETHER = 500;
/** With so many on their way to a webhook, the next events stay in the event log, which has room. */
const MOST_PENDING = 2_000;
const ALL: EventFilter = { types: [], subjects: [] };

/**
 * Reads the events of organizations on behalf of their webhooks, and puts the messages on their way. Events are rows of the
 * act's own transaction, so nothing is lost between the act and here, and acts pay nothing for it. Where a webhook has read
 * to and the messages that came of it are one statement: each event becomes exactly one delivery per webhook, whatever is
 * killed.
 */
export class FanOut implements AsyncDisposable {
  readonly #options: FanOutOptions;
  #poll: NodeJS.Timeout | null = null;
  #next: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #looksLeft = 0;
  #unlisten: () => void = () => {};
  #stopped = false;

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  start(): void {
    this.#poll = setInterval(() => this.#wake(), POLL_MS);
    this.#unlisten = this.#options.onWake(() => this.#wake());
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    if (this.#poll) clearInterval(this.#poll);
    if (this.#next) clearTimeout(this.#next);
    await this.#looking;
  }

  /** One look; gives whether there may be more. */
  async look(): Promise<boolean> {
    const { statements } = this.#options;
    const behind = await statements((tx) => findBehind(tx, { mostPending: MOST_PENDING, limit: WEBHOOKS }));
    let isMore = behind.length === WEBHOOKS;
    let readings: Reading[] = [];
    for (const webhook of behind) {
      const { orgId, after } = webhook;
      // Also what it does not want: the last one says how far it has read.
      const events = await statements((tx) =>
        organizationEventsAfter(tx, { orgId, after, filter: ALL, limit: EVENTS }),
      );
      readings.push(await this.#read(webhook, events));
      isMore ||= events.length === EVENTS;
      if (readings.reduce((sum, { messages }) => sum + messages.length, 0) < TOGETHER) continue;
      await this.#tell(readings);
      readings = [];
    }
    await this.#tell(readings);
    return isMore;
  }

  async #tell(readings: readonly Reading[]): Promise<void> {
    if (readings.length === 0) return;
    const told = await this.#options.statements((tx) => tellWebhooks(tx, readings));
    if (told > 0) this.#options.queued();
  }

  async #read(webhook: Listening, events: readonly StreamedEvent[]): Promise<Reading> {
    const wanted = events.filter((event) => matches(webhook.filter, event));
    const heard = wanted.length === 0 ? [] : await this.#heardOf(webhook, wanted);
    const last = events.at(-1);
    const upTo = (last && parsePosition(last.position)) ?? webhook.read;
    return { webhook, upTo, messages: heard.map(messageOf) };
  }

  /** What of some events a webhook's maker may be told. */
  async #heardOf(webhook: Listening, events: readonly StreamedEvent[]): Promise<StreamedEvent[]> {
    const listener = await listenerOf(webhook, this.#options);
    const heard: StreamedEvent[] = [];
    for (const event of events) if (await this.#options.shows(listener, event)) heard.push(event);
    return heard;
  }

  /** Looks now and again shortly after. */
  #wake(): void {
    if (this.#stopped) return;
    this.#looksLeft = 2;
    if (this.#looking === null) this.#schedule(0);
  }

  #schedule(inMs: number): void {
    this.#next ??= setTimeout(() => {
      this.#next = null;
      this.#looking ??= this.#lookOnce();
    }, inMs);
  }

  async #lookOnce(): Promise<void> {
    this.#looksLeft -= 1;
    const began = performance.now();
    let isMore = false;
    try {
      isMore = await this.look();
    } catch (error) {
      if (!this.#stopped)
        this.#options.log.warn({ err: error }, 'reading events for webhooks failed; trying again at the next poll');
    } finally {
      this.#looking = null;
    }
    if (isMore) this.#looksLeft = Math.max(this.#looksLeft, 1);
    if (this.#stopped || this.#looksLeft <= 0) return;
    const rest = Math.max(LEAST_MS, REST * (performance.now() - began));
    this.#schedule(isMore ? LEAST_MS : Math.max(SETTLE_MS, rest));
  }
}

const messageOf = (event: StreamedEvent): NewMessage => ({
  id: messageIdOf(event),
  eventType: event.type,
  subject: event.subject,
  body: bodyOf(event),
});

/**
 * The same for every webhook and however often the event is read. When it happened is in it: a database that was brought
 * back from a backup counts its events from there again, and receivers must not take them for the ones they had.
 */
function messageIdOf({ orgId, position, occurredAt }: StreamedEvent): string {
  const name = `${orgId} ${position} ${occurredAt.toISOString()}`;
  return `evt_${createHash('sha256').update(name).digest('base64url').slice(0, 27)}`;
}
