import type { Tx } from '../../../platform/db/index.ts';
import type { HttpClient } from '../../../platform/http-client/index.ts';
import type { Log } from '../../../platform/log.ts';
import { ClaimLoop } from '../../../platform/queue/claim-loop.ts';
import type { DataKeys } from '../../vault/index.ts';
import { DISABLE_AFTER_DAYS, DISABLE_AFTER_FAILURES, waitAfter } from '../deliveries/model.ts';
import type { DisabledReason } from '../endpoints/model.ts';
import { openSecret } from '../endpoints/secrets.ts';
import { type Posted, post, TIMEOUT_MS } from './post.ts';
import { type ClaimedDelivery, claimDeliveries, giveBackDelivery, settleDelivery } from './store-queue.ts';

export type DelivererOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  dataKeys: DataKeys;
  client: HttpClient;
  userAgent: string;
  /** Calls back when messages may be due, here or elsewhere. */
  onQueued(listener: () => void): () => void;
  /** Has a webhook sent nothing any more. */
  disable(webhook: { orgId: string; id: string }, reason: DisabledReason): Promise<void>;
  observe(of: { outcome: 'delivered' | 'retried' | 'failed'; seconds: number }): void;
  log: Log;
};

/** Messages that a process has under way. Receivers that fail have places of their own: they cannot take the others'. */
const PLACES = 192;
const FAILING_PLACES = 64;
/** To one webhook at once, from all processes. More is hardly quicker for it, and fewer are left for the others. */
const PER_WEBHOOK = 10;
/** Whoever sends has given up long before: a hold ends only when its process is gone or hangs. */
const LEASE_SECONDS = (2 * TIMEOUT_MS) / 1000;
/** What is tried again begins so late at most, and so does what a lost signal told of. */
const POLL_MS = 1_000;
/** For what is under way when the process stops. The rest is given back, and sent by another. */
const GRACE_MS = 2_000;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Sends messages. Several processes share the work by claims that end by themselves, so a message whose sender is killed is
 * sent again, with the same id: at least once. No order is promised.
 */
export class Deliverer implements AsyncDisposable {
  readonly #options: DelivererOptions;
  readonly #lanes: readonly Lane[];
  readonly #stopping = new AbortController();
  #unlisten: () => void = () => {};

  constructor(options: DelivererOptions) {
    this.#options = options;
    const send = (delivery: ClaimedDelivery): Promise<void> => this.#send(delivery);
    this.#lanes = [
      new Lane(options, { failing: false, places: PLACES, perWebhook: PER_WEBHOOK }, send),
      new Lane(options, { failing: true, places: FAILING_PLACES, perWebhook: 1 }, send),
    ];
  }

  start(): void {
    // A webhook that fails is left alone for a while anyway, so the poll is soon enough for it.
    this.#unlisten = this.#options.onQueued(() => this.#lanes[0]?.loop.wake());
    for (const { loop } of this.#lanes) loop.start();
  }

  /** Stops claiming, and gives what is under way a moment. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten();
    for (const { loop } of this.#lanes) await loop[Symbol.asyncDispose]();
    const late = setTimeout(() => this.#stopping.abort(), GRACE_MS);
    await Promise.all(this.#lanes.flatMap(({ sending }) => [...sending]));
    clearTimeout(late);
  }

  async #send(delivery: ClaimedDelivery): Promise<void> {
    const { statements, client, userAgent } = this.#options;
    const at = new Date();
    const began = performance.now();
    let posted: Posted;
    try {
      const secrets = await Promise.all(delivery.secrets.map((each) => openSecret(this.#options.dataKeys, each)));
      const message = { id: delivery.messageId, at, body: delivery.body };
      posted = await post(delivery.url, { message, secrets }, { client, userAgent, signal: this.#stopping.signal });
    } catch (thrown) {
      await statements((tx) => giveBackDelivery(tx, delivery));
      if (this.#stopping.signal.aborted) return;
      throw thrown;
    }
    await this.#settle(delivery, posted, { at, durationMs: Math.round(performance.now() - began) });
  }

  async #settle(delivery: ClaimedDelivery, posted: Posted, took: { at: Date; durationMs: number }): Promise<void> {
    const { statements, observe } = this.#options;
    const { status, error, answer } = posted;
    const outcome = { ...took, status, error, answer, retryAfterSeconds: retryAfter(delivery, posted) };
    const settled = await statements((tx) => settleDelivery(tx, delivery, outcome));
    if (settled === null) return;
    observe({
      outcome: settled.state === 'pending' ? 'retried' : settled.state,
      seconds: took.durationMs / 1000,
    });
    const webhook = { orgId: delivery.orgId, id: delivery.webhookId };
    if (status === 410 && delivery.kind === 'event') await this.#options.disable(webhook, 'gone');
    else if (settled.failing !== null && isGivenUp(settled.failing)) await this.#options.disable(webhook, 'failing');
  }
}

/** Seconds to the next attempt; null when there is none. A test is tried once: whoever sent it is waiting. */
function retryAfter({ kind, failures }: ClaimedDelivery, { status, error, askedSeconds }: Posted): number | null {
  if (error === null || status === 410 || kind === 'test') return null;
  return waitAfter(failures + 1, { random: Math.random(), askedSeconds });
}

const isGivenUp = ({ failures, since }: { failures: number; since: Date }): boolean =>
  failures >= DISABLE_AFTER_FAILURES && Date.now() - since.getTime() >= DISABLE_AFTER_DAYS * DAY_MS;

/** The places for one sort of webhooks. */
class Lane {
  readonly sending = new Set<Promise<void>>();
  readonly loop: ClaimLoop<ClaimedDelivery>;

  constructor(
    { statements, log }: Pick<DelivererOptions, 'statements' | 'log'>,
    of: { failing: boolean; places: number; perWebhook: number },
    send: (delivery: ClaimedDelivery) => Promise<void>,
  ) {
    const claim = { leaseSeconds: LEASE_SECONDS, failing: of.failing, places: of.perWebhook };
    this.loop = new ClaimLoop({
      name: of.failing ? 'failing webhooks' : 'webhooks',
      capacity: () => of.places - this.sending.size,
      claim: (max) => statements((tx) => claimDeliveries(tx, { ...claim, max })),
      start: (delivery) => {
        const sent = send(delivery)
          .catch((error) => log.warn({ err: error, delivery: delivery.id }, 'a delivery could not be settled'))
          .finally(() => {
            this.sending.delete(sent);
            this.loop.wake();
          });
        this.sending.add(sent);
      },
      pollMs: POLL_MS,
      log,
    });
  }
}
