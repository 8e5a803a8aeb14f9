import { parseArgs } from 'node:util';

/** How long a bench measures: more of either says more, and takes longer. */
export type Length = { rounds: number; seconds: number };

/**
 * Reads `--rounds` and `--seconds` from the command line, and `--quick`, for one short round that says little.
 * @throws Error when one is not a whole number above zero
 */
export function readLength(standard: Length): Length & { isQuick: boolean } {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, seconds: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const read = (name: keyof Length): number => {
    const given = values[name];
    const number = given === undefined ? (values.quick ? 1 : standard[name]) : Number(given);
    if (Number.isInteger(number) && number > 0) return number;
    throw new Error(`--${name} must be a whole number above 0; it is "${given}".`);
  };
  return { rounds: read('rounds'), seconds: read('seconds'), isQuick: values.quick };
}
