import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { originOf } from '../checkpoints/model.ts';
import type { AnchorPlace } from './ports.ts';
import { claimDue, type DueTree, findShrunken, postponeAnchor, settleAnchor } from './store.ts';

export type AnchoringOptions = {
  /** On the system handle; nothing of it is held while a place is written to. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  places: readonly AnchorPlace[];
  /** Least time between two anchors of one log in one place. */
  everySeconds: number;
  log: Pick<Log, 'warn' | 'error'>;
};

const LOOK_MS = 1_000;
const BATCH = 50;
/** A place that has not answered by then is tried again later. */
const WRITE_MS = 10_000;
/** Covers a whole batch of writes that all run out of time. */
const LEASE_SECONDS = (BATCH * WRITE_MS) / 1000 + 60;
const RETRY_SECONDS = 5;

/**
 * Writes the newest checkpoints to second places, each place for itself: one that hangs or refuses delays neither the
 * others nor the sequencing. What fails is tried again, at last once an hour, for as long as it takes.
 */
export class Anchoring implements AsyncDisposable {
  readonly #options: AnchoringOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #running = new Map<AnchorPlace, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #alarmed = new Set<string>();

  constructor(options: AnchoringOptions) {
    this.#options = options;
  }

  start(): void {
    for (const place of this.#options.places) {
      this.#timers.push(setInterval(() => this.#look(place), LOOK_MS));
      this.#look(place);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stop.abort();
    await Promise.all(this.#running.values());
  }

  /** One round for one place. */
  async anchor(place: AnchorPlace): Promise<void> {
    const { statements } = this.#options;
    const { destination } = place;
    const due = await statements((tx) => claimDue(tx, { destination, limit: BATCH, leaseSeconds: LEASE_SECONDS }));
    for (const tree of due) {
      if (this.#stop.signal.aborted) return;
      await this.#write(place, tree);
    }
    for (const { orgId, anchored, size } of await statements((tx) => findShrunken(tx, destination))) {
      if (this.#alarmed.has(orgId)) continue;
      this.#alarmed.add(orgId);
      this.#options.log.error(
        { org_id: orgId, anchored, size, destination },
        'an audit log is shorter than what was anchored of it: somebody cut it, or an old backup was restored',
      );
    }
  }

  #look(place: AnchorPlace): void {
    if (this.#running.has(place) || this.#stop.signal.aborted) return;
    const round = this.anchor(place)
      .catch((error) => {
        if (!this.#stop.signal.aborted)
          this.#options.log.warn({ err: error, destination: place.destination }, 'anchoring failed; trying again');
      })
      .finally(() => this.#running.delete(place));
    this.#running.set(place, round);
  }

  async #write(place: AnchorPlace, { orgId, size, checkpoint }: DueTree): Promise<void> {
    const { statements, everySeconds, log } = this.#options;
    const anchor = { orgId, destination: place.destination };
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(WRITE_MS)]);
      await place.write({ orgId, origin: originOf(orgId), size, note: checkpoint }, signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ err: error, ...anchor }, 'a checkpoint could not be anchored; trying again');
      await statements((tx) => postponeAnchor(tx, anchor, reason.slice(0, 500), RETRY_SECONDS));
      return;
    }
    await statements((tx) => settleAnchor(tx, anchor, size, everySeconds));
  }
}
