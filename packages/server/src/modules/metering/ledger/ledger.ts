import { setTimeout as delay } from 'node:timers/promises';
import { newId } from '../../../kernel/ids.ts';
import { type Micros, MOST_MICROS } from '../../../kernel/money.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import { Hold } from './hold.ts';
import type { Journal } from './journal.ts';
import {
  type Attached,
  type Claims,
  idOfFact,
  type LedgerAnswer,
  type LedgerCall,
  type Refused,
  type ReserveCall,
} from './model.ts';

export type LedgerOptions = Omit<GroupCommitOptions, 'leaseSeconds'> & {
  journal: Journal;
  /** How long a reservation outlives its last renewal; shorter in tests. */
  leaseSeconds?: number;
};

export type ReserveRequest = {
  claims: Claims;
  /** The most that the call can cost: a real upper bound. Null: the model has no price. */
  amount: Micros | null;
  /** A closer bound, for a budget that the amount does not fit: worth its while only then. */
  recount?: Recount | null;
  /** What is billed, where that has a name: it is then under way and billed once, however often it is tried. */
  fact?: string;
  attached?: Attached;
};

export type Recount = {
  /** What the closer bound will not be below. */
  least: Micros;
  amount(): Promise<Micros>;
};

/** A stream is cut when its lease could not be renewed for this long: the database is away, or the process stood still. */
const LEASE_SECONDS = 15;
/** Before the database says that a lease has ended, its holder has stopped: clocks tick alike to a thousandth. */
const MARGIN_MS = 1_000;
/** Longer than this nobody waits for a bill that may never come: the database is away. */
const MOMENT_MS = 1_000;
const PROGRESS_EVERY_MS = 1_000;
/** A call that delivers nothing for a while renews this often. */
const RENEWALS_A_LEASE = 3;

/**
 * Sets money aside before a call and bills it after, so that on every budget that applies `spent + reserved` is within
 * the cap at every commit.
 */
export class Ledger implements AsyncDisposable {
  readonly #queue: GroupCommit;
  readonly #journal: Journal;
  readonly #leaseMs: number;
  readonly #holds = new Set<Hold>();
  /** Ends of calls that are not committed yet. */
  readonly #ending = new Set<Promise<unknown>>();
  readonly #timer: NodeJS.Timeout;
  #round = 0;

  constructor({ journal, leaseSeconds = LEASE_SECONDS, ...options }: LedgerOptions) {
    this.#queue = new GroupCommit({ ...options, leaseSeconds });
    this.#journal = journal;
    this.#leaseMs = leaseSeconds * 1_000;
    this.#timer = setInterval(
      () => void this.renewAll(),
      Math.min(PROGRESS_EVERY_MS, this.#leaseMs / RENEWALS_A_LEASE),
    );
  }

  /** Calls under way, and calls to the ledger that wait for their turn. */
  get load(): { held: number; waiting: number } {
    return { held: this.#holds.size, waiting: this.#queue.length };
  }

  /**
   * Sets the amount aside on all budgets that apply, or on none.
   * @throws AppError `over_budget` naming the budget, its cap and when it resets; `invalid` for a model without a price
   *   where a budget applies; `conflict` for a fact that is under way or billed; `unavailable` when the database is away
   */
  async reserve({ claims, amount, recount = null, fact, attached = {} }: ReserveRequest): Promise<Hold> {
    const { orgId } = claims;
    const id = fact === undefined ? newId() : idOfFact(orgId, fact);
    const { nodeId } = this.#journal;
    const of = { kind: 'reserve' as const, orgId, id, claims, nodeId, isFact: fact !== undefined, attached };
    const first = await this.#set({ ...of, amount, least: recount?.least ?? amount ?? 0 });
    if (first instanceof Hold) return first;
    if (recount === null || first.isFinal) throw first.refusal;
    const counted = await recount.amount();
    const second = await this.#set({ ...of, amount: counted, least: counted });
    if (second instanceof Hold) return second;
    throw second.refusal;
  }

  async #set(call: ReserveCall): Promise<Hold | Refused> {
    const { amount, claims, orgId, id } = call;
    if (amount !== null && !(Number.isSafeInteger(amount) && amount >= 0 && amount <= MOST_MICROS))
      throw new RangeError(`${amount} micro-dollars can't be set aside.`);
    const leaseEnds = this.#leaseEnds();
    const answer = await this.submit(call);
    if (answer.outcome === 'refused') return answer;
    if (answer.outcome !== 'held') throw new Error(`A reservation was answered with "${answer.outcome}".`);
    const services = {
      journal: this.#journal,
      end: (last: LedgerCall) => this.#end(last),
      ended: (hold: Hold) => void this.#holds.delete(hold),
    };
    try {
      const hold = new Hold(services, { claims, id, ...answer }, leaseEnds);
      this.#holds.add(hold);
      return hold;
    } catch (thrown) {
      // The journal is closed, because this process stops: nothing could be delivered, since it could not be written down.
      await this.submit({ kind: 'release', orgId, id, attached: {} });
      throw thrown;
    }
  }

  submit(call: LedgerCall): Promise<LedgerAnswer> {
    return this.#queue.submit(call);
  }

  /**
   * Waits until what has ended is billed, but no longer than a moment. Answers go out before their bill is committed;
   * whoever had one, and asks what it cost, finds it.
   */
  async billed(): Promise<void> {
    if (this.#ending.size === 0) return;
    const moment = new AbortController();
    const waiting = delay(MOMENT_MS, undefined, { signal: moment.signal, ref: false }).catch(() => {});
    await Promise.race([Promise.allSettled(this.#ending), waiting]);
    moment.abort();
  }

  #end(call: LedgerCall): Promise<LedgerAnswer> {
    const ending = this.submit(call);
    this.#ending.add(ending);
    const ended = (): void => void this.#ending.delete(ending);
    ending.then(ended, ended);
    return ending;
  }

  /** Tells the database of what was delivered since the last time, and renews leases; the timer calls it. */
  async renewAll(): Promise<void> {
    const isDue = this.#round++ % Math.max(1, Math.floor(this.#leaseMs / PROGRESS_EVERY_MS / RENEWALS_A_LEASE)) === 0;
    const renewals = [...this.#holds].map(async (hold) => {
      const call = hold.renewal(isDue);
      if (!call) return;
      const leaseEnds = this.#leaseEnds();
      // While the database is away the lease just runs on, and out.
      const answer = await this.submit(call).catch(() => null);
      if (answer?.outcome === 'renewed') hold.renewed(leaseEnds);
      if (answer?.outcome === 'lost') hold.renewed(null);
    });
    await Promise.all(renewals);
  }

  /** Stops renewing and writes what is queued. What is still under way stays in the journal. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#queue[Symbol.asyncDispose]();
    this.#journal.end({ isClean: this.#queue.isClean });
  }

  /** Counted from before the transaction begins, so it ends before the lease that the database writes down. */
  #leaseEnds(): number {
    return performance.now() + this.#leaseMs - Math.min(MARGIN_MS, this.#leaseMs / 4);
  }
}
