import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findCredentials } from './credentials.ts';
import { readEnvironment } from './env.ts';

let configDir: string;
beforeEach(async () => {
  configDir = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(configDir, { recursive: true, force: true }));

const save = (content: unknown, mode = 0o600) =>
  writeFile(join(configDir, 'credentials.json'), typeof content === 'string' ? content : JSON.stringify(content), {
    mode,
  });
const find = (env: Record<string, string> = {}) => findCredentials({ ...readEnvironment(env), configDir });

const PROFILES = {
  current: 'work',
  profiles: { work: { url: 'https://work.example', api_key: 'sk_work' }, home: { url: 'http://home.example' } },
};

test('without a word it is this machine, without a key', async () => {
  expect(await find()).toEqual({ url: 'http://127.0.0.1:3001', apiKey: null });
});

test('the current profile counts, and ASSAY_PROFILE chooses another', async () => {
  await save(PROFILES);
  expect(await find()).toEqual({ url: 'https://work.example', apiKey: 'sk_work' });
  expect(await find({ ASSAY_PROFILE: 'home' })).toEqual({ url: 'http://home.example', apiKey: null });
});

test('the environment comes before the profile', async () => {
  await save(PROFILES);
  expect(await find({ ASSAY_API_KEY: 'sk_env' })).toEqual({ url: 'https://work.example', apiKey: 'sk_env' });
  expect(await find({ ASSAY_URL: 'https://work.example/' })).toMatchObject({ apiKey: 'sk_work' });
});

test('the key of a profile goes to no other server', async () => {
  await save(PROFILES);
  expect(await find({ ASSAY_URL: 'https://elsewhere.example' })).toEqual({
    url: 'https://elsewhere.example',
    apiKey: null,
  });
});

test('a file that others can read is refused', async () => {
  await save(PROFILES);
  await chmod(join(configDir, 'credentials.json'), 0o640);
  await expect(find()).rejects.toMatchObject({ exit: 4, hint: expect.stringContaining('chmod 600') });
});

test('a broken file is refused without showing what is in it', async () => {
  await save('{"profiles": {"work": {"api_key": "sk_work"');
  const failure = await find().catch((error: unknown) => error);
  expect(failure).toMatchObject({ exit: 4 });
  expect(JSON.stringify(failure) + String(failure)).not.toContain('sk_work');
});

test('a profile that is not there is refused', async () => {
  await expect(find({ ASSAY_PROFILE: 'lost' })).rejects.toThrow('no profile "lost"');
  await save(PROFILES);
  await expect(find({ ASSAY_PROFILE: 'lost' })).rejects.toMatchObject({ hint: 'It has: work, home.' });
});
