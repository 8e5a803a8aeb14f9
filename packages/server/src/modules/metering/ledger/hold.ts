import type { Micros } from '../../../kernel/money.ts';
import { usageErrors } from '../errors.ts';
import type { Quantities } from '../prices/model.ts';
import type { Journal, Slot } from './journal.ts';
import {
  type Attached,
  type Delivered,
  type LedgerAnswer,
  type LedgerCall,
  type Remembered,
  servedBy,
} from './model.ts';

/** What a hold needs of the ledger that made it. */
export type HoldServices = {
  journal: Journal;
  end(call: LedgerCall): Promise<LedgerAnswer>;
  ended(hold: Hold): void;
};

/** What was billed in the end; `cost` null when it had been given back before. */
export type Bill = { cost: Micros | null; overrun: Micros };

export type Admission = Remembered & { id: string; budgetLeft: Micros | null };

/**
 * Money set aside for one call under way, in the hands of the process that makes it. Tell it what is about to be delivered,
 * and then how it ended: whoever forgets the end finds the call settled by what it told when the lease has run out.
 */
export class Hold {
  readonly admission: Admission;
  readonly #services: HoldServices;
  readonly #slot: Slot;
  #leaseEnds: number;
  #delivered: { cost: Micros; quantities: Quantities } = { cost: 0, quantities: {} };
  #asked = 0;
  #state: 'open' | 'lost' | 'ending' = 'open';
  #isUntold = false;
  #onEnd: ((delivered: Quantities) => void) | null = null;

  constructor(services: HoldServices, admission: Admission, leaseEnds: number) {
    this.#services = services;
    this.admission = admission;
    this.#leaseEnds = leaseEnds;
    this.#slot = services.journal.open({ ...admission, orgId: admission.claims.orgId });
  }

  /** The most that will be billed, whatever the provider reports. */
  get amount(): Micros {
    return this.admission.amount;
  }

  /** What is left of the tightest budget after this reservation; null where no budget applies. */
  get budgetLeft(): Micros | null {
    return this.admission.budgetLeft;
  }

  /**
   * Writes down what will have been delivered, in all, with the piece that goes out next. Call it before each piece, and
   * before the upstream call with what that costs by itself. Synchronous; a piece whose progress throws must not go out.
   * @throws AppError `unavailable` when the lease is lost: somebody else may have settled the call already
   * @throws Error when the disk does not take it
   */
  progress(cost: Micros, quantities: Quantities): void {
    if (this.#state !== 'open' || performance.now() >= this.#leaseEnds) {
      throw usageErrors.lease_lost(
        'The budget of this call could not be kept reserved, so it was cut here and billed up to here. Try again shortly.',
        { retryAfterMs: 1_000 },
      );
    }
    this.#services.journal.write(this.#slot, cost, quantities);
    this.#delivered = { cost, quantities };
    this.#isUntold = true;
  }

  /** Says who is asked from now on: who was claimed (0), or one of the others. The next progress writes it down. */
  asks(at: number): void {
    this.#asked = at;
    this.#services.journal.ask(this.#slot, at);
  }

  /** Whether anything is to be billed. */
  get hasBegun(): boolean {
    return Object.keys(this.#delivered.quantities).length > 0;
  }

  /** What has been told of as delivered. */
  get delivered(): { cost: Micros; quantities: Quantities } {
    return this.#delivered;
  }

  /** Tells the listener what was delivered in all, once the call ends. */
  onEnd(listener: (delivered: Quantities) => void): void {
    this.#onEnd = listener;
  }

  /**
   * Bills the call. It waits for the commit, and for the database where that is away; the answer to the client need not
   * wait for it, if the last progress told of the same quantities.
   */
  async settle(delivered: Delivered, attached: Attached = {}): Promise<Bill> {
    this.#state = 'ending';
    this.#onEnd?.(delivered.quantities);
    if (delivered.quantities !== this.#delivered.quantities)
      this.#services.journal.write(this.#slot, delivered.cost, delivered.quantities);
    const remembered = this.admission;
    return this.#end({ kind: 'settle', ...this.#name(), isEstimated: false, ...delivered, remembered, attached });
  }

  /** Gives all of it back: nothing was delivered and the provider takes nothing for it. */
  async release(attached: Attached = {}): Promise<Bill> {
    this.#state = 'ending';
    this.#onEnd?.({});
    return this.#end({ kind: 'release', ...this.#name(), remembered: this.admission, attached });
  }

  /** For the ledger: what to tell the database of, if the hold is still open. */
  renewal(isDue: boolean): LedgerCall | null {
    if (this.#state !== 'open' || !(this.#isUntold || isDue)) return null;
    this.#isUntold = false;
    return { kind: 'renew', ...this.#name(), ...this.#delivered, ...servedBy(this.admission.claims, this.#asked) };
  }

  /** For the ledger: the lease was renewed and ends then, or (`null`) somebody else has ended the call. */
  renewed(leaseEnds: number | null): void {
    if (leaseEnds === null && this.#state === 'open') this.#state = 'lost';
    if (leaseEnds !== null) this.#leaseEnds = leaseEnds;
  }

  #name(): { orgId: string; id: string } {
    return { orgId: this.admission.claims.orgId, id: this.admission.id };
  }

  async #end(call: LedgerCall): Promise<Bill> {
    const answer = await this.#services.end(call);
    this.#services.journal.close(this.#slot);
    this.#services.ended(this);
    if (answer.outcome === 'settled') return { cost: answer.cost, overrun: answer.overrun };
    return { cost: answer.outcome === 'already' ? answer.cost : null, overrun: 0 };
  }
}
