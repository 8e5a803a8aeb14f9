import { expect, test } from 'vitest';
import { glob } from './glob.ts';

test.each([
  ['out.txt', 'out.txt', true],
  ['out.txt', 'dir/out.txt', false],
  ['*.txt', 'out.txt', true],
  ['*.txt', 'dir/out.txt', false],
  ['*.txt', '.hidden.txt', false],
  ['.*.txt', '.hidden.txt', true],
  ['dir/*', 'dir/a', true],
  ['dir/*', 'dir/a/b', false],
  ['**/*.txt', 'out.txt', true],
  ['**/*.txt', 'a/b/out.txt', true],
  ['**/*.txt', '.git/out.txt', false],
  ['dir/**', 'dir/a/b', true],
  ['dir/**/x', 'dir/x', true],
  ['?.c', 'a.c', true],
  ['?.c', 'ab.c', false],
  ['a+(b).txt', 'a+(b).txt', true],
  ['a.txt', 'abtxt', false],
])('%s on %s: %s', (pattern, path, expected) => {
  expect(glob(pattern).matches(path)).toBe(expected);
});

test('a pattern without wildcards names one file', () => {
  expect(glob('a/b.txt').literal).toBe(true);
  expect(glob('a/*.txt').literal).toBe(false);
});

test('a pattern of many stars is decided at once', () => {
  const started = performance.now();
  expect(glob(`${'*a'.repeat(20)}b`).matches('a'.repeat(200))).toBe(false);
  expect(performance.now() - started).toBeLessThan(1000);
});
