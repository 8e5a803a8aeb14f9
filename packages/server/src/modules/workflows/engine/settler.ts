import type { Tx } from '../../../platform/db/index.ts';
import type { Graphs } from './graphs.ts';
import type { NodeRef } from './model.ts';
import { RunProgress, UnreadNode } from './run-progress.ts';
import { type EndWork, endWorkOfStopped } from './stopped-work.ts';
import { type LockedRun, lockForProgress, type RunName, writeProgress } from './store.ts';

export type SettlerOptions = {
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  graphs: Graphs;
  endWork: EndWork;
  /** Something became ready, and events were committed. */
  progressed(): void;
};

/** What is to be decided of a run, and who waits for it. */
type Decision<Answer> = {
  run: RunName;
  about: readonly NodeRef[];
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

  /**
   * Decides about a run under its lock; null when it is gone. Resolves behind the commit.
   * @param about the nodes that it is about, so that not all of them need to be read
   */
  decide<Answer>(
    run: RunName,
    about: readonly NodeRef[],
    decide: (progress: RunProgress) => Answer,
  ): Promise<Answer | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer | null>();
    this.#waiting.push({ run, about, decide, resolve, reject } as Decision<unknown>);
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
    const byRun = Map.groupBy(batch, ({ run }) => run.id);
    const wanted = [...byRun.values()].map((of) => ({ ...runOf(of), nodes: of.flatMap(({ about }) => about) }));
    const answers = new Map<Decision<unknown>, unknown>();
    const decided: RunProgress[] = [];
    for (const locked of await lockForProgress(tx, wanted)) {
      const of = byRun.get(locked.run.id) ?? [];
      const made = (await this.#decideRun(locked, of)) ?? (await this.#decideWholeRun(tx, of));
      if (made === null) continue;
      decided.push(made.progress);
      for (const [index, decision] of of.entries()) answers.set(decision, made.answers[index]);
    }
    await endWorkOfStopped(tx, decided, this.#options);
    writeProgress(tx, decided);
    return batch.map((decision) => answers.get(decision) ?? null);
  }

  /** Null when a decision goes further than the nodes that it is about, as one does that skips a chain of them. */
  async #decideRun(locked: LockedRun, of: readonly Decision<unknown>[]): Promise<Decided | null> {
    const graph = await this.#options.graphs.of(locked.run.orgId, locked.run.definitionId);
    const progress = new RunProgress({ graph, ...locked, now: new Date() });
    try {
      return { progress, answers: of.map(({ decide }) => decide(progress)) };
    } catch (thrown) {
      if (thrown instanceof UnreadNode) return null;
      throw thrown;
    }
  }

  async #decideWholeRun(tx: Tx, of: readonly Decision<unknown>[]): Promise<Decided | null> {
    const [locked] = await lockForProgress(tx, [{ ...runOf(of), nodes: 'all' }]);
    return locked === undefined ? null : this.#decideRun(locked, of);
  }
}

type Decided = { progress: RunProgress; answers: readonly unknown[] };

/** The run that decisions are of: there is one at least, and all are of the same. */
const runOf = (decisions: readonly Decision<unknown>[]): RunName => (decisions[0] as Decision<unknown>).run;
