import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { expect, test } from 'vitest';
import { projects } from '../vitest.config.ts';
import { moduleDependencies } from './modules.mjs';
import { REPOSITORY, sourceFiles, stem, suppressionsIn } from './source-files.ts';

const BANNED_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'misc', 'lib', 'types', 'constants'];

/** Suppressions there may be in all. A new one is argued for by raising this, in the same commit. */
const MOST_SUPPRESSIONS = 10;

/** Ways to write a test that does not count when it does not hold. */
/** A test that needs a right (root) may say so by `runIf`; it is counted as skipped where the right is missing. */
const ESCAPES =
  /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|skipIf|todo|only|fails)\b|\bskip\(|\b(?:skip|todo|only)\s*:\s*true|\bretry\s*:\s*\d/;

const sources = sourceFiles();
const tests = sources.filter(({ path }) => /\.test\.tsx?$/.test(path));

test('the sources are found', () => {
  expect(sources.length).toBeGreaterThan(100);
  expect(tests.length).toBeGreaterThan(5);
});

test('no file or folder has a name that hides a missing noun', () => {
  const named = sources.filter(
    ({ path }) => BANNED_NAMES.includes(stem(path)) || path.split('/').some((part) => BANNED_NAMES.includes(part)),
  );
  expect(named.map(({ path }) => path)).toEqual([]);
});

test('every suppression says why it is safe', () => {
  const mute = sources.flatMap(suppressionsIn).filter(({ reason }) => reason.split(/\s+/).length < 3);
  expect(mute).toEqual([]);
});

test('type errors are expected one by one, never ignored', () => {
  const ignoring = sources.filter(({ text }) => /(?:\/\/|\/\*)\s*@ts-(?:ignore|nocheck)/.test(text));
  expect(ignoring.map(({ path }) => path)).toEqual([]);
});

test('suppressions do not grow unnoticed', () => {
  expect(sources.flatMap(suppressionsIn).length).toBeLessThanOrEqual(MOST_SUPPRESSIONS);
});

test.each([
  ['// biome-ignore lint/style/noNonNullAssertion: the key was just set', 'the key was just set'],
  ['/* biome-ignore lint/suspicious/noConsole: a person reads this */', 'a person reads this'],
  ['// @ts-expect-error the overload is missing upstream', 'the overload is missing upstream'],
  ['  // @ts-expect-error', ''],
])('%s is seen as a suppression', (text, reason) => {
  expect(suppressionsIn({ path: 'a.ts', text })).toEqual([{ path: 'a.ts', line: 1, reason }]);
});

test('no test is skipped, singled out or retried', () => {
  const escaping = tests.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (ESCAPES.test(line) ? [`${path}:${index + 1}`] : [])),
  );
  expect(escaping).toEqual([]);
});

test('every test file belongs to exactly one project', () => {
  const owners = (path: string) =>
    projects.filter(
      ({ include, exclude }) =>
        include.some((glob) => matchesGlob(path, glob)) && !exclude.some((glob) => matchesGlob(path, glob)),
    );
  expect(tests.filter(({ path }) => owners(path).length !== 1).map(({ path }) => path)).toEqual([]);
});

test('every package with sources is type-checked', () => {
  const { references } = JSON.parse(readFileSync(`${REPOSITORY}tsconfig.json`, 'utf8'));
  const checked = references.map(({ path }: { path: string }) => path);
  const packages = new Set(sources.map(({ path }) => path.replace(/^(packages\/[^/]+|[^/]+)\/.*$/, '$1')));
  packages.delete('architecture'); // Checked with scripts.
  expect([...packages].filter((path) => !checked.includes(path))).toEqual([]);
});

test('every module of the server is in the dependency diagram', () => {
  const folder = `${REPOSITORY}packages/server/src/modules`;
  const modules = existsSync(folder) ? readdirSync(folder) : [];
  expect(modules.filter((name) => !(name in moduleDependencies))).toEqual([]);
});

test('the dependency diagram has no cycle', () => {
  const reaches = (name: string, seen: readonly string[]): string[] =>
    (moduleDependencies[name] ?? []).flatMap((used) =>
      seen.includes(used) ? [[...seen, used].join(' → ')] : reaches(used, [...seen, used]),
    );
  expect(Object.keys(moduleDependencies).flatMap((name) => reaches(name, [name]))).toEqual([]);
});
