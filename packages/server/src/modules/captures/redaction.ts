import { RE2JS } from 're2js';
import type { Json } from '../../kernel/json.ts';
import { captureErrors } from './errors.ts';
import type { BuiltInRedactor, CapturePolicy, Pattern } from './model.ts';

/** Finds what is to be taken out of a text: from where to where. */
type Finder = (text: string) => Iterable<readonly [from: number, to: number]>;
export type Redactor = { name: string; find: Finder };

const ADDRESS = /[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu;
/** Keys of which the vendor can be told by their form, tokens in JWT form, and private keys. */
const KEYS =
  /\b(?:sk|pk|rk|ak)[-_][A-Za-z0-9_-]{16,256}|\b(?:gh[pousr]_|github_pat_|glpat-|hf_|npm_|xox[abeprs]-)[A-Za-z0-9_-]{10,256}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}|\beyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024}|\bBearer [A-Za-z0-9._~+/-]{16,4096}|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{0,8192}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?/g;
const DIGITS = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])/g;

// Each repeats within bounds, and no two of its repetitions can share a text: their time grows with the text alone.
const BUILT_IN: Readonly<Record<BuiltInRedactor, Finder>> = {
  email: (text) => matches(ADDRESS, text),
  api_key: (text) => matches(KEYS, text),
  card_number: (text) => matches(DIGITS, text).filter(([from, to]) => isCardNumber(text.slice(from, to))),
};

const matches = (pattern: RegExp, text: string): [number, number][] =>
  [...text.matchAll(pattern)].map(({ index, 0: found }) => [index, index + found.length]);

/** Whether the check digit of a number is right (ISO/IEC 7812, Luhn). */
function isCardNumber(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits[digits.length - 1 - at]);
    const doubled = digit * 2;
    sum += at % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 && /[1-9]/.test(digits);
}

/** A program of more steps than this takes noticeable time for each page of text. */
const MOST_STEPS = 500;
/** A pattern looks at so much text at once; what it finds begins in there and goes on for no more than the overlap. */
const WINDOW = 16_384;
const OVERLAP = 1_024;

/**
 * Makes a redactor of an organization's pattern. Its engine (RE2) has no backtracking: time grows with the text alone.
 * @throws AppError `invalid` for a pattern that is none, or is too costly
 */
export function redactorOf({ name, pattern }: Pattern, field = 'patterns'): Redactor {
  const refuse = (constraint: string, message: string): Error =>
    captureErrors.pattern_invalid(`The pattern "${name}" cannot be used: ${message}`, {
      faults: [{ field, constraint, message }],
    });
  let program: RE2JS;
  try {
    program = RE2JS.compile(pattern);
  } catch (thrown) {
    throw refuse('pattern', thrown instanceof Error ? thrown.message : 'it cannot be read.');
  }
  if (program.programSize() > MOST_STEPS) throw refuse('cost', 'it repeats too much. Make it simpler, or two of it.');
  if (program.matcher('').find()) throw refuse('empty', 'it matches a text of nothing, and so any text.');
  return { name, find: (text) => matchesOf(program, text) };
}

function* matchesOf(program: RE2JS, text: string): Generator<[number, number]> {
  for (let from = 0; from < text.length; ) {
    const window = text.slice(from, from + WINDOW + OVERLAP);
    const isLast = from + WINDOW >= text.length;
    const matcher = program.matcher(window);
    let next = WINDOW;
    while (matcher.find()) {
      const [start, end] = [matcher.start(), matcher.end()];
      if (start >= WINDOW && !isLast) break;
      if (end > start) yield [from + start, from + end];
      next = Math.max(next, end);
    }
    from += next;
  }
}

/** What a policy takes out, in order. */
export const redactorsOf = ({ redactors, patterns }: CapturePolicy): Redactor[] => [
  ...redactors.map((name) => ({ name, find: BUILT_IN[name] })),
  ...patterns.map((pattern) => redactorOf(pattern)),
];

/** Puts a mark in the place of all that one of them finds. */
function redactText(text: string, redactors: readonly Redactor[]): { text: string; found: number } {
  let found = 0;
  let left = text;
  for (const { name, find } of redactors) {
    let redacted = '';
    let end = 0;
    for (const [from, to] of find(left)) {
      redacted += `${left.slice(end, from)}[redacted: ${name}]`;
      end = to;
      found += 1;
    }
    if (end > 0) left = redacted + left.slice(end);
  }
  return { text: left, found };
}

/** Longest text that is looked through; what is behind it is not kept. */
const MOST_TEXT = 262_144;
/** Looked through as well, and thrown away: something that began there may end behind. */
const TAIL = 8_192;

export type Redacted = { value: Json; found: number; isCut: boolean };

/** Takes out of every text of a value what the redactors find. Between texts others have their turn: see `rest`. */
export async function redact(
  value: Json,
  redactors: readonly Redactor[],
  rest: () => Promise<void> | null,
): Promise<Redacted> {
  const redacted: Redacted = { value, found: 0, isCut: false };
  const clean = (text: string): string => {
    const isLong = text.length > MOST_TEXT;
    const { text: left, found } = redactText(isLong ? text.slice(0, MOST_TEXT + TAIL) : text, redactors);
    redacted.found += found;
    redacted.isCut ||= isLong;
    return isLong ? `${left.slice(0, -TAIL)} … [cut]` : left;
  };
  redacted.value = await withTexts(value, async (text) => {
    await rest();
    return clean(text);
  });
  return redacted;
}

/** The same value with other texts in it. */
async function withTexts(value: Json, other: (text: string) => Promise<string>): Promise<Json> {
  if (typeof value === 'string') return other(value);
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const item of value) items.push(await withTexts(item, other));
    return items;
  }
  if (value === null || typeof value !== 'object') return value;
  const entries: [string, Json][] = [];
  for (const [key, item] of Object.entries(value)) entries.push([key, await withTexts(item, other)]);
  return Object.fromEntries(entries);
}
