import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SEED_LINES } from './harness/seed.ts';

const page = readFileSync(new URL('../docs/seed-crucible-platform.md', import.meta.url), 'utf8');

/** A row of the table: which lines of the seed, and the tests that hold them. */
const rows = [...page.matchAll(/^\| (\d+)(?:–(\d+))? \| .+? \| (.+) \|$/gm)].map(([, from, to, tests = '']) => ({
  from: Number(from),
  to: Number(to ?? from),
  tests: [...tests.matchAll(/“(.+?)”/g)].map(([, name]) => name ?? ''),
  isProse: tests === '—',
}));

const names = globSync('*.test.ts', { cwd: import.meta.dirname }).flatMap((file) => {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');
  return [...source.matchAll(/\btest(?:\.each(?:<[^(]*>)?\(.*?\))?\(\s*(['"`])(.+?)\1,/gs)].map(([, , name]) => name);
});

test('the table covers every line of the seed that says something, once', () => {
  const covered = rows.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
  const saying = SEED_LINES.flatMap((line, index) => (line.trim() === '' ? [] : [index + 1]));
  expect(saying.filter((line) => !covered.includes(line))).toEqual([]);
  expect(covered.filter((line, index) => covered.indexOf(line) !== index)).toEqual([]);
});

test('the table names a test for every statement, and each of these tests exists', () => {
  expect(rows.filter(({ tests, isProse }) => tests.length === 0 && !isProse)).toEqual([]);
  expect(rows.flatMap(({ tests }) => tests).filter((name) => !names.includes(name))).toEqual([]);
});
