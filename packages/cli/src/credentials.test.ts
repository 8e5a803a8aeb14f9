import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findCredentials } from './credentials.ts';
import { readEnvironment, withOptions } from './env.ts';

let configDir: string;
beforeEach(async () => {
  configDir = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(configDir, { recursive: true, force: true }));

const save = (content: unknown, mode = 0o600) =>
  writeFile(join(configDir, 'credentials.json'), typeof content === 'string' ? content : JSON.stringify(content), {
    mode,
  });
const configure = (content: string) => writeFile(join(configDir, 'config.toml'), content);
const find = (env: Record<string, string> = {}, options: Record<string, string> = {}) =>
  findCredentials(withOptions({ ...readEnvironment(env), configDir }, options));

const CONFIG = `
current = "work"
[profiles.work]
url = "https://work.example"
organization = "11111111-2222-4333-8444-555555555555"
[profiles.home]
url = "http://home.example"
`;
const SECRETS = {
  profiles: {
    work: { url: 'https://work.example', api_key: 'sk_work' },
    travel: {
      url: 'https://travel.example',
      access_token: 'eyJ',
      refresh_token: 'rt_x',
      expires_at: '2030-01-01T00:00:00Z',
    },
  },
};

const NOBODY = { apiKey: null, login: null, organization: null };

test('without a word it is this machine, without a credential', async () => {
  expect(await find()).toEqual({ ...NOBODY, url: 'http://127.0.0.1:3001', profile: 'default' });
});

test('the current profile counts, and ASSAY_PROFILE chooses another', async () => {
  await configure(CONFIG);
  await save(SECRETS);
  expect(await find()).toEqual({
    url: 'https://work.example',
    apiKey: 'sk_work',
    login: null,
    organization: '11111111-2222-4333-8444-555555555555',
    profile: 'work',
  });
  expect(await find({ ASSAY_PROFILE: 'home' })).toEqual({ ...NOBODY, url: 'http://home.example', profile: 'home' });
});

test('a profile can be in either of the two files', async () => {
  await save(SECRETS);
  expect(await find({ ASSAY_PROFILE: 'travel' })).toMatchObject({
    url: 'https://travel.example',
    apiKey: null,
    login: { refresh_token: 'rt_x' },
  });
});

test('the environment comes before the profile', async () => {
  await configure(CONFIG);
  await save(SECRETS);
  const env = { ASSAY_API_KEY: 'sk_env', ASSAY_ORGANIZATION: 'org' };
  expect(await find(env)).toMatchObject({ url: 'https://work.example', apiKey: 'sk_env', organization: 'org' });
  expect(await find({ ASSAY_URL: 'https://work.example/' })).toMatchObject({ apiKey: 'sk_work' });
  expect(await find({ ASSAY_PROFILE: 'travel', ASSAY_API_KEY: 'sk_env' })).toMatchObject({ login: null });
});

test('options come before the environment, and a profile that they name comes whole', async () => {
  await configure(CONFIG);
  await save(SECRETS);
  const env = { ASSAY_API_KEY: 'sk_env', ASSAY_URL: 'https://env.example', ASSAY_PROFILE: 'home' };
  expect(await find(env, { server: 'https://flag.example' })).toMatchObject({
    url: 'https://flag.example',
    apiKey: 'sk_env',
  });
  expect(await find(env, { profile: 'work' })).toMatchObject({ url: 'https://work.example', apiKey: 'sk_work' });
});

test('the secret of a profile goes to no other server', async () => {
  await configure(CONFIG);
  await save(SECRETS);
  expect(await find({ ASSAY_URL: 'https://elsewhere.example' })).toMatchObject({ apiKey: null, login: null });
  expect(await find({}, { profile: 'work', server: 'https://elsewhere.example' })).toMatchObject({ apiKey: null });
  await configure('[profiles.travel]\nurl = "https://moved.example"');
  expect(await find({ ASSAY_PROFILE: 'travel' })).toMatchObject({ url: 'https://moved.example', login: null });
});

test('a file that others can read is refused', async () => {
  await save(SECRETS);
  await chmod(join(configDir, 'credentials.json'), 0o640);
  await expect(find()).rejects.toMatchObject({ exit: 4, hint: expect.stringContaining('chmod 600') });
});

test.each(['{"profiles": {"work": {"api_key": "sk_work"', '[]', '{"profiles": 7}', 'null'])(
  'the broken file %j is refused without showing what is in it',
  async (content) => {
    await save(content);
    const failure = await find().catch((error: unknown) => error);
    expect(failure).toMatchObject({ exit: 4 });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('sk_work');
  },
);

test.each([
  ['current = 7', 'current must be text'],
  ['profiles = 7', 'profiles must be a table'],
  ['[profiles.x]\nurl = 7', 'profiles.x'],
  ['[profiles.x]\ncolour = "red"', 'profiles.x.colour is no setting'],
  ['colour = "red"', 'colour is no setting'],
  ['current = ', 'config.toml'],
])('the configuration %j is refused, saying where', async (content, message) => {
  await configure(content);
  await expect(find()).rejects.toMatchObject({ exit: 2, message: expect.stringContaining(message) });
});

test('a profile that is not there is refused', async () => {
  await expect(find({ ASSAY_PROFILE: 'lost' })).rejects.toThrow('no profile "lost"');
  await configure(CONFIG);
  await save(SECRETS);
  await expect(find({ ASSAY_PROFILE: 'lost' })).rejects.toMatchObject({
    hint: expect.stringContaining('work, home, travel'),
  });
});
