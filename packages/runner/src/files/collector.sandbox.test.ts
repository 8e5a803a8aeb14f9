import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { COLLECT_LIMITS, collectFiles } from './collector.ts';

let root: string;
let directory: number;

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/assay-collect-`);
  mkdirSync(`${root}/work/a/b`, { recursive: true });
  writeFileSync(`${root}/secret`, 'secret');
  writeFileSync(`${root}/work/out.txt`, 'fine');
  writeFileSync(`${root}/work/a/b/deep.bin`, Buffer.from([0, 255]));
  directory = openSync(`${root}/work`, 'r');
});

afterEach(() => {
  closeSync(directory);
  rmSync(root, { recursive: true, force: true });
});

test('files are found by name and by pattern, with their bytes', async () => {
  const { files, skipped } = await collectFiles(directory, ['out.txt', '**/*.bin']);
  expect(files.map(({ path }) => path).sort()).toEqual(['a/b/deep.bin', 'out.txt']);
  expect(files.find(({ path }) => path === 'a/b/deep.bin')?.content).toEqual(Buffer.from([0, 255]));
  expect(skipped).toEqual([]);
});

test('what is asked for and missing is named', async () => {
  const { skipped } = await collectFiles(directory, ['gone.txt', '*.zip']);
  expect(skipped).toEqual([
    { path: 'gone.txt', reason: 'there is no such file' },
    { path: '*.zip', reason: 'no file matches the pattern' },
  ]);
});

test('no link is followed, neither at the end nor on the way', async () => {
  symlinkSync('../secret', `${root}/work/link`);
  symlinkSync('/etc/shadow', `${root}/work/shadow`);
  symlinkSync('..', `${root}/work/up`);
  const { files, skipped } = await collectFiles(directory, ['link', 'shadow', 'up/secret', '**']);
  expect(files.map(({ path }) => path).sort()).toEqual(['a/b/deep.bin', 'out.txt']);
  expect(skipped.map(({ path }) => path).sort()).toEqual(['link', 'shadow', 'up', 'up/secret']);
});

test('a named pipe is skipped and does not hold the collector', async () => {
  execFileSync('mkfifo', [`${root}/work/pipe`]);
  const { files, skipped } = await collectFiles(directory, ['pipe']);
  expect(files).toEqual([]);
  expect(skipped).toEqual([{ path: 'pipe', reason: 'it is not a regular file' }]);
});

test('a file that is too large is skipped without being read', async () => {
  writeFileSync(`${root}/work/huge`, '');
  truncateSync(`${root}/work/huge`, 2 ** 40);
  const { files, skipped } = await collectFiles(directory, ['huge', 'out.txt']);
  expect(files.map(({ path }) => path)).toEqual(['out.txt']);
  expect(skipped).toEqual([{ path: 'huge', reason: 'all files together may have 16 MB' }]);
});

test('more files than the limit are cut off with a reason', async () => {
  for (let index = 0; index <= COLLECT_LIMITS.files; index += 1) writeFileSync(`${root}/work/f${index}.log`, '');
  const { files, skipped } = await collectFiles(directory, ['*.log']);
  expect(files).toHaveLength(COLLECT_LIMITS.files);
  expect(skipped[0]?.reason).toBe('more than 100 files match');
});

test('names that are no text are passed over', async () => {
  writeFileSync(Buffer.concat([Buffer.from(`${root}/work/bad-`), Buffer.from([0xff, 0xfe])]), 'x');
  writeFileSync(`${root}/work/bad-\u0001`, 'x');
  const { files, skipped } = await collectFiles(directory, ['bad-*']);
  expect(files).toEqual([]);
  expect(skipped).toEqual([{ path: 'bad-*', reason: 'no file matches the pattern' }]);
});
