import { formatDollars, type Micros } from '../../../kernel/money.ts';
import type { Leaf } from '../../audit/index.ts';
import { remainingOf, resetOf, thresholdReached } from '../budgets/model.ts';
import { budgetErrors, priceErrors, usageErrors } from '../errors.ts';
import {
  type Admitted,
  type Already,
  type Attached,
  type Claims,
  type Counter,
  counterKey,
  type HeldCounter,
  keyOf,
  type LedgerAnswer,
  type LedgerCall,
  type LedgerEvent,
  type Refused,
  type ReleaseCall,
  type RenewCall,
  type Reservation,
  type ReserveCall,
  type SettleCall,
  scopesOf,
  type UsageRecord,
} from './model.ts';

/** What was read under lock, as of the start of the transaction. */
export type LedgerState = {
  now: Date;
  counters: readonly Counter[];
  /** Those that are settled or released are gone from the table already. */
  reservations: readonly Reservation[];
  /** Cost by key of what was billed before, of the calls whose reservation is not there. */
  billed: ReadonlyMap<string, Micros>;
};

export type CounterChange = { counter: Counter; spent: Micros; reserved: Micros };
export type Renewal = RenewCall & { progress: Micros };
export type NewReservation = Reservation & { nodeId: string };

/** What a batch of calls amounts to, in rows. */
export type Changes = {
  inserted: NewReservation[];
  renewed: Renewal[];
  counters: CounterChange[];
  records: UsageRecord[];
  leaves: Leaf[];
  events: { orgId: string; event: LedgerEvent }[];
};

type Tally = { counter: Counter; spent: Micros; reserved: Micros; isTouched: boolean };

/**
 * Decides a batch of calls, one after the other, against the running totals of the counters that are locked for it. Pure:
 * the same calls on the same state give the same changes.
 *
 * Invariant: of every counter, `spent + reserved` only grows by an admission that leaves it within the limit.
 */
export class Decisions {
  readonly #now: Date;
  readonly #billed: Map<string, Micros>;
  readonly #tallies = new Map<string, Tally>();
  readonly #byScope = new Map<string, Tally[]>();
  readonly #open = new Map<string, Reservation>();
  readonly #inserted = new Map<string, NewReservation>();
  readonly #changes: Changes = {
    inserted: [],
    renewed: [],
    counters: [],
    records: [],
    leaves: [],
    events: [],
  };

  constructor(state: LedgerState) {
    this.#now = state.now;
    this.#billed = new Map(state.billed);
    for (const reservation of state.reservations) this.#open.set(keyOf(reservation), reservation);
    for (const counter of state.counters) {
      const tally: Tally = { counter: { ...counter }, spent: 0, reserved: 0, isTouched: false };
      this.#tallies.set(counterKey(counter.orgId, heldOf(counter)), tally);
      if (!counter.isCurrent) continue;
      const scope = scopeKey(counter.orgId, counter.scope);
      this.#byScope.set(scope, [...(this.#byScope.get(scope) ?? []), tally]);
    }
  }

  decide(call: LedgerCall): LedgerAnswer {
    switch (call.kind) {
      case 'reserve':
        return this.#reserve(call);
      case 'settle':
        return this.#settle(call);
      case 'release':
        return this.#release(call);
      case 'renew':
        return this.#renew(call);
    }
  }

  get changes(): Changes {
    const inserted = [...this.#inserted.values()];
    const counters = [...this.#tallies.values()]
      .filter(({ isTouched }) => isTouched)
      .map(({ counter, spent, reserved }) => ({ counter, spent, reserved }));
    return { ...this.#changes, inserted, counters };
  }

  #reserve(call: ReserveCall): Admitted | Refused {
    const { claims, amount } = call;
    if (this.#open.has(keyOf(call)) || this.#billed.has(keyOf(call))) {
      return refused(
        usageErrors.already_billed(
          'This call is under way, or has been billed. It is not made twice: to make another, give it another name.',
        ),
      );
    }
    const tallies = scopesOf(claims).flatMap((scope) => this.#byScope.get(scopeKey(call.orgId, scope)) ?? []);
    if (amount === null && tallies.length > 0) return refused(noPrice(claims));
    const wanted = amount ?? 0;
    const full = tallies.filter(({ counter }) => wanted > 0 && remainingOf(counter.limit, counter) < wanted);
    const hopeless = full.filter(({ counter }) => remainingOf(counter.limit, counter) < Math.max(1, call.least));
    for (const tally of hopeless) this.#tellExceeded(tally);
    const [first] = full.toSorted(
      (a, b) => remainingOf(a.counter.limit, a.counter) - remainingOf(b.counter.limit, b.counter),
    );
    if (first) return { ...refused(overBudget(first.counter, wanted)), isFinal: hopeless.length > 0 };
    for (const tally of tallies) move(tally, { spent: 0, reserved: wanted });
    const reservation: NewReservation = {
      orgId: call.orgId,
      id: call.id,
      claims,
      nodeId: call.nodeId,
      amount: wanted,
      progress: 0,
      progressQuantities: {},
      held: tallies.map(({ counter }) => heldOf(counter)),
      reservedAt: this.#now,
    };
    this.#open.set(keyOf(call), reservation);
    this.#inserted.set(keyOf(call), reservation);
    this.#attach(call.orgId, call.attached);
    const left = tallies.map(({ counter }) => remainingOf(counter.limit, counter));
    return {
      outcome: 'held',
      reservedAt: this.#now,
      amount: wanted,
      held: reservation.held,
      budgetLeft: left.length === 0 ? null : Math.min(...left),
    };
  }

  #settle(call: SettleCall): LedgerAnswer {
    const reservation = this.#take(call);
    if (!reservation) return this.#already(call);
    const cost = Math.min(call.cost, reservation.amount);
    const overrun = call.cost - cost;
    for (const tally of this.#talliesOf(reservation)) {
      move(tally, { spent: cost, reserved: -reservation.amount });
      this.#tellThreshold(tally);
    }
    this.#billed.set(keyOf(call), cost);
    const { orgId: _orgId, others: _others, runs: _runs, ...claims } = reservation.claims;
    this.#changes.records.push({
      ...claims,
      ...call.served,
      orgId: call.orgId,
      id: call.id,
      at: reservation.reservedAt,
      outcome: call.outcome,
      isEstimated: call.isEstimated,
      cost,
      overrun,
      quantities: call.quantities,
    });
    if (overrun > 0) {
      const data = { usage_record_id: call.id, reserved_micros: reservation.amount, overrun_micros: overrun };
      this.#tell(call.orgId, { type: 'budget.overrun', subject: call.id, data });
    }
    this.#attach(call.orgId, call.attached);
    return { outcome: 'settled', cost, overrun };
  }

  #release(call: ReleaseCall): LedgerAnswer {
    const reservation = this.#take(call);
    if (!reservation) return this.#already(call);
    for (const tally of this.#talliesOf(reservation)) move(tally, { spent: 0, reserved: -reservation.amount });
    this.#attach(call.orgId, call.attached);
    return { outcome: 'released' };
  }

  #renew(call: RenewCall): LedgerAnswer {
    const reservation = this.#open.get(keyOf(call));
    if (!reservation) return { outcome: 'lost' };
    this.#changes.renewed.push({ ...call, progress: Math.min(call.cost, reservation.amount) });
    return { outcome: 'renewed' };
  }

  #take(call: SettleCall | ReleaseCall): Reservation | null {
    const key = keyOf(call);
    const reservation = this.#open.get(key);
    if (!reservation) return null;
    this.#open.delete(key);
    // Made in this very batch: then it is never written.
    this.#inserted.delete(key);
    return reservation;
  }

  #already(call: SettleCall | ReleaseCall): Already {
    return { outcome: 'already', cost: this.#billed.get(keyOf(call)) ?? null };
  }

  /** A budget that was deleted meanwhile is not among them. */
  #talliesOf({ orgId, held }: Reservation): Tally[] {
    return held.map((each) => this.#tallies.get(counterKey(orgId, each))).filter((tally) => tally !== undefined);
  }

  #tellThreshold(tally: Tally): void {
    const { counter } = tally;
    const percent = thresholdReached(counter, counter);
    if (percent !== null) {
      counter.toldPercent = percent;
      this.#tell(counter.orgId, {
        type: 'budget.threshold',
        subject: counter.budgetId,
        data: { percent, ...shown(counter) },
      });
    }
    if (counter.limit > 0 && counter.spent >= counter.limit) this.#tellExceeded(tally);
  }

  #tellExceeded(tally: Tally): void {
    const { counter } = tally;
    if (counter.toldExceeded) return;
    counter.toldExceeded = true;
    tally.isTouched = true;
    this.#tell(counter.orgId, { type: 'budget.exceeded', subject: counter.budgetId, data: shown(counter) });
  }

  #tell(orgId: string, event: LedgerEvent): void {
    this.#changes.events.push({ orgId, event });
  }

  #attach(orgId: string, { leaves = [], events = [] }: Attached): void {
    this.#changes.leaves.push(...leaves);
    for (const event of events) this.#tell(orgId, event);
  }
}

function move(tally: Tally, by: { spent: Micros; reserved: Micros }): void {
  tally.spent += by.spent;
  tally.reserved += by.reserved;
  tally.counter.spent += by.spent;
  tally.counter.reserved += by.reserved;
  tally.isTouched = true;
}

const refused = (refusal: Error): Refused => ({ outcome: 'refused', refusal, isFinal: true });

const scopeKey = (orgId: string, { kind, id }: Counter['scope']): string => `${orgId}/${kind}/${id}`;

const heldOf = ({ budgetId, periodStart }: Pick<Counter, 'budgetId' | 'periodStart'>): HeldCounter => [
  budgetId,
  periodStart.toISOString(),
];

const shown = (counter: Counter): Record<string, unknown> => ({
  name: counter.name,
  scope: counter.scope,
  period: counter.period,
  period_start: counter.periodStart.toISOString(),
  limit_micros: counter.limit,
  spent_micros: counter.spent,
  reserved_micros: counter.reserved,
});

const noPrice = ({ provider, model }: Claims): Error =>
  priceErrors.missing(
    `A budget applies, and nobody knows what ${model} of ${provider} costs. Set its price for your organization, or use a model that has one.`,
  );

const PER: Readonly<Record<Counter['period'], string>> = {
  day: ' a day',
  week: ' a week',
  month: ' a month',
  total: ' in all',
};

function overBudget(counter: Counter, wanted: Micros): Error {
  const { name, scope, period, periodStart, limit, spent, reserved } = counter;
  const reset = resetOf(period, periodStart);
  const state = `${formatDollars(spent)} are spent and ${formatDollars(reserved)} reserved for calls under way`;
  if (scope.kind === 'run')
    return budgetErrors.of_run_exceeded(
      `The run ${scope.id} may cost ${formatDollars(limit)}; ${state}, so the ${formatDollars(wanted)} that this may cost do not fit.`,
    );
  const way = reset === null ? 'It never resets' : `It resets at ${reset.toISOString().replace('.000', '')}`;
  return budgetErrors.exceeded(
    `The budget "${name}" allows ${formatDollars(limit)}${PER[period]}; ${state}, so the ${formatDollars(wanted)} that this may cost do not fit. ${way}; ask for less, or have its limit raised.`,
  );
}
