import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { audibilityOf } from '../packages/server/src/compose/event-visibility.ts';
import { SCOPES } from '../packages/server/src/modules/access/index.ts';
import { REPOSITORY, sourceFiles } from './source-files.ts';

/** Files that tell of something: by the outbox, by an operation's context, or in a statement of their own. */
const TELLS = /\bemit\(|\binsertEvents?\(|insert into events|\bNewEvent\b/;
const modules = sourceFiles().filter(
  ({ path, isTest }) => !isTest && /^packages\/server\/src\/(modules|compose)\//.test(path),
);
const sources = modules.filter(({ text }) => TELLS.test(text));
const told = new Set<string>();
/** What types begin with whose end is only known when they are told. */
const beginnings = new Set<string>();
for (const { text } of sources) {
  for (const [, type = ''] of text.matchAll(/\btype: '([a-z_]+(?:\.[a-z_]+)+)'/g)) told.add(type);
  for (const [, type = ''] of text.matchAll(/\btype: `([a-z_.]+\.)\$\{/g)) beginnings.add(type);
  for (const [, type = ''] of text.matchAll(/'([a-z]+\.)' \|\| \w+\.state/g)) beginnings.add(type);
}
const words = new Set(modules.flatMap(({ text }) => [...text.matchAll(/'([a-z_.]+)'/g)].map(([, word]) => word)));

const guide = readFileSync(`${REPOSITORY}docs/guides/events.md`, 'utf8');
const rows = guide.split('\n').flatMap((line) => {
  const [, types = '', , scope = ''] = line.split('|').map((cell) => cell.trim());
  const named = [...types.matchAll(/`([a-z_]+\.[a-z_.]+)`/g)].map(([, type]) => String(type));
  return named.map((type) => ({ type, scope: scope.replaceAll('`', '') }));
});
const documented = rows.map(({ type }) => type);

describe('the types of events', () => {
  test('that the code tells are all in the guide', () => {
    expect([...told].filter((type) => !documented.includes(type))).toEqual([]);
    const missing = [...beginnings].filter((beginning) => !documented.some((type) => type.startsWith(beginning)));
    expect(missing).toEqual([]);
  });

  test('in the guide are all told by the code, each is named once', () => {
    const isTold = (type: string): boolean =>
      told.has(type) || words.has(type) || [...beginnings].some((beginning) => type.startsWith(beginning));
    expect(documented.filter((type) => !isTold(type))).toEqual([]);
    expect(new Set(documented).size).toBe(documented.length);
  });

  test('are shown to whoever has the scope that the guide names, and to nobody without it', () => {
    for (const { type, scope } of rows) {
      const others = Object.keys(SCOPES).filter((each) => !each.startsWith(scope.replace('read', '')));
      expect([type, audibilityOf({ scopes: new Set([scope]) }, type)]).toEqual([type, 'heard']);
      expect([type, audibilityOf({ scopes: new Set(others) }, type)]).toEqual([type, 'denied']);
    }
  });
});
