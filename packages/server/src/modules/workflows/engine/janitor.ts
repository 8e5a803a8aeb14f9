import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { Rounds } from '../../../platform/queue/rounds.ts';
import { concerned, type Graphs } from './graphs.ts';
import type { Settler } from './settler.ts';
import { findExpired, findOverdue, findUnawaited, type NodeName } from './store.ts';
import { findWaitedFor } from './store-places.ts';

export type RunJanitorOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  settler: Settler;
  graphs: Graphs;
  log: Log;
};

const EVERY_MS = 500;
const MOST = 500;

/** Moves on what nobody else will: attempts whose worker is gone, runs past their deadline, runs that no
 * node waits for, and runs that wait for a place that is free. */
export class RunJanitor implements AsyncDisposable {
  readonly #options: RunJanitorOptions;
  readonly #rounds = new Rounds(EVERY_MS, () => this.sweep());

  constructor(options: RunJanitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds.start();
  }

  /** One round. */
  async sweep(): Promise<void> {
    const { statements, settler, log } = this.#options;
    try {
      const [expired, overdue, unawaited] = [
        await statements((tx) => findExpired(tx, MOST)),
        await statements((tx) => findOverdue(tx, MOST)),
        await statements((tx) => findUnawaited(tx, MOST)),
      ];
      const waitedFor = await statements((tx) => findWaitedFor(tx, MOST));
      const moves = [
        ...expired.map((lost) => this.#lose(lost)),
        ...unawaited.map((name) => settler.decide(name, [], (run) => run.cancel())),
        ...overdue.map((name) => settler.decide(name, [], (run) => run.fail(TOO_LATE))),
        ...(waitedFor.length === 0 ? [] : [settler.givePlaces(waitedFor)]),
      ];
      await Promise.all(moves);
      for (const { runId, key } of expired) log.info({ run: runId, node: key }, 'the worker of a node is gone');
    } catch (error) {
      log.warn({ err: error }, 'sweeping workflow runs failed; trying again in a moment');
    }
  }

  async #lose({ orgId, runId, definitionId, key, item, fence }: NodeName & { definitionId: string }): Promise<void> {
    const { settler, graphs } = this.#options;
    const about = concerned(await graphs.of(orgId, definitionId), { key, item });
    await settler.decide({ orgId, id: runId }, about, (run) => run.lose({ key, item, fence }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }
}

const TOO_LATE = { node: null, code: 'workflow_run.timed_out', message: 'The run took longer than it may.' };
