import { InvalidArgumentError } from 'commander';

/** Micro-dollars as a person reads them. */
export const dollars = (micros: number): string => `$${(micros / 1_000_000).toFixed(6).replace(/0{1,4}$/, '')}`;

/** `20`, `0.5` or `$1.25`, as micro-dollars. */
export function microDollars(value: string): number {
  const [, whole, part = ''] = /^\$?(\d{1,9})(?:\.(\d{1,6}))?$/.exec(value) ?? [];
  if (whole === undefined) throw new InvalidArgumentError('It must be dollars, like 20 or 0.5.');
  return Number(whole) * 1_000_000 + Number(part.padEnd(6, '0'));
}
