import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser } from './harness/browser.ts';
import { PageVisitor } from './harness/page-visitor.ts';
import { plainEnvironment, Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { addMember } from './harness/tenant.ts';
import { until } from './harness/until.ts';

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const browser = await openBrowser();
afterAll(() => browser.close());

const ASSAY = fileURLToPath(new URL('../packages/cli/bin/assay.mjs', import.meta.url));
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'assay-home-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Starts the command line as somebody who has set nothing up. */
function assay(...args: string[]) {
  const child = spawn(process.execPath, [ASSAY, ...args], {
    env: { ...plainEnvironment(), HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  return { said, ended: once(child, 'close').then(([exit]) => ({ exit: exit as number | null, ...said })) };
}

async function fillIn(page: Page, { email, password }: { email: string; password: string }): Promise<void> {
  await page.getByLabel('E-mail address', { exact: true }).fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

describe.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])(
  'a browser with scripts: $javaScriptEnabled',
  ({ javaScriptEnabled }) => {
    test('signs in, lets the command line in, and signs out', async () => {
      await using context = await browser.newContext({ javaScriptEnabled, baseURL: server.url });
      const page = await context.newPage();
      const refused: string[] = [];
      page.on('console', (message) => void (message.type() === 'error' && refused.push(message.text())));
      page.on('request', (request) => void (request.url().startsWith(server.url) || refused.push(request.url())));

      const login = assay('login', '--server', server.url);
      const code = await until('the code is shown', () => /Code +(\S+)/.exec(login.said.stderr)?.[1]);
      const address = /Open +(\S+)/.exec(login.said.stderr)?.[1];

      await page.goto(String(address));
      expect(new URL(page.url()).pathname).toBe('/login');
      await fillIn(page, { ...server.credentials, password: 'wrong' });
      await page.getByRole('alert').getByText('E-mail or password is wrong').waitFor();
      await fillIn(page, server.credentials);
      await page.getByLabel('Code that the device shows').fill(code.toLowerCase());
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('assay-cli', { exact: true }).waitFor();
      expect(await page.locator('p.code').textContent()).toBe(code);
      await page.getByRole('button', { name: 'Let it in' }).click();
      await page.getByRole('heading', { name: 'The device is in' }).waitFor();

      expect(await login.ended).toMatchObject({
        exit: 0,
        stdout: expect.stringContaining(`Signed in as ${server.credentials.email}, organization Default`),
      });
      expect((await stat(join(home, '.config/assay/credentials.json'))).mode & 0o777).toBe(0o600);
      expect(await assay('whoami').ended).toMatchObject({
        exit: 0,
        stdout: expect.stringContaining(server.credentials.email),
      });

      const [session] = (await context.cookies()).filter(({ name }) => name === 'wos_session');
      expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax' });
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL('**/login');
      expect((await context.cookies()).filter(({ name }) => name === 'wos_session')).toEqual([]);
      const after = await server.anonymous.get('/v1/me', { cookie: `wos_session=${session?.value}` });
      expect(after.status).toBe(401);
      // A wrong password is answered with 401, which browsers note.
      expect(refused.filter((text) => !text.includes('401'))).toEqual([]);
    });
  },
);

describe('a passkey', () => {
  // Passkeys are bound to a name: this machine has one, its address is none.
  const address = server.url.replace('127.0.0.1', 'localhost');

  test('signs in without a password', async () => {
    await using context = await browser.newContext({ baseURL: address });
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
      },
    });
    await page.goto('/login');
    await fillIn(page, server.credentials);
    await page.getByRole('heading', { name: 'Sign in a device' }).waitFor();
    expect(await page.evaluate(REGISTER)).toBe(201);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Sign in a device' }).waitFor();
    await page.getByText(server.credentials.email).waitFor();
  });

  test('that answers nothing of ours is refused on the form', async () => {
    const person = visitor();
    const { fields } = await person.get('/login');
    for (const response of ['', '{', '{"id":"x"}', 'null']) {
      const answer = await person.submit('/login/passkey', { ...fields, response });
      expect(answer).toMatchObject({ status: 401, text: expect.stringContaining('role="alert"') });
    }
  });
});

/** Makes a passkey in the page, as the console will. */
const REGISTER = `(async () => {
  const json = { 'content-type': 'application/json' };
  const offered = await (await fetch('/v1/me/passkeys/options', { method: 'POST' })).json();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(offered.data.options);
  const response = (await navigator.credentials.create({ publicKey })).toJSON();
  const body = JSON.stringify({ name: 'A test', response });
  return (await fetch('/v1/me/passkeys', { method: 'POST', headers: json, body })).status;
})()`;

test('the command line signs out, and its login is over at the server', async () => {
  const file = join(home, '.config/assay/credentials.json');
  const { profiles } = JSON.parse(await readFile(file, 'utf8')) as {
    profiles: Record<string, { access_token: string }>;
  };
  const [kept] = Object.values(profiles);
  expect(await assay('logout').ended).toMatchObject({ exit: 0, stdout: expect.stringContaining('Signed out') });
  const gone = await server.anonymous.get('/v1/me', { authorization: `Bearer ${kept?.access_token}` });
  expect(gone.status).toBe(401);
  expect(await assay('whoami').ended).toMatchObject({ exit: 4, stderr: expect.stringContaining('assay login') });
});

const visitor = (): PageVisitor => new PageVisitor(() => server.url);
async function signedIn(): Promise<PageVisitor> {
  const person = visitor();
  expect(await person.signIn(server.credentials)).toMatchObject({ status: 303, location: '/device' });
  return person;
}
const sessionOf = ({ cookies }: PageVisitor): string => String(cookies.get('wos_session'));
const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' };

describe('a session', () => {
  test('is a cookie that no script and no other site gets at', async () => {
    const person = await signedIn();
    const header = person.cookieHeaders.findLast((cookie) => cookie.startsWith('wos_session='));
    expect(header).toMatch(/^wos_session=ws_[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  test('is a credential on every surface, in the organization that is named', async () => {
    const person = await signedIn();
    for (const path of ['/v1/me', '/api/v1/auth/me', '/api/queue-status', '/oauth/userinfo']) {
      expect((await server.anonymous.get(path, { cookie: person.cookieHeader })).status, path).toBe(200);
    }
    const foreign = { cookie: person.cookieHeader, 'x-organization-id': crypto.randomUUID() };
    expect((await server.anonymous.get('/v1/me', foreign)).status).toBe(404);
  });

  test('cannot be planted: signing in gives a value that nobody has seen, and ends the one before', async () => {
    const planted = `ws_${'x'.repeat(43)}`;
    const person = visitor();
    person.cookies.set('wos_session', planted);
    await person.signIn(server.credentials);
    const first = sessionOf(person);
    expect(first).not.toBe(planted);
    const form = visitor();
    const { fields } = await form.get('/login');
    for (const [name, value] of form.cookies) person.cookies.set(name, value);
    await person.submit('/login', { ...fields, ...server.credentials });
    expect(sessionOf(person)).not.toBe(first);
    expect((await server.anonymous.get('/v1/me', { cookie: `wos_session=${first}` })).status).toBe(401);
  });

  test('beside another credential is refused: one request has one caller', async () => {
    const { cookieHeader: cookie } = await signedIn();
    expect((await server.as().get('/v1/me', { cookie })).status).toBe(400);
  });

  test('that has ended does not stand in the way of what needs none', async () => {
    const cookie = `wos_session=ws_${'x'.repeat(43)}`;
    expect((await server.anonymous.get('/api/status', { cookie })).status).toBe(200);
    const { email, password } = server.credentials;
    const login = await server.anonymous.post(
      '/api/v1/auth/login',
      { email, password },
      { cookie, 'sec-fetch-site': 'same-origin' },
    );
    expect(login.status).toBe(200);
  });
});

describe('another site', () => {
  const body = { name: 'Planted', scopes: [] };

  test.each([
    ['/v1/api-keys', body, 201],
    ['/api/eval', { code: 'print(1)' }, 503],
    ['/api/v1/auth/device', {}, 200],
  ])('cannot use the session to post to %s', async (path, sent, whenAllowed) => {
    const { cookieHeader: cookie } = await signedIn();
    for (const from of [CROSS_SITE, { origin: 'https://elsewhere.example' }, { 'sec-fetch-site': 'same-site' }, {}]) {
      const answer = await server.anonymous.post(path, sent, { cookie, ...from });
      expect([JSON.stringify(from), answer.status]).toEqual([JSON.stringify(from), 403]);
    }
    // No runner is connected, so a program is taken by nobody; it was let through all the same.
    const { status } = await server.anonymous.post(path, sent, { cookie, origin: server.url });
    expect(status).toBe(whenAllowed);
  });

  test.each(['/ws', '/v1/events/ws'])('cannot use it to listen at %s', async (path) => {
    const { cookieHeader: cookie } = await signedIn();
    await expect(Socket.open(server.url, path, { cookie, origin: 'https://elsewhere.example' })).rejects.toThrow(
      'refused',
    );
    await expect(Socket.open(server.url, path, { cookie })).rejects.toThrow('refused');
    using socket = await Socket.open(server.url, path, { cookie, origin: server.url });
    expect(socket).toBeDefined();
  });

  test('cannot sign anybody in or out, nor let a device in', async () => {
    const person = await signedIn();
    const { fields } = await person.get('/device');
    for (const path of ['/login', '/login/code', '/logout', '/device']) {
      const sent = { ...fields, ...server.credentials, user_code: 'BCDF-GHJK', decision: 'approve' };
      expect((await person.submit(path, sent, CROSS_SITE)).status, path).toBe(403);
    }
    expect((await person.get('/v1/me')).status).toBe(200);
  });

  test('cannot send a form of its own through a browser that says nothing of its origin', async () => {
    const person = await signedIn();
    const quiet = { 'sec-fetch-site': 'same-origin' };
    const guesses: Record<string, string>[] = [{}, { form_token: '' }, { form_token: 'x'.repeat(43) }];
    for (const guess of guesses) {
      const answer = await person.submit('/device', { user_code: 'BCDF-GHJK', decision: 'approve', ...guess }, quiet);
      expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('This form was made') });
    }
    // The token of one session is of no use in another.
    const { fields } = await person.get('/device');
    const other = await signedIn();
    expect((await other.submit('/logout', { form_token: String(fields['form_token']) })).status).toBe(403);
    const stranger = visitor();
    expect((await stranger.submit('/login', { ...server.credentials })).status).toBe(403);
  });

  test.each(['https://elsewhere.example/', '//elsewhere.example/', '/\\elsewhere.example', 'javascript:alert(1)'])(
    'is not gone to after signing in with next=%s',
    async (next) => {
      expect(await visitor().signIn(server.credentials, next)).toMatchObject({ status: 303, location: '/device' });
    },
  );
});

describe('the link of a mail', () => {
  test('sets a new password once, and ends every sign-in; opening it changes nothing', async () => {
    const email = await addMember(server, {
      orgId: crypto.randomUUID(),
      name: 'forgetful',
      role: 'owner',
      isNew: true,
    });
    const person = visitor();
    await person.signIn({ email, password: server.credentials.password });
    const { sub } = (await server.anonymous.get('/oauth/userinfo', { cookie: person.cookieHeader })).body as {
      sub: string;
    };
    const issued = await server.as().post(`/v1/users/${sub}/password-reset`);
    const { token } = (issued.body as { data: { token: string } }).data;
    const path = '/account/reset-password';
    const other = visitor();
    for (let opened = 0; opened < 3; opened++) await other.get(`${path}?token=${token}`);
    const { fields } = await other.get(`${path}?token=${token}`);
    expect(await other.submit(path, { ...fields, password: 'password1234' })).toMatchObject({ status: 400 });
    const password = 'rowboat lantern forty';
    const cross = await other.submit(path, { ...fields, password }, CROSS_SITE);
    expect(cross.status).toBe(403);
    expect(await other.submit(path, { ...fields, password })).toMatchObject({
      status: 200,
      text: expect.stringContaining('password is set'),
    });
    expect((await other.submit(path, { ...fields, password: 'another lantern forty' })).status).toBeOneOf([400, 404]);
    expect((await person.get('/device')).status).toBe(303);
    expect((await visitor().signIn({ email, password })).status).toBe(303);
  });

  test.each(['/account/confirm-email', '/account/confirm-sign-up'])('%s refuses a token that is none', async (path) => {
    const person = visitor();
    const { fields } = await person.get(`${path}?token=nonsense`);
    const answer = await person.submit(path, fields);
    expect(answer.status).toBeOneOf([400, 404]);
    expect(answer.text).toContain('role="alert"');
  });

  test('is asked for without saying whether there is an account', async () => {
    const person = visitor();
    const { fields } = await person.get('/account/forgot-password');
    const answers = [server.credentials.email, 'nobody@example.com'].map((email) =>
      person.submit('/account/forgot-password', { ...fields, email }),
    );
    const [known, unknown] = await Promise.all(answers);
    expect(known).toMatchObject({ status: 200, text: unknown?.text });
  });
});

describe('pages', () => {
  test.each(['/', '/login', '/device', '/nothing-at-all', '/login/nothing'])(
    '%s cannot be framed, loads nothing from elsewhere, and runs nothing inline',
    async (path) => {
      const { headers, text } = await (await signedIn()).get(path);
      expect(headers.get('x-frame-options')).toBe('DENY');
      const policy = headers.get('content-security-policy');
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe-inline');
      expect(text).not.toMatch(/<script(?![^>]*\bsrc="\/)|\son\w+=|style=/);
    },
  );

  test('about somebody are in no cache', async () => {
    expect((await (await signedIn()).get('/device')).headers.get('cache-control')).toBe('no-store');
  });

  test('are refused over plain HTTP to another machine than this: the password would travel in the open', async () => {
    const answer = await visitor().get('/login');
    expect(answer.status).toBe(200);
    const { status, text } = await rawGet('/login', 'assay.example');
    expect({ status, text }).toEqual({ status: 403, text: expect.stringContaining('needs HTTPS') });
  });

  test('are told apart by what they say when nothing is found', async () => {
    const { status, headers, text } = await visitor().get('/login/nothing');
    expect(status).toBe(404);
    expect(headers.get('content-type')).toContain('text/html');
    expect(text).toContain('There is nothing here');
  });
});

/** A request with another `Host`, which `fetch` does not send. */
async function rawGet(path: string, host: string): Promise<{ status: number; text: string }> {
  const { request } = await import('node:http');
  const { port } = new URL(server.url);
  const sent = request({ host: '127.0.0.1', port, path, headers: { host } });
  sent.end();
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
}
