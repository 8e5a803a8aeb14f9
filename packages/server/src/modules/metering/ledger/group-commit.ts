import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../../kernel/errors.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { usageErrors } from '../errors.ts';
import { Decisions } from './decisions.ts';
import type { LedgerAnswer, LedgerCall } from './model.ts';
import { lockLedger, writeChanges } from './store.ts';

export type GroupCommitOptions = {
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Events were committed. */
  told(): void;
  leaseSeconds: number;
  log: Log;
};

type Waiting = {
  call: LedgerCall;
  resolve(answer: LedgerAnswer): void;
  reject(error: unknown): void;
};

/** Calls of one transaction. More make it longer for all of them and hardly cheaper for each. */
const MOST_TOGETHER = 256;
/** Past this, callers wait for seconds: better to say so at once. What ends a call is never turned away. */
const MOST_WAITING = 20_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/** Must not be lost while the process lives: money stays set aside, or delivered work unbilled. */
const isDurable = ({ kind }: LedgerCall): boolean => kind === 'settle' || kind === 'release';

const isUnavailable = (thrown: unknown): boolean =>
  thrown instanceof AppError && (thrown.kind === 'unavailable' || thrown.kind === 'deadline');

/**
 * Group commit: calls queue up, and one flush at a time takes all that wait into one transaction. A call that finds
 * nobody at work is flushed at once, so an idle ledger waits for no timer; under load a commit is shared by all that came
 * during the one before.
 *
 * A call that is refused is an answer, and concerns no other. When the transaction itself fails, its calls go on one by
 * one, so that the one at fault fails alone; while the database is away, settlements and releases wait for it and the rest
 * is turned away.
 */
export class GroupCommit implements AsyncDisposable {
  readonly #options: GroupCommitOptions;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #isFlushing = false;
  #isClosing = false;
  #hasGivenUp = false;
  #pauseMs = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** False once something was given up that the database may hold: a successor has to look. */
  get isClean(): boolean {
    return !this.#hasGivenUp;
  }

  /** Calls that wait for their turn. */
  get length(): number {
    return this.#waiting.length;
  }

  submit(call: LedgerCall): Promise<LedgerAnswer> {
    if (this.#waiting.length >= MOST_WAITING && !isDurable(call)) {
      return Promise.reject(
        usageErrors.ledger_busy('Too many calls wait for their budget to be checked. Try again shortly.', {
          retryAfterMs: 1_000,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve, reject });
      if (!this.#isFlushing) this.#flushing = this.#flush();
    });
  }

  /** Waits for what is queued, as long as the database takes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    // Whoever calls in this turn of the loop shares the first transaction. For a reservation somebody waits; a settlement
    // begins when the answer that it bills is on its way.
    await (this.#waiting.every(({ call }) => isDurable(call)) ? nextTurn() : null);
    while (this.#waiting.length > 0) {
      await this.#commit(this.#waiting.splice(0, MOST_TOGETHER));
      if (this.#pauseMs === 0) continue;
      if (this.#isClosing) this.#giveUp();
      else await delay(this.#pauseMs);
    }
    // In the same turn as the last look at the queue: what comes next starts a flush of its own.
    this.#isFlushing = false;
  }

  async #commit(batch: Waiting[]): Promise<void> {
    try {
      const answers = await this.#run(batch.map(({ call }) => call));
      this.#pauseMs = 0;
      for (const [index, answer] of answers.entries()) batch[index]?.resolve(answer);
    } catch (thrown) {
      await this.#recover(batch, thrown);
    }
  }

  async #run(calls: readonly LedgerCall[]): Promise<LedgerAnswer[]> {
    const { transaction, leaseSeconds, told } = this.#options;
    let hasEvents = false;
    const answers = await transaction(async (tx) => {
      const decisions = new Decisions(await lockLedger(tx, calls));
      const decided = calls.map((call) => decisions.decide(call));
      const { changes } = decisions;
      hasEvents = changes.events.length > 0;
      writeChanges(tx, changes, leaseSeconds);
      return decided;
    });
    if (hasEvents) told();
    return answers;
  }

  async #recover(batch: Waiting[], thrown: unknown): Promise<void> {
    if (isUnavailable(thrown)) {
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
      this.#turnAway(batch, thrown);
      return;
    }
    if (batch.length > 1) {
      for (const one of batch) await this.#commit([one]);
      return;
    }
    const [one] = batch;
    this.#options.log.error(
      { err: thrown, call: one?.call.kind, id: one?.call.id },
      'the ledger could not record a call',
    );
    one?.reject(thrown);
  }

  /**
   * The database is away. Whether the commit came through is not known: a settlement that is made again finds itself
   * done, and a reservation of which nobody heard is given back.
   */
  #turnAway(batch: readonly Waiting[], thrown: unknown): void {
    const again: Waiting[] = [];
    for (const waiting of batch) {
      if (isDurable(waiting.call)) {
        again.push(waiting);
        continue;
      }
      waiting.reject(thrown);
      const { call } = waiting;
      // A fact may be held by somebody else: that one is left to its lease.
      if (call.kind !== 'reserve' || call.isFact) continue;
      again.push({ ...NOBODY, call: { kind: 'release', orgId: call.orgId, id: call.id, attached: {} } });
    }
    this.#waiting.unshift(...again);
  }

  /** The journal, or else the lease, has the rest. */
  #giveUp(): void {
    this.#hasGivenUp = true;
    const rest = this.#waiting.splice(0);
    const error = usageErrors.ledger_busy('This process stops and the database is away; settled after the restart.');
    for (const { reject } of rest) reject(error);
  }
}

const NOBODY: Pick<Waiting, 'resolve' | 'reject'> = { resolve: () => {}, reject: () => {} };
