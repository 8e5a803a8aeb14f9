import { InvalidArgumentError } from 'commander';

/*
 * How the values of options are read. Each refuses with the end of a sentence; commander puts the option before it.
 */

const SECONDS_OF: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const MEBIBYTES_OF: Readonly<Record<string, number>> = { m: 1, g: 1_024 };

/** `10s`, `2m`, `1h`, `30d` or a plain number of seconds, as seconds. */
export function seconds(value: string): number {
  const [, number, unit] = /^(\d{1,9})([smhd])?$/.exec(value) ?? [];
  if (number === undefined) throw new InvalidArgumentError('It must be a time like 10s, 2m or 1h, in whole seconds.');
  return Number(number) * (SECONDS_OF[unit ?? 's'] ?? 1);
}

/** `256m`, `1g` or a plain number of mebibytes, as mebibytes. */
export function mebibytes(value: string): number {
  const [, number, unit] = /^(\d{1,9})([mg])?(?:i?b)?$/i.exec(value) ?? [];
  if (number === undefined) throw new InvalidArgumentError('It must be a size like 256m or 1g.');
  return Number(number) * (MEBIBYTES_OF[unit?.toLowerCase() ?? 'm'] ?? 1);
}

export function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(value);
}

export function decimalNumber(value: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(value)) throw new InvalidArgumentError('It must be a number like 0.5 or 2.');
  return Number(value);
}

/** Collects an option that may be given several times. */
export const several = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Collects `NAME=VALUE`. */
export function pair(value: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}

export type Fallback = { provider?: string; model?: string; tier?: string };

/** Collects who is asked instead: a model, or any of provider, model and tier by name. */
export function fallback(value: string, before: readonly Fallback[] = []): Fallback[] {
  if (!value.includes('=')) return [...before, { model: value }];
  const named = value.split(',').map((part) => /^(provider|model|tier)=(.+)$/.exec(part));
  if (named.includes(null))
    throw new InvalidArgumentError('It must be a MODEL, or like provider=NAME,model=NAME or tier=basic.');
  return [...before, Object.fromEntries(named.map((part) => [part?.[1], part?.[2]]))];
}

/** Collects `Name: value`. */
export function header(value: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, content] = /^([\w-]+):\s*([\x20-\x7e]*)$/.exec(value) ?? [];
  if (name === undefined || content === undefined) throw new InvalidArgumentError('It must be "Name: value".');
  return { ...before, [name]: content };
}

/** A moment: how far from now (`90d`), or a date. As RFC 3339. */
export function moment(value: string): string {
  const ms = /^\d+[smhd]$/.test(value) ? Date.now() + seconds(value) * 1000 : Date.parse(value);
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('It must be a time from now like 90d, or a date like 2027-01-31.');
  return new Date(ms).toISOString();
}

/** How urgent something is. */
export function priority(value: string): number {
  if (!/^-?\d{1,2}$/.test(value) || Math.abs(Number(value)) > 10)
    throw new InvalidArgumentError('It must be -10 to 10.');
  return Number(value);
}
