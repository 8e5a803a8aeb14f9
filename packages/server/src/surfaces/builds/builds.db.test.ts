import { BuildsError, buildsRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { aPerson } from '../../../test/people.ts';
import { type Answer, type Ask, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { testServer } from '../../../test/test-server.ts';

const db = testDatabase();
const server = testServer();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off']);
});
afterAll(() => api[Symbol.asyncDispose]());

type Pair = { access_token: string; refresh_token: string };

const login = async (email: string, password: string, more: Ask = {}): Promise<Answer> =>
  api.ask('POST /api/v1/auth/login', { body: { email, password }, ...more });
const me = (token: string): Promise<Answer> =>
  api.ask('GET /api/v1/auth/me', { headers: { authorization: `Bearer ${token}` } });

function expectRefusal(answer: Answer, status: number, code: string): void {
  expect(BuildsError.parse(answer.body)).toEqual(answer.body);
  expect(answer).toMatchObject({ status, body: { error: { code } } });
}

describe('signing in', () => {
  test('gives a pair as the contract has it, and the access token works on every surface', async () => {
    const person = await aPerson(db, { role: 'developer' });
    const answer = await login(person.email, person.password);
    expect(answer.status).toBe(200);
    expect(buildsRoutes.login.answers[200].schema.parse(answer.body)).toEqual(answer.body);
    const { access_token: token } = answer.body as Pair;
    const self = await me(token);
    expect(buildsRoutes.me.answers[200].schema.parse(self.body)).toEqual(self.body);
    expect(self.body).toEqual({ user: { id: person.userId, organization_id: person.orgId, role: 'developer' } });
    const control = await api.ask('GET /v1/me', { headers: { authorization: `Bearer ${token}` } });
    expect(control.status).toBe(200);
  });

  test('goes through the whole life of a login', async () => {
    const person = await aPerson(db);
    const first = (await login(person.email, person.password)).body as Pair;
    const refreshed = await api.ask('POST /api/v1/auth/refresh', { body: { refresh_token: first.refresh_token } });
    expect(refreshed.status).toBe(200);
    const second = refreshed.body as Pair;
    const out = await api.ask('POST /api/v1/auth/logout', { body: { refresh_token: second.refresh_token } });
    expect([out.status, out.text]).toEqual([204, '']);
    expectRefusal(await me(second.access_token), 401, 'UNAUTHORIZED');
    expectRefusal(
      await api.ask('POST /api/v1/auth/refresh', { body: { refresh_token: second.refresh_token } }),
      401,
      'UNAUTHORIZED',
    );
  });

  test('answers a wrong password and an unknown address alike, with the way to authenticate', async () => {
    const person = await aPerson(db);
    const answers = [await login(person.email, 'wrong'), await login('nobody@example.test', 'wrong')];
    for (const answer of answers) {
      expectRefusal(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="assay"');
    }
    expect(answers[0]?.text).toBe(answers[1]?.text);
  });

  test.each([
    [{}, ['email', 'password']],
    [{ email: 'a@b' }, ['password']],
    [{ email: 'a@b', password: 'x', remember: true }, ['remember']],
    [{ email: 'a@b', password: 'x'.repeat(1_025) }, ['password']],
  ])('refuses %j, and names the fields', async (body, fields) => {
    const answer = await api.ask('POST /api/v1/auth/login', { body });
    expectRefusal(answer, 400, 'VALIDATION_ERROR');
    const { details } = (answer.body as { error: { details: { field: string }[] } }).error;
    expect(details.map(({ field }) => field)).toEqual(fields);
  });

  test('with an idempotency key works as without, and keeps no token', async () => {
    const person = await aPerson(db);
    const more = { headers: { 'idempotency-key': 'login-once' } };
    const [first, second] = [
      await login(person.email, person.password, more),
      await login(person.email, person.password, more),
    ];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect((first.body as Pair).refresh_token).not.toBe((second.body as Pair).refresh_token);
    const signedIn = {
      headers: { ...more.headers, authorization: `Bearer ${(first.body as Pair).access_token}` },
    };
    expect((await login(person.email, person.password, signedIn)).status).toBe(200);
    expect((await db.owner.query('select 1 from idempotency_keys')).rows).toEqual([]);
  });

  test('is held back after ten wrong tries at once, but not for a device that was let in before', async () => {
    await using limited = await servedApi({ address: await server.migratedDatabase() });
    const { ownerEmail: email, password: owner } = limited.app.firstStart ?? {};
    const right = { email, password: owner?.reveal() };
    const before = await limited.ask('POST /api/v1/auth/login', { body: right });
    const cookie = /wos_device=[^;]+/.exec(before.headers.get('set-cookie') ?? '')?.[0] ?? '';
    const tries = Array.from({ length: 25 }, () =>
      limited.ask('POST /api/v1/auth/login', { body: { email, password: 'wrong' } }),
    );
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
    const refused = await limited.ask('POST /api/v1/auth/login', { body: right });
    expectRefusal(refused, 429, 'RATE_LIMITED');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const known = await limited.ask('POST /api/v1/auth/login', { body: right, headers: { cookie } });
    expect(known.status).toBe(200);
  });
});
