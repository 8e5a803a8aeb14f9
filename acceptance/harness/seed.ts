import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

const text = readFileSync(new URL('../seeds/crucible-platform.md', import.meta.url), 'utf8');

/** The seed, line by line, as the document that clients were written against. */
export const SEED_LINES: readonly string[] = text.split('\n');

/** The text of the first code block below a chain of headings, byte for byte. */
export function seedBlock(...headings: string[]): string {
  let at = 0;
  for (const heading of headings) {
    at = text.slice(at).search(new RegExp(`^#+ ${heading}$`, 'm')) + at;
    if (text.slice(at).search(/^#/) !== 0) throw new Error(`The seed has no heading "${heading}".`);
  }
  const block = /^```\w*\n(.*?)\n```/ms.exec(text.slice(at));
  if (!block?.[1]) throw new Error(`The seed has no code below "${headings.join(' / ')}".`);
  return block[1];
}

/** What the seed shows as JSON below these headings. */
export const seedJson = (...headings: string[]): object => JSON.parse(seedBlock(...headings)) as object;

/** Every request line of the seed. */
export const SEED_ROUTES: readonly string[] = [...text.matchAll(/^(?:GET|POST) \/\S+$/gm)].map(([route]) => route);

/** How the seed writes what it gives one example of. */
const FORMS: readonly (readonly [form: RegExp, shown: string])[] = [
  [/^eval_\d{8}_\d{6}_[a-z0-9]{6}$/, 'an evaluation id'],
  [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/, 'a time'],
];

/**
 * Holds an answer to what the seed shows: every field is there, with a value of the same kind and, for ids and times,
 * of the same form. Fields beyond the seed's are allowed.
 */
export function expectAsShown(actual: unknown, shown: unknown, path = 'the answer'): void {
  if (Array.isArray(shown)) {
    expect(Array.isArray(actual), `${path} is a list`).toBe(true);
    for (const [index, item] of (actual as unknown[]).entries()) expectAsShown(item, shown[0], `${path}[${index}]`);
    return;
  }
  if (typeof shown === 'object' && shown !== null) {
    for (const [name, value] of Object.entries(shown)) {
      expect(actual, path).toHaveProperty([name]);
      expectAsShown((actual as Record<string, unknown>)[name], value, `${path}.${name}`);
    }
    return;
  }
  expect(typeof actual, path).toBe(typeof shown);
  for (const [form, name] of FORMS) {
    if (typeof shown === 'string' && form.test(shown)) expect(actual, `${path} is ${name}`).toMatch(form);
  }
}
