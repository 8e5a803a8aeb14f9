import { createHmac } from 'node:crypto';
import { BuildsError, ControlError, controlRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inDatabase } from './harness/database.ts';
import { Mailbox } from './harness/mailbox.ts';
import { PageVisitor } from './harness/page-visitor.ts';
import { signIn } from './harness/route-call.ts';
import { Server } from './harness/server.ts';
import { addMember } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/*
 * A person keeps their account over a real port, with mail that a real mail server takes, and pages that the mails lead
 * to.
 */
let mailbox: Mailbox;
let server: Server;
let orgId: string;
beforeAll(async () => {
  mailbox = await Mailbox.open();
  server = await Server.start({
    args: ['--role', 'api,worker'],
    env: { ASSAY_SMTP_URL: mailbox.url, ASSAY_SIGN_UP: 'on', ASSAY_RATE_LIMITS: 'off' },
    awaitReady: false,
  });
  orgId = (await server.sdk().me()).organization_id ?? '';
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await mailbox[Symbol.asyncDispose]();
});

const NEW_PASSWORD = 'seventeen green hats';
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
let people = 0;

/** Somebody with the first owner's password. */
async function somebody(): Promise<{ email: string; password: string }> {
  people += 1;
  const name = `somebody${people}`;
  const email = await addMember(server, { orgId, name, role: 'developer' });
  return { email, password: server.credentials.password };
}
/** What an authenticator app shows for a secret now (RFC 6238, RFC 4226). */
function codeOf(secret: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac('sha1', key).update(step).digest();
  const at = (digest.at(-1) ?? 0) & 0xf;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const tokenIn = (text: string): string => /ot_[\w-]{43}/.exec(text)?.[0] ?? '';

describe('a forgotten password', () => {
  test('is replaced on the page that the mail leads to', async () => {
    const person = await somebody();
    const visitor = new PageVisitor(() => server.url);
    const form = await visitor.get('/account/forgot-password');
    expect((await visitor.submit('/account/forgot-password', { ...form.fields, email: person.email })).status).toBe(
      200,
    );
    const token = tokenIn((await mailbox.mailTo(person.email)).text);
    const page = await visitor.get(`/account/reset-password?token=${token}`);
    const weak = await visitor.submit('/account/reset-password', { ...page.fields, password: 'Password1234' });
    expect([weak.status, weak.text.includes('tried first')]).toEqual([400, true]);
    const done = await visitor.submit('/account/reset-password', { ...weak.fields, password: NEW_PASSWORD });
    expect(done.status).toBe(200);
    await expect(signIn(server.anonymous, person)).rejects.toThrow('401');
    await signIn(server.anonymous, { ...person, password: NEW_PASSWORD });
    const again = await visitor.submit('/account/reset-password', {
      ...weak.fields,
      password: 'another nineteen hats',
    });
    expect(again.status).toBe(400);
  });

  test('is answered alike for nobody', async () => {
    const person = await somebody();
    const answers = await Promise.all(
      [person.email, 'nobody@example.test'].map((email) =>
        server.anonymous.post('/v1/auth/password/forgot', { email }),
      ),
    );
    const plain = answers.map(({ status, body }) => [status, (body as { data: unknown }).data]);
    expect(plain[0]).toEqual([202, { accepted: true }]);
    expect(plain[1]).toEqual(plain[0]);
  });
});

test('open sign-up makes an account once its address is confirmed', async () => {
  const person = { email: 'fresh@example.test', name: 'Fresh', password: NEW_PASSWORD };
  expect((await server.anonymous.post('/v1/auth/signup', person)).status).toBe(202);
  const token = tokenIn((await mailbox.mailTo(person.email)).text);
  const visitor = new PageVisitor(() => server.url);
  const page = await visitor.get(`/account/confirm-sign-up?token=${token}`);
  // A program that looks through mail opens links; it sends no forms.
  await expect(signIn(server.anonymous, person)).rejects.toThrow('401');
  expect((await visitor.submit('/account/confirm-sign-up', page.fields)).status).toBe(200);
  const { accessToken } = await signIn(server.anonymous, person);
  const me = await server.anonymous.get('/v1/me', bearer(accessToken));
  expect(controlRoutes.me.answers[200].schema.parse(me.body).data.principal.organization_id).toBeNull();
  expect((await server.anonymous.get('/v1/me/sessions', bearer(accessToken))).status).toBe(200);
});

test('an e-mail address is moved once the new one is confirmed', async () => {
  const person = await somebody();
  const next = `moved-${person.email}`;
  const { accessToken } = await signIn(server.anonymous, person);
  const asked = await server.anonymous.post(
    '/v1/me/email',
    { email: next, password: person.password },
    bearer(accessToken),
  );
  expect(asked.status).toBe(202);
  const token = tokenIn((await mailbox.mailTo(next)).text);
  expect((await server.anonymous.post('/v1/auth/email/confirm', { token })).status).toBe(200);
  expect((await mailbox.mailTo(person.email, (text) => text.includes('now belongs'))).text).toContain(next);
  expect((await server.anonymous.get('/v1/me', bearer(accessToken))).status).toBe(401);
  await signIn(server.anonymous, { ...person, email: next });
});

describe('logins', () => {
  test('are listed with how, what and from where, and end one by one or all at once', async () => {
    const person = await somebody();
    const first = await signIn(server.anonymous, person);
    const second = await signIn(server.anonymous, person);
    const listed = await server.anonymous.get('/v1/me/sessions', bearer(second.accessToken));
    const { sessions } = controlRoutes.listOwnSessions.answers[200].schema.parse(listed.body).data;
    expect(sessions.map(({ method, address, is_current }) => [method, address, is_current])).toEqual([
      ['password', '127.0.0.1', true],
      ['password', '127.0.0.1', false],
    ]);
    const end = (path: string, token: string) => server.anonymous.send('DELETE', path, { headers: bearer(token) });
    expect((await end(`/v1/me/sessions/${sessions[1]?.id}`, second.accessToken)).status).toBe(200);
    expect((await server.anonymous.get('/v1/me', bearer(first.accessToken))).status).toBe(401);
    expect((await end(`/v1/me/sessions/${sessions[1]?.id}`, second.accessToken)).status).toBe(404);
    expect((await end('/v1/me/sessions', second.accessToken)).body).toMatchObject({ data: { ended: 1 } });
    expect((await server.anonymous.get('/v1/me', bearer(second.accessToken))).status).toBe(401);
  });

  test('are marked as seen, in batches', async () => {
    const person = await somebody();
    const { accessToken } = await signIn(server.anonymous, person);
    const age = async (): Promise<number> =>
      inDatabase(server, async (client) => {
        await client.query('set role assay_system');
        const { rows } = await client.query(
          `select extract(epoch from now() - l.last_seen_at)::integer as age from logins l join users u on u.id = l.user_id
           where u.email = $1`,
          [person.email],
        );
        return rows[0].age;
      });
    await inDatabase(server, async (client) => {
      await client.query('set role assay_system');
      await client.query(
        `update logins set last_seen_at = now() - interval '1 hour' where user_id = (select id from users where email = $1)`,
        [person.email],
      );
    });
    await server.anonymous.get('/v1/me', bearer(accessToken));
    await until('the login is marked as seen', async () => (await age()) < 60, 20_000);
  });
});

describe('a second factor', () => {
  test('is asked for with a code that says so and a token to send it with', async () => {
    const person = await somebody();
    const { accessToken } = await signIn(server.anonymous, person);
    const enrolled = await server.anonymous.post('/v1/me/totp', undefined, bearer(accessToken));
    const { secret } = controlRoutes.enrolSecondFactor.answers[201].schema.parse(enrolled.body).data;
    const wrong = await server.anonymous.post('/v1/me/totp/confirm', { code: '000000' }, bearer(accessToken));
    expect(wrong.status).toBe(400);
    expect(ControlError.parse(wrong.body)).toEqual(wrong.body);
    const confirmed = await server.anonymous.post('/v1/me/totp/confirm', { code: codeOf(secret) }, bearer(accessToken));
    const { recovery_codes: codes } = controlRoutes.confirmSecondFactor.answers[200].schema.parse(confirmed.body).data;
    const asked = await server.anonymous.post('/api/v1/auth/login', person);
    expect(asked.status).toBe(401);
    const { error } = BuildsError.parse(asked.body);
    expect(error).toMatchObject({ code: 'MFA_REQUIRED', expires_in: 300 });
    const complete = (code: string) => server.anonymous.post('/api/v1/auth/mfa', { mfa_token: error.mfa_token, code });
    expect((await complete('000000')).status).toBe(401);
    const done = await complete(codes[0] ?? '');
    expect(done.status).toBe(200);
    expect(Object.keys(done.body as object).sort()).toEqual([
      'access_token',
      'expires_in',
      'refresh_token',
      'token_type',
    ]);
    expect((await complete(codes[1] ?? '')).status).toBe(401);
  });
});

describe('keys of access tokens', () => {
  test('are replaced without ending what is signed in, unless they are distrusted', async () => {
    const person = await somebody();
    const { accessToken } = await signIn(server.anonymous, person);
    const rotate = (body: object) => server.as().post('/v1/signing-keys/rotate', body);
    const kid = (token: string): string =>
      JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
    expect((await rotate({})).status).toBe(201);
    expect((await server.anonymous.get('/v1/me', bearer(accessToken))).status).toBe(200);
    const fresh = await signIn(server.anonymous, person);
    expect(kid(fresh.accessToken)).not.toBe(kid(accessToken));
    const published = await server.anonymous.get('/.well-known/jwks.json');
    const { keys } = published.body as { keys: { kid: string }[] };
    expect(keys.map((key) => key.kid)).toEqual(expect.arrayContaining([kid(fresh.accessToken), kid(accessToken)]));
    expect((await rotate({ distrust: true })).status).toBe(201);
    for (const token of [accessToken, fresh.accessToken])
      expect((await server.anonymous.get('/v1/me', bearer(token))).status).toBe(401);
  });

  test('are for administrators of the installation', async () => {
    const { accessToken } = await signIn(server.anonymous, await somebody());
    expect((await server.anonymous.post('/v1/signing-keys/rotate', {}, bearer(accessToken))).status).toBe(403);
  });
});
