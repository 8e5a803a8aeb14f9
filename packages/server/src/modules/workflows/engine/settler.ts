import type { Tx } from '../../../platform/db/index.ts';
import type { Contexts } from '../context/contexts.ts';
import { isTerminal } from '../model.ts';
import type { Graphs } from './graphs.ts';
import { attemptInstantly, MOST_INSTANT } from './instant.ts';
import type { NodeRef } from './model.ts';
import { UnreadNode } from './run-nodes.ts';
import { RunProgress } from './run-progress.ts';
import { type EndWork, endWorkOfStopped } from './stopped-work.ts';
import { type Due, type LockedRun, lockForProgress, type RunName } from './store.ts';
import { type DefinitionName, givePlaces } from './store-places.ts';
import { loadRun, writeWithContexts } from './with-contexts.ts';

export type SettlerOptions = {
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  graphs: Graphs;
  contexts: Contexts;
  endWork: EndWork;
  progressed(what: Progressed): void;
};

/** Events were committed: of nodes that somebody may claim, of a run that is over, or of steps only. */
export type Progressed = { leavesReady: boolean; isOver: boolean };

/** Who takes nodes over from the commit that made them ready. */
export type Successor = {
  leaseSeconds: number;
  /**
   * Sets room aside for some of what becomes ready; none while others may wait in the queue, who come first.
   * @param ending attempts that make room by ending in this commit
   */
  reserve(ending: number): number;
  /** Gives back what was set aside, and begins what was claimed. */
  take(reserved: number, claimed: readonly Due[]): void;
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
  #successor: Successor | null = null;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** From now on nodes are handed over as they become ready. */
  handOverTo(successor: Successor | null): void {
    this.#successor = successor;
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
    this.#settling ??= this.#settle();
    return promise;
  }

  /** Starts runs that wait although there is a place for them. */
  async givePlaces(names: readonly DefinitionName[]): Promise<void> {
    const leavesReady = await this.#options.transaction((tx) => givePlaces(tx, names));
    if (leavesReady) this.#options.progressed({ leavesReady, isOver: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settling;
  }

  async #settle(): Promise<void> {
    await null;
    try {
      while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, MOST_TOGETHER));
    } finally {
      // At once: a decision that came a moment later would wait for a round that is over.
      this.#settling = null;
    }
  }

  async #commit(batch: readonly Decision<unknown>[]): Promise<void> {
    const successor = this.#successor;
    const reserved = successor?.reserve(batch.length) ?? 0;
    try {
      const settled = await this.#options.transaction((tx) => this.#decideAll(tx, batch, reserved));
      successor?.take(reserved, settled.due);
      for (const [index, { resolve }] of batch.entries()) resolve(settled.answers[index]);
      this.#options.progressed(settled.progressed);
    } catch (thrown) {
      successor?.take(reserved, []);
      // One by one, so that the decision at fault fails alone.
      if (batch.length > 1) for (const one of batch) await this.#commit([one]);
      else for (const { reject } of batch) reject(thrown);
    }
  }

  async #decideAll(tx: Tx, batch: readonly Decision<unknown>[], room: number): Promise<Settled> {
    const byRun = Map.groupBy(batch, ({ run }) => run.id);
    const wanted = [...byRun.values()].map((of) => ({ ...runOf(of), nodes: of.flatMap(({ about }) => about) }));
    const answers = new Map<Decision<unknown>, unknown>();
    const decided: Decided[] = [];
    for (const locked of await lockForProgress(tx, wanted)) {
      const of = byRun.get(locked.run.id) ?? [];
      const made = (await this.#decideRun(tx, locked, of)) ?? (await this.#decideWholeRun(tx, of));
      if (made === null) continue;
      decided.push(made);
      for (const [index, decision] of of.entries()) answers.set(decision, made.answers[index]);
    }
    const due = this.#handOver(decided, room);
    const progresses = decided.map(({ progress }) => progress);
    await endWorkOfStopped(tx, progresses, this.#options);
    await writeWithContexts(tx, decided, this.#options.contexts);
    return {
      answers: batch.map((decision) => answers.get(decision) ?? null),
      due,
      progressed: {
        leavesReady: progresses.some(({ leavesReady, changes }) => leavesReady || changes.place !== null),
        isOver: progresses.some(({ state }) => isTerminal(state)),
      },
    };
  }

  /** Higher priorities first, and of those no run has more than its share. */
  #handOver(decided: readonly Decided[], room: number): Due[] {
    const due: Due[] = [];
    const share = Math.ceil(room / Math.max(1, decided.length));
    const inOrder = decided.toSorted((one, other) => other.locked.run.priority - one.locked.run.priority);
    for (const { progress, locked } of inOrder) {
      const { orgId, id: runId, definitionId } = locked.run;
      const most = Math.min(share, room - due.length);
      const handed = progress.handOver(most, this.#successor?.leaseSeconds ?? 0);
      const of = { orgId, runId, definitionId, ...locked.origin, input: null };
      for (const each of handed)
        due.push({ claimed: { ...of, ...each }, stored: { context: progress.changes.run.context, asset: null } });
    }
    return due;
  }

  /** Null when a decision goes further than the nodes that it is about, as one does that skips a chain of them. */
  async #decideRun(tx: Tx, locked: LockedRun, of: readonly Decision<unknown>[]): Promise<Decided | null> {
    const graph = await this.#options.graphs.of(locked.run.orgId, locked.run.definitionId);
    const run = await loadRun(tx, locked, this.#options.contexts);
    const progress = new RunProgress({ graph, ...locked, run });
    try {
      const answers = of.map(({ decide }) => decide(progress));
      progress.attemptReady(attemptInstantly, MOST_INSTANT);
      return { locked, progress, answers };
    } catch (thrown) {
      if (thrown instanceof UnreadNode) return null;
      throw thrown;
    }
  }

  async #decideWholeRun(tx: Tx, of: readonly Decision<unknown>[]): Promise<Decided | null> {
    const [locked] = await lockForProgress(tx, [{ ...runOf(of), nodes: 'all' }]);
    return locked === undefined ? null : this.#decideRun(tx, locked, of);
  }
}

type Decided = { locked: LockedRun; progress: RunProgress; answers: readonly unknown[] };
type Settled = { answers: readonly unknown[]; due: readonly Due[]; progressed: Progressed };

/** The run that decisions are of: there is one at least, and all are of the same. */
const runOf = (decisions: readonly Decision<unknown>[]): RunName => (decisions[0] as Decision<unknown>).run;
