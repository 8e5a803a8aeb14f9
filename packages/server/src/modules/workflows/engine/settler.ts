import type { Tx } from '../../../platform/db/index.ts';
import type { Graphs } from './graphs.ts';
import { RunProgress } from './run-progress.ts';
import { lockForProgress, type RunName, writeProgress } from './store.ts';

export type SettlerOptions = {
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  graphs: Graphs;
  /** Something became ready, and events were committed. */
  progressed(): void;
};

/** What is to be decided of a run, and who waits for it. */
type Decision<Answer> = {
  run: RunName;
  decide(progress: RunProgress): Answer;
  resolve(answer: Answer | null): void;
  reject(error: unknown): void;
};

/** Decisions of one transaction: they share its round trips and its commit. */
const MOST_TOGETHER = 200;

/**
 * Takes decisions about runs to the database: one transaction at a time takes all that wait, so that a run of a thousand
 * nodes that end together is locked once. A decision that finds nobody at work is written at once.
 */
export class Settler implements AsyncDisposable {
  readonly #options: SettlerOptions;
  #waiting: Decision<unknown>[] = [];
  #settling: Promise<void> | null = null;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Decides about a run under its lock; null when it is gone. Resolves behind the commit. */
  decide<Answer>(run: RunName, decide: (progress: RunProgress) => Answer): Promise<Answer | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer | null>();
    this.#waiting.push({ run, decide, resolve, reject } as Decision<unknown>);
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = null;
    });
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settling;
  }

  async #settle(): Promise<void> {
    await null;
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, MOST_TOGETHER));
  }

  async #commit(batch: readonly Decision<unknown>[]): Promise<void> {
    try {
      const answers = await this.#options.transaction((tx) => this.#decideAll(tx, batch));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]);
      this.#options.progressed();
    } catch (thrown) {
      // One by one, so that the decision at fault fails alone.
      if (batch.length > 1) for (const one of batch) await this.#commit([one]);
      else for (const { reject } of batch) reject(thrown);
    }
  }

  async #decideAll(tx: Tx, batch: readonly Decision<unknown>[]): Promise<unknown[]> {
    const names = new Map(batch.map(({ run }) => [run.id, run]));
    const locked = await lockForProgress(tx, [...names.values()]);
    const now = new Date();
    const decided = await Promise.all(
      locked.map(async ({ run, nodes }) => {
        const graph = await this.#options.graphs.of(run.orgId, run.definitionId);
        return { progress: new RunProgress({ graph, run, nodes, now }), nodes };
      }),
    );
    const byRun = new Map(decided.map((each) => [each.progress.runId, each.progress]));
    const answers = batch.map(({ run, decide }) => {
      const progress = byRun.get(run.id);
      return progress === undefined ? null : decide(progress);
    });
    writeProgress(tx, decided);
    return answers;
  }
}
