/**
 * Money in integer millionths of a US dollar. As a number it is exact up to 9 · 10⁹ dollars; no budget is larger than
 * `MOST_MICROS`.
 */
export type Micros = number;

const MICROS_PER_DOLLAR = 1_000_000;

/** A billion dollars: far from what a number cannot say, also as a sum of sums. */
export const MOST_MICROS: Micros = 1_000_000_000_000_000;

/** Dollars as a decimal number, for answers whose seeds show one. */
export const dollarsOf = (micros: Micros): number => micros / MICROS_PER_DOLLAR;

/** Dollars as decimal text, exact to the micro-dollar, for headers. */
export const decimalDollars = (micros: Micros): string => dollarsOf(micros).toFixed(6);

/** Dollars as a person reads them: two digits behind the point, more where they say something. */
export function formatDollars(micros: Micros): string {
  const sign = micros < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(micros) / MICROS_PER_DOLLAR);
  const rest = String(Math.abs(micros) % MICROS_PER_DOLLAR).padStart(6, '0');
  return `${sign}$${whole}.${rest.replace(/0{1,4}$/, '')}`;
}
