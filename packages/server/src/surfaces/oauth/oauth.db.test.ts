import { FleetError, fleetRoutes, OAuthError, oauthRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aCall } from '../../../test/calls.ts';
import { testDatabase } from '../../../test/database.ts';
import { aPerson, type Person } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';

const db = testDatabase();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off', '--public-url', 'https://assay.example']);
});
afterAll(() => api[Symbol.asyncDispose]());

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

async function form(
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${api.app.url}${path}`, { method: 'POST', headers, body: new URLSearchParams(fields) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

/** Lets a device in as a person would on the page. */
async function approve(person: Person, userCode: string, decision: 'approve' | 'deny' = 'approve'): Promise<void> {
  const { operator, logins, systemTransaction } = api.app.core;
  const call = aCall({ via: 'console', address: null });
  const { accessToken } = await systemTransaction((tx) =>
    logins.openTokens(tx, { userId: person.userId, method: 'password', client: 'a test' }, { call }),
  );
  const principal = await api.app.core.authenticator.authenticate({ kind: 'access_token', value: accessToken });
  const input = { userCode, decision, isReported: false, orgId: null };
  await operator.run(api.app.operations.devices.decideDevice, { ...call, principal }, input);
}

/** Moves the last poll of every request into the past, as if its device had waited. */
const waited = () => db.owner.query(`update device_authorizations set polled_at = polled_at - interval '1 minute'`);

function expectRefusal(answer: Answer, status: number, error: string): void {
  expect(OAuthError.parse(answer.body)).toEqual(answer.body);
  expect(answer).toMatchObject({ status, body: { error } });
}

type Device = { device_code: string; user_code: string };
type Tokens = { access_token: string; refresh_token: string };

describe('OAuth: a device', () => {
  const begin = (more: Record<string, string> = {}) =>
    form('/oauth/device_authorization', { client_id: 'a-cli', device_name: 'laptop', ...more });
  const poll = ({ device_code }: Pick<Device, 'device_code'>, more: Record<string, string> = {}) =>
    form('/oauth/token', { grant_type: GRANT, device_code, client_id: 'a-cli', ...more });

  test('is let in, refreshes, and is signed out', async () => {
    const person = await aPerson(db, { role: 'developer' });
    const begun = await begin();
    expect(oauthRoutes.authorizeDevice.answers[200].schema.parse(begun.body)).toEqual(begun.body);
    const device = begun.body as Device;
    expect(begun).toMatchObject({
      status: 200,
      body: {
        verification_uri: 'https://assay.example/device',
        verification_uri_complete: `https://assay.example/device?user_code=${device.user_code}`,
        expires_in: 600,
        interval: 5,
      },
    });
    expect(begun.headers.get('cache-control')).toBe('no-store');
    expectRefusal(await poll(device), 400, 'authorization_pending');
    expectRefusal(await poll(device), 400, 'slow_down');
    await approve(person, device.user_code);
    await waited();
    const granted = await poll(device);
    expect(oauthRoutes.token.answers[200].schema.parse(granted.body)).toEqual(granted.body);
    expect(granted).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 3600 } });
    expect(granted.headers.get('cache-control')).toBe('no-store');
    const first = granted.body as Tokens;
    const info = await api.ask('GET /oauth/userinfo', { headers: { authorization: `Bearer ${first.access_token}` } });
    expect(info.body).toMatchObject({ sub: person.userId, email: person.email, organization_id: person.orgId });

    const refresh = (more: Record<string, string>) => form('/oauth/token', { grant_type: 'refresh_token', ...more });
    const foreign = await refresh({ refresh_token: first.refresh_token, client_id: 'another' });
    expectRefusal(foreign, 400, 'invalid_grant');
    const renewed = await refresh({ refresh_token: first.refresh_token, client_id: 'a-cli' });
    expect(renewed).toMatchObject({ status: 200, body: { expires_in: 3600 } });
    const second = renewed.body as Tokens;
    const revoked = await form('/oauth/revoke', { token: second.refresh_token, token_type_hint: 'refresh_token' });
    expect([revoked.status, revoked.body]).toEqual([200, {}]);
    expectRefusal(await refresh({ refresh_token: second.refresh_token }), 400, 'invalid_grant');
    const after = await api.ask('GET /oauth/userinfo', { headers: { authorization: `Bearer ${second.access_token}` } });
    expectRefusal(after, 401, 'invalid_client');
  });

  test('that asks for scopes gets those, and is told', async () => {
    const person = await aPerson(db);
    const device = (await begin({ scope: 'evaluations:read events:read' })).body as Device;
    await approve(person, device.user_code);
    const granted = await poll(device);
    expect(granted).toMatchObject({ status: 200, body: { scope: 'evaluations:read events:read' } });
    const { access_token: token } = granted.body as Tokens;
    const me = await api.ask('GET /v1/me', { headers: { authorization: `Bearer ${token}` } });
    expect(me.body).toMatchObject({ data: { principal: { scopes: ['evaluations:read', 'events:read'] } } });
  });

  test('that is refused, or whose login is revoked by its access token, is out', async () => {
    const person = await aPerson(db);
    const denied = (await begin()).body as Device;
    await approve(person, denied.user_code, 'deny');
    expectRefusal(await poll(denied), 400, 'access_denied');
    const device = (await begin()).body as Device;
    await approve(person, device.user_code);
    const { access_token: token, refresh_token: refresh } = (await poll(device)).body as Tokens;
    expect((await form('/oauth/revoke', { token })).status).toBe(200);
    expectRefusal(
      await form('/oauth/token', { grant_type: 'refresh_token', refresh_token: refresh }),
      400,
      'invalid_grant',
    );
    expect((await form('/oauth/revoke', { token: 'nonsense' })).status).toBe(200);
  });

  test.each([
    [{ grant_type: GRANT, client_id: 'a-cli' }, 'invalid_request'],
    [{ grant_type: GRANT, device_code: 'dc_x' }, 'invalid_request'],
    [{ grant_type: GRANT, device_code: 'dc_x', client_id: 'a-cli' }, 'invalid_grant'],
    [{ grant_type: 'refresh_token' }, 'invalid_request'],
    [{ grant_type: 'refresh_token', refresh_token: 'rt_x' }, 'invalid_grant'],
    [{ grant_type: 'password', username: 'a', password: 'b' }, 'unsupported_grant_type'],
    [{}, 'invalid_request'],
  ])('%j is refused as %s', async (fields, error) => {
    expectRefusal(await form('/oauth/token', fields as Record<string, string>), 400, error);
  });

  test.each([
    [{}, 'invalid_request'],
    [{ client_id: 'a cli' }, 'invalid_request'],
    [{ client_id: 'a-cli', scope: 'a  b' }, 'invalid_request'],
    [{ client_id: 'a-cli', scope: 'world:rule' }, 'invalid_scope'],
    [{ client_id: 'a-cli', device_name: 'a\u0000b' }, 'invalid_request'],
  ])('a request with %j is refused as %s', async (fields, error) => {
    expectRefusal(await form('/oauth/device_authorization', fields as Record<string, string>), 400, error);
  });

  test('a field that is there twice, JSON, a client that proves itself, and unknown paths are refused in its shape', async () => {
    const twice = await fetch(`${api.app.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=a&grant_type=b',
    });
    expect([twice.status, await twice.json()]).toMatchObject([400, { error: 'invalid_request' }]);
    expectRefusal(await api.ask('POST /oauth/token', { body: { grant_type: GRANT } }), 415, 'invalid_request');
    expectRefusal(
      await form('/oauth/token', { grant_type: GRANT }, { authorization: 'Basic eDp5' }),
      401,
      'invalid_client',
    );
    expectRefusal(await api.ask('GET /oauth/nothing'), 404, 'not_found');
    expectRefusal(await api.ask('GET /.well-known/nothing'), 404, 'not_found');
  });
});

describe('the documents', () => {
  test.each([
    ['/.well-known/oauth-authorization-server', oauthRoutes.authorizationServer],
    ['/.well-known/oauth-protected-resource', oauthRoutes.protectedResource],
    ['/.well-known/jwks.json', oauthRoutes.keys],
    ['/.well-known/assay.json', oauthRoutes.installation],
  ])('%s is what the contract says', async (path, route) => {
    const { status, body } = await api.ask(`GET ${path}`);
    expect(status).toBe(200);
    expect(route.answers[200].schema.parse(body)).toEqual(body);
  });

  test('name the public address', async () => {
    const { body } = await api.ask('GET /.well-known/oauth-authorization-server');
    expect(body).toMatchObject({
      issuer: 'https://assay.example',
      token_endpoint: 'https://assay.example/oauth/token',
    });
    expect((await api.ask('GET /.well-known/oauth-protected-resource')).body).toMatchObject({
      resource: 'https://assay.example',
      authorization_servers: ['https://assay.example'],
    });
  });

  test('the keys are public halves only', async () => {
    const { text } = await api.ask('GET /.well-known/jwks.json');
    expect(text).not.toContain('"d"');
  });
});

describe('crewkit: a device', () => {
  const begin = (body?: object) => api.ask('POST /api/v1/auth/device', body === undefined ? {} : { body });
  const poll = (device_code: string) => api.ask('POST /api/v1/auth/token', { body: { device_code } });

  test('is let in with exactly the fields that crewkit shows', async () => {
    const person = await aPerson(db);
    const begun = await begin();
    expect(begun.status).toBe(200);
    expect(Object.keys(begun.body as object)).toEqual([
      'device_code',
      'user_code',
      'verification_uri',
      'expires_in',
      'interval',
    ]);
    expect(begun.body).toMatchObject({
      verification_uri: 'https://assay.example/device',
      expires_in: 600,
      interval: 5,
    });
    const device = begun.body as Device;
    const pending = await poll(device.device_code);
    expect([pending.status, pending.body]).toEqual([400, { error: 'authorization_pending' }]);
    expect(await poll(device.device_code)).toMatchObject({ status: 400, body: { error: 'slow_down' } });
    await approve(person, device.user_code);
    await waited();
    const granted = await poll(device.device_code);
    expect(granted.status).toBe(200);
    expect(Object.keys(granted.body as object)).toEqual(['access_token', 'token_type', 'expires_in', 'refresh_token']);
    expect(granted.body).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
    const again = await poll(device.device_code);
    expect([again.status, again.body]).toEqual([400, { error: 'invalid_grant' }]);
  });

  test('that is refused, or too late, is told in a word', async () => {
    const person = await aPerson(db);
    const [denied, late] = [(await begin({})).body as Device, (await begin({ device_name: 'ci' })).body as Device];
    await approve(person, denied.user_code, 'deny');
    expect(await poll(denied.device_code)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
    await db.owner.query('update device_authorizations set expires_at = now() where decision is null');
    expect(await poll(late.device_code)).toMatchObject({ status: 400, body: { error: 'expired_token' } });
  });

  test('its body is checked: unknown fields are 422 with the field named, what cannot be read is 400', async () => {
    const unknown = await begin({ color: 'red' });
    expect(unknown).toMatchObject({
      status: 422,
      body: { error: expect.stringMatching(/^Validation failed: /), details: { color: [expect.any(String)] } },
    });
    const missing = await api.ask('POST /api/v1/auth/token', { body: {} });
    expect(missing).toMatchObject({
      status: 422,
      body: { error: "Validation failed: Device code can't be blank", details: { device_code: ["can't be blank"] } },
    });
    const response = await fetch(`${api.app.url}/api/v1/auth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    const body = await response.json();
    expect([response.status, FleetError.parse(body)]).toEqual([400, body]);
  });

  test('unknown paths below its own are refused in its shape, and others of /api/v1 in that of evc-platform', async () => {
    const theirs = await api.ask('GET /api/v1/agents/nobody');
    expect([theirs.status, Object.keys(theirs.body as object)]).toEqual([404, ['error']]);
    expect(typeof (theirs.body as { error: unknown }).error).toBe('string');
    expect(await api.ask('GET /api/v1/nothing')).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
  });

  test('what its route answers is what the contract says', async () => {
    const { body } = await begin();
    expect(fleetRoutes.startDevice.answers[200].schema.parse(body)).toEqual(body);
  });
});
