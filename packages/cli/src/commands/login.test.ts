import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assay, type Surroundings } from '../../test/assay.ts';
import { HEALTHY } from '../../test/samples.ts';
import { type Answer, type Routes, WireServer } from '../../test/wire-server.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const run = (line: string, { url, stdin, env = {} }: Surroundings = {}) =>
  assay(line.split(' '), {
    ...(url !== undefined && { url }),
    ...(stdin !== undefined && { stdin }),
    env: { XDG_CONFIG_HOME: home, ASSAY_API_KEY: '', ...env },
  });
const secrets = async () => JSON.parse(await readFile(join(home, 'assay/credentials.json'), 'utf8')).profiles;
const config = () => readFile(join(home, 'assay/config.toml'), 'utf8');

const DEVICE = {
  device_code: 'dc_x',
  user_code: 'BCDF-GHJK',
  verification_uri: 'https://assay.example/device',
  verification_uri_complete: 'https://assay.example/device?user_code=BCDF-GHJK',
  expires_in: 600,
  interval: 0,
};
const refusal = (error: string, status = 400): Answer => ({
  status,
  json: { error, error_description: `It is ${error}.` },
});

/** A server that answers polls with these, one after the other, and then with tokens. */
function lettingIn(...first: readonly Answer[]): Routes {
  const polls = [...first];
  let tokens = 0;
  return {
    ...HEALTHY,
    'POST /oauth/device_authorization': { json: DEVICE },
    'POST /oauth/token': () => {
      const next = polls.shift();
      if (next) return next;
      tokens += 1;
      const pair = { access_token: `eyJ${tokens}`, refresh_token: `rt_${tokens}` };
      return { json: { ...pair, token_type: 'Bearer', expires_in: 3600 } };
    },
    'POST /oauth/revoke': { json: {} },
    'GET /oauth/userinfo': {
      json: { sub: 'u', email: 'ann@example.com', name: 'Ann', organization_id: 'o', organization_name: 'Acme' },
    },
  };
}

describe('assay login', () => {
  test('shows address and code, waits, and says who is signed in', async () => {
    await using server = await WireServer.start(lettingIn(refusal('authorization_pending')));
    const { exit, stdout, stderr } = await run('login', server);
    expect(stdout).toBe('Signed in as ann@example.com, organization Acme. Profile: default.\n');
    expect(stderr).toContain('https://assay.example/device\n');
    expect(stderr).toContain('BCDF-GHJK');
    expect(stderr).toContain('10 minutes');
    expect(exit).toBe(0);
    const [begun] = server.received;
    expect(new URLSearchParams(begun?.body).get('client_id')).toBe('assay-cli');
    expect(begun?.headers['user-agent']).toMatch(/^assay-cli\/\d/);
    expect(begun?.headers.authorization).toBeUndefined();
    expect(await secrets()).toEqual({
      default: { url: server.url, access_token: 'eyJ1', refresh_token: 'rt_1', expires_at: expect.any(String) },
    });
    expect((await stat(join(home, 'assay/credentials.json'))).mode & 0o777).toBe(0o600);
    expect(await config()).toContain(`url = "${server.url}"`);
  });

  test('prints one document with --json, and the code all the same', async () => {
    await using server = await WireServer.start(lettingIn());
    const { stdout, stderr } = await run('login --json --scope evaluations:read --scope events:read', server);
    expect(JSON.parse(stdout)).toMatchObject({ profile: 'default', email: 'ann@example.com' });
    expect(stderr).toContain('BCDF-GHJK');
    expect(new URLSearchParams(server.received[0]?.body).get('scope')).toBe('evaluations:read events:read');
  });

  test.each([
    ['access_denied', 4, 'refused on the page'],
    ['expired_token', 124, 'in time'],
  ])('ends with its own code when it hears %s, and keeps nothing', async (error, expected, words) => {
    await using server = await WireServer.start(lettingIn(refusal(error)));
    const { exit, stderr } = await run('login', server);
    expect({ exit, stderr }).toEqual({ exit: expected, stderr: expect.stringContaining(words) });
    await expect(secrets()).rejects.toThrow('ENOENT');
  });

  test('keeps a key from standard input once it has proved to work', async () => {
    await using server = await WireServer.start(HEALTHY);
    const { exit, stdout } = await run('login --with-token', { url: server.url, stdin: 'sk_mine\n' });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('Signed in as API key') });
    expect(await secrets()).toEqual({ default: { url: server.url, api_key: 'sk_mine' } });
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk_mine', 'Bearer sk_mine']);
  });

  test('keeps no key that does not work, and loses none for it', async () => {
    await using good = await WireServer.start(HEALTHY);
    await run('login --with-token', { url: good.url, stdin: 'sk_good' });
    await using bad = await WireServer.start({
      'GET /v1/me': { status: 401, json: { error: { code: 'x', message: 'No.' } } },
    });
    const { exit } = await run('login --with-token', { url: bad.url, stdin: 'sk_bad' });
    expect(exit).toBe(4);
    expect(await secrets()).toEqual({ default: { url: good.url, api_key: 'sk_good' } });
  });

  test.each(['', 'two words', 'käy'])('refuses %j from standard input', async (stdin) => {
    const { exit, stderr } = await run('login --with-token', { url: 'http://127.0.0.1:9', stdin });
    expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining('holds no token') });
  });

  test.each(['login --token sk_x', 'login --key sk_x'])('`%s` is refused: arguments are public', async (line) => {
    const { exit, stderr } = await run(line);
    expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining('everybody on this machine') });
  });

  test('to another server makes a profile of its own, and signs out of none', async () => {
    await using first = await WireServer.start(lettingIn());
    await using second = await WireServer.start(lettingIn());
    await run(`login --server ${first.url}`);
    await run(`login --server ${second.url}`);
    const host = new URL(second.url).host;
    expect(Object.keys(await secrets())).toEqual(['default', host]);
    const listed = JSON.parse((await run('profile list --json')).stdout).profiles;
    expect(listed).toMatchObject([
      { name: host, current: true, url: second.url, credential: 'login' },
      { name: 'default', current: false, url: first.url, credential: 'login' },
    ]);
    await run('profile use default');
    await run('whoami');
    expect(first.last.headers.authorization).toBe('Bearer eyJ1');
  });

  test('says that a variable goes before it', async () => {
    await using server = await WireServer.start(lettingIn());
    const { stderr } = await run('login', { url: server.url, env: { ASSAY_API_KEY: 'sk_env' } });
    expect(stderr).toContain('ASSAY_API_KEY is set');
  });
});

describe('a login', () => {
  /** Signs in, and lets the access token grow old. */
  async function aged(server: WireServer): Promise<void> {
    await run('login', server);
    const file = join(home, 'assay/credentials.json');
    const old = (await readFile(file, 'utf8')).replace(/"expires_at": "[^"]*"/, '"expires_at": "2020-01-01T00:00:00Z"');
    await (await import('../atomic-file.ts')).writePrivately(file, old);
  }

  const refreshes = ({ received }: WireServer) =>
    received.filter(({ url, body }) => url === '/oauth/token' && body.includes('grant_type=refresh_token'));

  test('is renewed by itself, by one of several commands at once', async () => {
    await using server = await WireServer.start(lettingIn());
    await aged(server);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => run('whoami')));
    expect(outcomes.map(({ exit }) => exit)).toEqual(Array.from({ length: 8 }, () => 0));
    expect(refreshes(server)).toHaveLength(1);
    expect(refreshes(server)[0]?.body).toContain('refresh_token=rt_1');
    expect(await secrets()).toMatchObject({ default: { access_token: 'eyJ2', refresh_token: 'rt_2' } });
    expect(server.last.headers.authorization).toBe('Bearer eyJ2');
  });

  test('that has ended says so, and is not lost for a server that is away', async () => {
    let isAway = true;
    const routes = lettingIn();
    await using server = await WireServer.start({
      ...routes,
      'POST /oauth/token': (received, response) => {
        const route = routes['POST /oauth/token'];
        if (!received.body.includes('grant_type=refresh_token'))
          return typeof route === 'function' ? route(received, response) : route;
        return isAway ? { status: 503, headers: { 'x-should-retry': 'false' }, json: {} } : refusal('invalid_grant');
      },
    });
    await aged(server);
    expect((await run('whoami')).exit).toBe(7);
    isAway = false;
    const { exit, stderr } = await run('whoami');
    expect({ exit, stderr }).toEqual({ exit: 4, stderr: expect.stringContaining('has ended') });
    expect(stderr).toContain('assay login');
  });

  test('ends with `assay logout`, at the server too', async () => {
    await using server = await WireServer.start(lettingIn());
    await run('login', server);
    const { stdout } = await run('logout');
    expect(stdout).toContain('Signed out');
    expect(server.last).toMatchObject({ url: '/oauth/revoke', body: 'token=rt_1' });
    expect(await secrets()).toEqual({});
    expect((await run('logout')).stdout).toContain('Nobody was signed in');
  });

  test('is forgotten also when the server cannot be told, which is said', async () => {
    const server = await WireServer.start(lettingIn());
    await run('login', server);
    await server[Symbol.asyncDispose]();
    const { exit, stderr } = await run('logout');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: expect.stringContaining('could not be told') });
    expect(await secrets()).toEqual({});
  });
});

describe('assay profile', () => {
  test('sets, uses and removes', async () => {
    expect((await run('profile list')).stderr).toContain('There are no profiles');
    await run('profile set work --server https://work.example --organization org-1');
    await run('profile set home --server http://home.example');
    expect((await run('profile use work')).exit).toBe(0);
    await run('profile set work --organization org-2');
    expect(JSON.parse((await run('profile list --json')).stdout).profiles).toEqual([
      { name: 'home', current: false, url: 'http://home.example', organization: null, credential: null },
      { name: 'work', current: true, url: 'https://work.example', organization: 'org-2', credential: null },
    ]);
    expect((await run('profile remove work')).exit).toBe(0);
    expect(await config()).not.toContain('work');
    expect((await run('profile use work')).exit).toBe(2);
    expect((await run('profile set x --server ftp://x')).exit).toBe(2);
    expect((await run('profile set x')).exit).toBe(2);
  });

  test('removes one that is signed in only when told that this is meant', async () => {
    await using server = await WireServer.start(lettingIn());
    await run('login', server);
    expect(await run('profile remove default')).toMatchObject({ exit: 2, stderr: expect.stringContaining('--yes') });
    expect((await run('profile remove default --yes')).exit).toBe(0);
    expect(await secrets()).toEqual({});
  });

  test('its organization goes along with every request', async () => {
    await using server = await WireServer.start(HEALTHY);
    await run(`profile set work --server ${server.url} --organization org-1`);
    await run('whoami --profile work');
    expect(server.last.headers['x-organization-id']).toBe('org-1');
  });
});
