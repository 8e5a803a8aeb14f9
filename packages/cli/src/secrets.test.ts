import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from './file-lock.ts';
import { SecretsFile } from './secrets.ts';

let configDir: string;
beforeEach(async () => {
  configDir = join(await mkdtemp(join(tmpdir(), 'assay-cli-')), 'assay');
});
afterEach(() => rm(join(configDir, '..'), { recursive: true, force: true }));

const signal = new AbortController().signal;
const lockFile = () => join(configDir, 'credentials.json.lock');

test('what is kept is readable by its owner alone, and leaves nothing beside it', async () => {
  const file = new SecretsFile(configDir);
  await file.update('work', signal, async () => ({ api_key: 'sk_x' }));
  await file.update('home', signal, async () => ({ api_key: 'sk_y' }));
  expect(await file.read()).toEqual({ work: { api_key: 'sk_x' }, home: { api_key: 'sk_y' } });
  await file.update('work', signal, async () => null);
  expect(await file.read()).toEqual({ home: { api_key: 'sk_y' } });
  expect((await stat(join(configDir, 'credentials.json'))).mode & 0o777).toBe(0o600);
  expect((await stat(configDir)).mode & 0o777).toBe(0o700);
  expect(await readdir(configDir)).toEqual(['credentials.json']);
});

test('changes at once happen one after the other, each on what the one before left', async () => {
  const file = new SecretsFile(configDir);
  const more = async () =>
    file.update('counter', signal, async (before) => ({ api_key: String(Number(before?.api_key ?? 0) + 1) }));
  await Promise.all(Array.from({ length: 20 }, more));
  expect(await file.read()).toEqual({ counter: { api_key: '20' } });
});

test('a change that fails leaves everything as it was, and lets the next one in', async () => {
  const file = new SecretsFile(configDir);
  await file.update('work', signal, async () => ({ api_key: 'sk_x' }));
  await expect(file.update('work', signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await file.update('work', signal, async (before) => before ?? null)).toEqual({ api_key: 'sk_x' });
});

test('the lock of a process that has died is broken', async () => {
  await new SecretsFile(configDir).update('work', signal, async () => ({ api_key: 'sk_x' }));
  // The pid is alive, and is not the process that took the lock.
  await writeFile(lockFile(), JSON.stringify({ pid: process.pid, identity: 'another life' }));
  expect(await withLock(lockFile(), signal, async () => 'in')).toBe('in');
});

test('the lock of a process that lives is waited for, until the user has had enough', async () => {
  const ended = new AbortController();
  await withLock(lockFile(), signal, async () => {
    const held = await readFile(lockFile(), 'utf8');
    const waiting = withLock(lockFile(), ended.signal, async () => 'in');
    ended.abort(new Error('Interrupted.'));
    await expect(waiting).rejects.toThrow('Interrupted.');
    expect(await readFile(lockFile(), 'utf8')).toBe(held);
  });
});
