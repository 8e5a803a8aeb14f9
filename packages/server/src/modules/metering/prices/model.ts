import type { Micros } from '../../../kernel/money.ts';

/*
 * quantity   what a provider counts and bills: tokens of one class, searches, requests. Classes never overlap: tokens
 *            read from a cache are not `input` as well, tokens spent on reasoning are not `output` as well.
 * rate       micro-dollars for a million of a quantity: an integer, also for the cheapest models
 * tier       rates that hold instead, for the whole call, when its input is larger than a bound
 * price      the rates of one model at one moment, and the name under which that can be looked up later
 */

/** What goes in, what comes out, and what is neither. A class without a rate of its own is billed as its fallback. */
export const QUANTITIES = [
  'input',
  'cacheRead',
  'cacheWrite',
  'cacheWriteLong',
  'output',
  'reasoning',
  'inputImage',
  'cacheReadImage',
  'outputImage',
  'inputAudio',
  'cacheReadAudio',
  'outputAudio',
  'webSearches',
  'requests',
] as const;
export type Quantity = (typeof QUANTITIES)[number];
export type Quantities = Partial<Record<Quantity, number>>;
export type Rates = Partial<Record<Quantity, number>>;

export type Tier = { above: number; rates: Rates };
export type Price = {
  /** Says which price it was: a release of the catalogue, a version of an override, or that the caller chose. */
  version: string;
  rates: Rates;
  tiers: readonly Tier[];
  /** What a call through the vendor's batch API costs, in percent. */
  batchPercent: number;
  /** The model's context window in tokens, where that is known. */
  contextWindow: number | null;
};

/** The most of one quantity in one call: what a slot of the journal can say. */
const MOST_OF_A_QUANTITY = 4_000_000_000;

/** One step in the price of a model in an organization. `price` null: from then on the catalogue's holds again. */
export type Override = {
  provider: string;
  model: string;
  version: number;
  effectiveFrom: Date;
  price: OverridePrice | null;
  createdBy: string;
  createdAt: Date;
};
export type OverridePrice = Pick<Price, 'rates' | 'tiers' | 'batchPercent'>;

const FALLBACK: Readonly<Partial<Record<Quantity, Quantity>>> = {
  cacheRead: 'input',
  cacheWrite: 'input',
  cacheWriteLong: 'cacheWrite',
  reasoning: 'output',
  inputImage: 'input',
  cacheReadImage: 'cacheRead',
  outputImage: 'output',
  inputAudio: 'input',
  cacheReadAudio: 'cacheRead',
  outputAudio: 'output',
};

const INPUT: readonly Quantity[] = [
  'input',
  'cacheRead',
  'cacheWrite',
  'cacheWriteLong',
  'inputImage',
  'cacheReadImage',
  'inputAudio',
  'cacheReadAudio',
];

const PER_RATE = 1_000_000n;
const PERCENT = 100n;

function rateOf(rates: Rates, quantity: Quantity): number {
  const rate = rates[quantity];
  if (rate !== undefined) return rate;
  const fallback = FALLBACK[quantity];
  return fallback === undefined ? 0 : rateOf(rates, fallback);
}

/** The rates that hold for a call of this much input: those of the highest tier below it. */
function ratesFor({ rates, tiers }: Price, input: number): Rates {
  const tier = tiers.findLast(({ above }) => input > above);
  return tier ? { ...rates, ...tier.rates } : rates;
}

const roundUp = (numerator: bigint, denominator: bigint): Micros =>
  Number((numerator + denominator - 1n) / denominator);

/** @throws RangeError for what nobody can have counted */
function countOf(quantities: Quantities, quantity: Quantity): number {
  const count = quantities[quantity] ?? 0;
  if (!Number.isSafeInteger(count) || count < 0 || count > MOST_OF_A_QUANTITY)
    throw new RangeError(`${count} is no number of ${quantity}.`);
  return count;
}

/**
 * What a call costs: exact in integers, and rounded up to the micro-dollar once, over the whole call. It grows with each
 * quantity, so the cost of a part of a stream is never more than that of the whole.
 * @throws RangeError for a quantity that is no whole number from 0 to `MOST_OF_A_QUANTITY`
 */
export function costOf(price: Price, quantities: Quantities, { isBatch = false } = {}): Micros {
  const rates = ratesFor(
    price,
    INPUT.reduce((sum, quantity) => sum + countOf(quantities, quantity), 0),
  );
  let sum = 0n;
  for (const quantity of QUANTITIES) {
    const count = countOf(quantities, quantity);
    if (count > 0) sum += BigInt(count) * BigInt(rateOf(rates, quantity));
  }
  return isBatch ? roundUp(sum * BigInt(price.batchPercent), PER_RATE * PERCENT) : roundUp(sum, PER_RATE);
}

/** What a call can at most use. Classes are those that it may be billed in: text in and out unless said otherwise. */
export type Bounds = {
  input: number;
  output: number;
  inputClasses?: readonly Quantity[];
  outputClasses?: readonly Quantity[];
  webSearches?: number;
  isBatch?: boolean;
};

const TEXT_IN: readonly Quantity[] = ['input', 'cacheRead', 'cacheWrite', 'cacheWriteLong'];
const TEXT_OUT: readonly Quantity[] = ['output', 'reasoning'];

/**
 * The most that a call within the bounds can cost: all of its input in the dearest class it may be billed in, all of its
 * output likewise, in the dearest tier that it may reach. This is what a budget sets aside.
 */
export function mostOf(price: Price, bounds: Bounds): Micros {
  const { input, output, inputClasses = TEXT_IN, outputClasses = TEXT_OUT, webSearches = 0, isBatch = false } = bounds;
  const reachable = [price.rates, ...price.tiers.filter(({ above }) => input > above).map(({ rates }) => rates)];
  const rate = (classes: readonly Quantity[]): number =>
    Math.max(
      0,
      ...reachable.flatMap((tier) => classes.map((quantity) => rateOf({ ...price.rates, ...tier }, quantity))),
    );
  const flat: Rates = {
    input: rate(inputClasses),
    output: rate(outputClasses),
    webSearches: rate(['webSearches']),
    requests: rate(['requests']),
  };
  const whole = { ...price, rates: flat, tiers: [] };
  return costOf(whole, { input, output, webSearches, requests: 1 }, { isBatch });
}

/** A price that a caller chose, for providers that have none of their own: `echo`, recorded exchanges. */
export const chosenPrice = (rates: Rates, version = 'chosen'): Price => ({
  version,
  rates,
  tiers: [],
  batchPercent: 100,
  contextWindow: null,
});

/** A model that runs on the organization's own machines. */
export const FREE: Price = chosenPrice({}, 'free');
