/** How a model of a provider has been answering lately, as this process saw it. */
export type Health = {
  state: 'closed' | 'open' | 'half_open';
  /** Calls and failures in the last minute. */
  calls: number;
  failures: number;
  /** Moving average of the time to the first byte, milliseconds; null before the first answer. */
  latencyMs: number | null;
  /** When an open breaker lets the next call through, epoch milliseconds. */
  retryAt: number | null;
};

const WINDOW_MS = 60_000;
const SLOT_MS = 5_000;
/** Fewer calls than this say nothing about a provider. */
const LEAST_CALLS = 5;
const OPEN_AT = 0.5;
const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 120_000;
/** Weight of the newest answer in the average. */
const SMOOTHING = 0.2;

type Observed = {
  /** Counts of a few seconds each, oldest first. */
  slots: { from: number; calls: number; failures: number }[];
  latencyMs: number | null;
  restMs: number;
  /** Zero: closed. */
  openUntil: number;
  isTrying: boolean;
};

/**
 * Circuit breakers, one for each provider and model. Half of at least five calls of a minute failing opens one; after a
 * rest one call is let through, and its outcome closes the breaker or doubles the rest.
 */
export class Breakers {
  readonly #records = new Map<string, Observed>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether a call may be made; a half-open breaker gives the one trial away with this answer. */
  admits(name: string): boolean {
    const record = this.#records.get(name);
    if (!record || record.openUntil === 0) return true;
    if (this.#now() < record.openUntil || record.isTrying) return false;
    record.isTrying = true;
    return true;
  }

  succeeded(name: string, latencyMs: number): void {
    const record = this.#recordOf(name);
    this.#slotOf(record).calls += 1;
    record.latencyMs =
      record.latencyMs === null ? latencyMs : record.latencyMs + SMOOTHING * (latencyMs - record.latencyMs);
    if (record.openUntil === 0) return;
    Object.assign(record, { openUntil: 0, restMs: FIRST_REST_MS, isTrying: false, slots: [] });
  }

  /** @param retryAfterMs what the provider asked for, if anything */
  failed(name: string, retryAfterMs: number | null): void {
    const record = this.#recordOf(name);
    const now = this.#now();
    const slot = this.#slotOf(record);
    slot.calls += 1;
    slot.failures += 1;
    const wasOpen = record.openUntil !== 0;
    if (wasOpen) record.restMs = Math.min(LONGEST_REST_MS, record.restMs * 2);
    if (wasOpen || isFailing(countsOf(record))) {
      record.openUntil = now + Math.max(record.restMs, Math.min(retryAfterMs ?? 0, LONGEST_REST_MS));
      record.isTrying = false;
    }
  }

  /** A call that was let through ended without saying anything about the provider: its caller left. */
  gaveUp(name: string): void {
    const record = this.#records.get(name);
    if (record) record.isTrying = false;
  }

  healthOf(name: string): Health {
    const record = this.#records.get(name);
    if (!record) return { state: 'closed', calls: 0, failures: 0, latencyMs: null, retryAt: null };
    this.#forget(record);
    const isOpen = record.openUntil !== 0;
    const state = !isOpen ? 'closed' : this.#now() < record.openUntil ? 'open' : 'half_open';
    return {
      state,
      ...countsOf(record),
      latencyMs: record.latencyMs,
      retryAt: isOpen ? record.openUntil : null,
    };
  }

  /** Health over all models of a provider, whose names begin alike: as bad as the worst of them. */
  healthOfAll(prefix: string): Health {
    const all = [...this.#records.keys()].filter((name) => name.startsWith(prefix)).map((name) => this.healthOf(name));
    const known = all.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs]));
    const sum = (count: (health: Health) => number): number => all.reduce((total, health) => total + count(health), 0);
    return {
      state:
        all.find(({ state }) => state === 'open')?.state ??
        all.find(({ state }) => state === 'half_open')?.state ??
        'closed',
      calls: sum(({ calls }) => calls),
      failures: sum(({ failures }) => failures),
      latencyMs: known.length === 0 ? null : known.reduce((total, latency) => total + latency, 0) / known.length,
      retryAt: null,
    };
  }

  /** How many are open, or wait for the outcome of their trial. */
  get open(): number {
    return [...this.#records.values()].filter(({ openUntil }) => openUntil !== 0).length;
  }

  #recordOf(name: string): Observed {
    const known = this.#records.get(name);
    if (known) {
      this.#forget(known);
      return known;
    }
    const fresh: Observed = { slots: [], latencyMs: null, restMs: FIRST_REST_MS, openUntil: 0, isTrying: false };
    this.#records.set(name, fresh);
    return fresh;
  }

  #slotOf({ slots }: Observed): Observed['slots'][number] {
    const now = this.#now();
    const last = slots[slots.length - 1];
    if (last && now - last.from < SLOT_MS) return last;
    const fresh = { from: now, calls: 0, failures: 0 };
    slots.push(fresh);
    return fresh;
  }

  #forget({ slots }: Observed): void {
    const from = this.#now() - WINDOW_MS;
    while (slots[0] && slots[0].from < from) slots.shift();
  }
}

function countsOf({ slots }: Observed): { calls: number; failures: number } {
  let [calls, failures] = [0, 0];
  for (const slot of slots) {
    calls += slot.calls;
    failures += slot.failures;
  }
  return { calls, failures };
}

const isFailing = ({ calls, failures }: { calls: number; failures: number }): boolean =>
  calls >= LEAST_CALLS && failures / calls >= OPEN_AT;
