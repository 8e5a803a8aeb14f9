import type { Tx } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import { Rounds } from '../../platform/queue/rounds.ts';
import type { Endings } from './endings.ts';
import { MAX_ATTEMPTS } from './model.ts';
import { expireEvaluationLeases, failOverdueEvaluations, forceCancelledToEnd, type Moved } from './store-janitor.ts';

export { deleteEvaluationsOlderThan } from './store-janitor.ts';

export type JanitorOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  endings: Endings;
  /** Something went back into the queue, and events were committed. */
  requeued(): void;
  told(): void;
  log: Log;
};

const EVERY_MS = 500;
/** A runner has this long to confirm a kill before the evaluation ends without it: with the interval, under 2 s in all. */
const KILL_GRACE_SECONDS = 1.2;

/** Ends what nobody else will end: runs whose runner is gone, kills that nobody confirms, waits past their deadline. */
export class Janitor implements AsyncDisposable {
  readonly #options: JanitorOptions;
  readonly #rounds = new Rounds(EVERY_MS, () => this.sweep());

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds.start();
  }

  /** One round. */
  async sweep(): Promise<void> {
    const { statements, log } = this.#options;
    try {
      const moved: Moved[] = [
        ...(await statements((tx) => forceCancelledToEnd(tx, KILL_GRACE_SECONDS))),
        ...(await statements((tx) => expireEvaluationLeases(tx, MAX_ATTEMPTS))),
        ...(await statements(failOverdueEvaluations)),
      ];
      if (moved.length > 0) this.#announce(moved);
    } catch (error) {
      log.warn({ err: error }, 'sweeping evaluations failed; trying again in a moment');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }

  #announce(moved: readonly Moved[]): void {
    const { endings, requeued, told, log } = this.#options;
    for (const { id, state } of moved) {
      log.info({ evaluation: id, state }, 'the janitor moved an evaluation');
      if (state !== 'queued') endings.announce(id);
    }
    if (moved.some(({ state }) => state === 'queued')) requeued();
    told();
  }
}
