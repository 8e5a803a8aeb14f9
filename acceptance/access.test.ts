import { randomUUID } from 'node:crypto';
import { allRoutes, type Route } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { Client } from './harness/client.ts';
import { shiftedClock } from './harness/clock.ts';
import { inDatabase } from './harness/database.ts';
import { expectErrorShape } from './harness/error-shapes.ts';
import { addEstate, NOTHING } from './harness/estate.ts';
import { ALL_SCOPES, declaredOf, roleHolds } from './harness/permissions.ts';
import { callOf, endsItself, nameOf, send, signIn, signsIn } from './harness/route-call.ts';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { addMember, addTenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/*
 * Who may call what. Expectations are read from the published reference of permissions and from the list of routes.
 *
 * The first start is on a clock that is an hour slow: the token signed there has expired when the server runs again.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off', ...shiftedClock(-3_600_000) },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const { accessToken: expiredToken } = await signIn(server.anonymous, server.credentials);
await server.stop();
await server.start({ NODE_OPTIONS: '' });
const runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

const estate = await addEstate(server, runner, { apiKey: server.credentials.apiKey, canary: 'kestrel' });

const named = (routes: readonly Route[]): [string, Route][] => routes.map((route) => [nameOf(route), route]);
const closed = allRoutes.filter(({ isPublic }) => isPublic !== true);
const open = allRoutes.filter((route) => route.isPublic === true && !signsIn(route));
const scopeOf = (route: Route): string => declaredOf(route.operation).scope;
const governed = closed.filter((route) => !['authenticated', 'platform'].includes(scopeOf(route)));

const expectRefusal = ({ surface }: Route, body: unknown): void => expectErrorShape(surface, body);

async function keyWith(scopes: readonly string[], expiresAt?: Date): Promise<{ id: string; client: Client }> {
  const expiry = expiresAt === undefined ? {} : { expires_at: expiresAt.toISOString() };
  const made = await server.sdk().apiKeys.create({ name: 'Key of a test', scopes: [...scopes], ...expiry });
  return { id: made.api_key.id, client: server.as(made.raw_key) };
}

const bearer = (token: string): Client => new Client(() => server.url, { authorization: `Bearer ${token}` });

describe('without a credential', () => {
  test.each(named(closed))('%s answers 401 in the shape of its surface', async (_, route) => {
    const answer = await send(server.anonymous, callOf(route, estate));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expectRefusal(route, answer.body);
  });

  test.each(named(open))('%s is open to everybody', async (_, route) => {
    const answer = await send(server.anonymous, callOf(route, estate));
    expect(answer.status).toBe(Number(Object.keys(route.answers)[0]));
  });

  test.each(['/ws', '/v1/events/ws'])('a WebSocket at %s is refused', async (path) => {
    await expect(Socket.open(server.url, path)).rejects.toThrow('refused');
  });
});

describe('a key', async () => {
  const bare = await keyWith([]);

  test.each(named(closed))('without scopes, %s is forbidden unless it only asks who calls', async (_, route) => {
    const answer = await send(bare.client, callOf(route, estate));
    if (scopeOf(route) === 'authenticated') return expect(answer.status).not.toBe(401);
    expect(answer.status).toBe(403);
    expectRefusal(route, answer.body);
    expect(answer.text).toContain(scopeOf(route) === 'platform' ? 'administrators' : scopeOf(route));
  });

  const single = new Map(await Promise.all(ALL_SCOPES.map(async (scope) => [scope, await keyWith([scope])] as const)));
  const others = new Map(
    await Promise.all(
      ALL_SCOPES.map(
        async (scope) =>
          [scope, await keyWith(ALL_SCOPES.filter((other) => ![scope, `${scope}:own`].includes(other)))] as const,
      ),
    ),
  );

  test.each(named(governed))('with no scope but its own, %s is allowed', async (_, route) => {
    const client = single.get(scopeOf(route))?.client ?? bare.client;
    expect((await send(client, callOf(route, NOTHING))).status).not.toBeOneOf([401, 403]);
  });

  test.each(named(governed))('with all scopes but its own, %s is forbidden', async (_, route) => {
    const client = others.get(scopeOf(route))?.client ?? bare.client;
    expect((await send(client, callOf(route, estate))).status).toBe(403);
  });

  test.each(['/ws', '/v1/events/ws'])('without events:read, a WebSocket at %s is closed', async (path) => {
    const { raw_key } = await server.sdk().apiKeys.create({ name: 'No events', scopes: ['evaluations:read'] });
    const socket = await Socket.open(server.url, path, { 'x-api-key': raw_key });
    expect(await socket.closed).toMatchObject({ code: 1008, reason: expect.stringContaining('events:read') });
  });

  test('that creates another gives it no scope that it lacks itself', async () => {
    const { client } = await keyWith(['apikeys:write', 'evaluations:read']);
    const beyond = await client.post('/v1/api-keys', { name: 'More', scopes: ['evaluations:write'] });
    expect(beyond.status).toBe(403);
    expect(beyond.text).toContain('evaluations:write');
    expect((await client.post('/v1/api-keys', { name: 'Less', scopes: ['evaluations:read'] })).status).toBe(201);
  });

  test('that is revoked is dead at the next request, on every route', async () => {
    const { id, client } = await keyWith(ALL_SCOPES);
    expect((await client.get('/api/evaluations')).status).toBe(200);
    expect((await server.as().send('DELETE', `/v1/api-keys/${id}`)).status).toBe(200);
    const answers = await Promise.all(closed.map(async (route) => (await send(client, callOf(route, estate))).status));
    expect(new Set(answers)).toEqual(new Set([401]));
  });

  test('that is revoked loses the streams it had open', async () => {
    const { api_key, raw_key } = await server.sdk().apiKeys.create({ name: 'Streams', scopes: ['events:read'] });
    const sockets = await Promise.all(
      ['/ws', '/v1/events/ws'].map((path) => Socket.open(server.url, path, { 'x-api-key': raw_key })),
    );
    await server.sdk().apiKeys.revoke(api_key.id);
    for (const socket of sockets) {
      expect(await Promise.race([socket.closed, late(5_000)])).toMatchObject({ code: 1008 });
    }
  });

  test('past its expiry is dead', async () => {
    const { client } = await keyWith(ALL_SCOPES, new Date(Date.now() + 1_500));
    expect((await client.get('/v1/me')).status).toBe(200);
    const refused = await until('the key expires', async () => {
      const answer = await client.get('/v1/me');
      return answer.status === 200 ? null : answer;
    });
    expect(refused.status).toBe(401);
  });
});

const late = (ms: number): Promise<string> =>
  new Promise((resolve) => setTimeout(() => resolve(`open after ${ms} ms`), ms).unref());

describe('an access token', () => {
  test('that has expired is refused with what to do', async () => {
    const answer = await bearer(expiredToken).get('/v1/me');
    expect(answer.status).toBe(401);
    expect(answer.text).toContain('expired');
  });

  test('is dead as soon as its login has ended', async () => {
    const { accessToken, refreshToken } = await signIn(server.anonymous, server.credentials);
    expect((await bearer(accessToken).get('/api/v1/auth/me')).status).toBe(200);
    const ended = await server.anonymous.post('/api/v1/auth/logout', { refresh_token: refreshToken });
    expect(ended.status).toBe(204);
    expect((await bearer(accessToken).get('/api/v1/auth/me')).status).toBe(401);
    expect((await server.anonymous.post('/api/v1/auth/refresh', { refresh_token: refreshToken })).status).toBe(401);
  });

  test('ends with its whole login when a refresh token is used twice', async () => {
    const { accessToken, refreshToken } = await signIn(server.anonymous, server.credentials);
    const refresh = () => server.anonymous.post('/api/v1/auth/refresh', { refresh_token: refreshToken });
    const renewed = await refresh();
    expect(renewed.status).toBe(200);
    expect((await refresh()).status).toBe(401);
    const { access_token } = renewed.body as { access_token: string };
    for (const token of [accessToken, access_token]) expect((await bearer(token).get('/v1/me')).status).toBe(401);
  });

  test('that was altered, or that nobody signed, is refused', async () => {
    const { accessToken } = await signIn(server.anonymous, server.credentials);
    const [head = '', claims = '', signature = ''] = accessToken.split('.');
    const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    const altered = Buffer.from(claims, 'base64url')
      .toString()
      .replace(/"org":"./, '"org":"0');
    const forged = [
      `${unsigned}.${claims}.`,
      `${head}.${Buffer.from(altered).toString('base64url')}.${signature}`,
      `${head}.${claims}`,
      'eyJ',
    ];
    for (const token of forged) expect((await bearer(token).get('/v1/me')).status).toBe(401);
  });

  test('in a query string is refused, and a key there works on streams only', async () => {
    const { accessToken } = await signIn(server.anonymous, server.credentials);
    const { apiKey } = server.credentials;
    const stream = { accept: 'text/event-stream' };
    const at = (path: string, key: string) => `${path}?api_key=${key}`;
    expect((await server.anonymous.get(at('/v1/events/stream', accessToken), stream)).status).toBe(401);
    expect((await server.anonymous.get(at('/v1/events/stream', apiKey), stream)).status).toBe(200);
    expect((await server.anonymous.get(at('/api/evaluations', apiKey))).status).toBe(401);
    await expect(Socket.open(server.url, at('/ws', accessToken))).rejects.toThrow('refused');
    using socket = await Socket.open(server.url, at('/ws', apiKey));
    expect(socket.messages).toEqual([]);
  });
});

test('a request with two different credentials is refused', async () => {
  const { raw_key } = await server.sdk().apiKeys.create({ name: 'Second', scopes: ['evaluations:read'] });
  const both = { authorization: `Bearer ${raw_key}` };
  expect((await server.as().get('/api/evaluations', both)).status).toBe(400);
  const same = { authorization: `Bearer ${server.credentials.apiKey}` };
  expect((await server.as().get('/api/evaluations', same)).status).toBe(200);
});

describe('a member', async () => {
  const orgId = (await server.sdk().me()).organization_id ?? '';

  test.each(['viewer', 'developer', 'operator', 'admin', 'owner'])(
    'with the role %s may do what it holds',
    async (role) => {
      const email = await addMember(server, { orgId, name: 'members', role });
      const { accessToken } = await signIn(server.anonymous, { email, password: server.credentials.password });
      const client = bearer(accessToken);
      for (const route of closed.filter((each) => !endsItself(each))) {
        const answer = await send(client, callOf(route, { ...NOTHING, orgId }));
        const isForbidden = answer.status === 403;
        expect(`${nameOf(route)}: ${isForbidden ? 'forbidden' : 'allowed'}`).toBe(
          `${nameOf(route)}: ${roleHolds(role, declaredOf(route.operation)) ? 'allowed' : 'forbidden'}`,
        );
        if (isForbidden) expectRefusal(route, answer.body);
      }
    },
  );

  test('whose role is lowered has keys that shrink with it', async () => {
    const email = await addMember(server, { orgId, name: 'demoted', role: 'admin' });
    const { accessToken } = await signIn(server.anonymous, { email, password: server.credentials.password });
    const made = await bearer(accessToken).post('/v1/api-keys', { name: 'Shrinks', permission_set: 'full_access' });
    const { raw_key } = (made.body as { data: { raw_key: string } }).data;
    await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      await sql.query(
        `update memberships set role = 'viewer' where user_id = (select id from users where email = $1)`,
        [email],
      );
    });
    expect((await server.as(raw_key).get('/api/evaluations')).status).toBe(200);
    expect((await server.as(raw_key).post('/api/eval', { code: 'print(1)' })).status).toBe(403);
  });
});

describe('an organization', () => {
  test.each([
    ['active', null, true],
    ['trial', '1 day', true],
    ['trial', '-1 day', false],
    ['past_due', null, false],
    ['decommissioning', null, false],
  ])('in the posture %s (trial ends in %s) may start new work: %s', async (posture, trialEnds, maySpend) => {
    const { apiKey, orgId } = await addTenant(server, `org-${randomUUID()}`);
    await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      await sql.query('update organizations set posture = $1, trial_ends_at = now() + $2::interval where id = $3', [
        posture,
        trialEnds,
        orgId,
      ]);
    });
    for (const route of governed.filter((each) => !endsItself(each))) {
      const answer = await send(server.as(apiKey), callOf(route, { ...NOTHING, orgId }));
      const isRefused = declaredOf(route.operation).effect === 'create' && !maySpend;
      expect(`${nameOf(route)}: ${answer.status === 423}`).toBe(`${nameOf(route)}: ${isRefused}`);
      if (isRefused) expectRefusal(route, answer.body);
    }
  });
});
