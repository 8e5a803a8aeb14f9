import { createPublicKey, verify } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { afterAll, describe, expect, test } from 'vitest';
import { Client } from './harness/client.ts';
import { inDatabase } from './harness/database.ts';
import { PageVisitor } from './harness/page-visitor.ts';
import { Server } from './harness/server.ts';
import { addMember } from './harness/tenant.ts';
import { dataOf, WorkflowClient } from './harness/workflow-client.ts';

/*
 * Devices that sign in for a person, over both wire formats, and the pages where the person decides. Limits are on: that
 * codes cannot be guessed is a matter of them.
 */
const server = await Server.start({ args: ['--role', 'api,worker'], awaitReady: false });
afterAll(() => server[Symbol.asyncDispose]());

type Device = { device_code: string; user_code: string; verification_uri: string };
type Tokens = { access_token: string; token_type: string; expires_in: number; refresh_token: string };

const bearer = (token: string): Client => new Client(() => server.url, { authorization: `Bearer ${token}` });

/** As if the device had waited since its last poll. */
const waited = () =>
  inDatabase(server, async (sql) => {
    await sql.query('set role assay_system');
    await sql.query(`update device_authorizations set polled_at = polled_at - interval '1 minute'`);
  });

async function signedIn(): Promise<PageVisitor> {
  const visitor = new PageVisitor(() => server.url);
  await visitor.signIn(server.credentials);
  return visitor;
}

/** Lets a device in on the page, as a person without scripts does. */
async function decide(
  visitor: PageVisitor,
  userCode: string,
  decision: string,
): Promise<{ status: number; text: string }> {
  const page = await visitor.get(`/device?user_code=${userCode}`);
  return visitor.submit('/device', { ...page.fields, decision });
}

describe('crewkit', () => {
  const begin = async () => (await server.anonymous.post('/api/v1/auth/device')).body as Device;
  const poll = (device: Device) => server.anonymous.post('/api/v1/auth/token', { device_code: device.device_code });

  test('signs in a device word for word', async () => {
    const begun = await server.anonymous.post('/api/v1/auth/device');
    expect(begun).toMatchObject({
      status: 200,
      body: {
        device_code: expect.any(String),
        user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
        verification_uri: `${server.url}/device`,
        expires_in: 600,
        interval: 5,
      },
    });
    const device = begun.body as Device;
    expect(await poll(device)).toMatchObject({ status: 400, text: '{"error":"authorization_pending"}' });
    expect(await poll(device)).toMatchObject({ status: 400, text: '{"error":"slow_down"}' });
    const done = await decide(await signedIn(), device.user_code, 'approve');
    expect(done).toMatchObject({ status: 200, text: expect.stringContaining('The device is in') });
    await waited();
    const granted = await poll(device);
    expect(granted).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 3600 } });
    const tokens = granted.body as Tokens;
    expect(Object.keys(tokens)).toEqual(['access_token', 'token_type', 'expires_in', 'refresh_token']);
    expect(await bearer(tokens.access_token).get('/v1/me')).toMatchObject({
      status: 200,
      body: { data: { principal: { kind: 'user', role: 'owner' } } },
    });
    expect(await poll(device)).toMatchObject({ status: 400, text: '{"error":"invalid_grant"}' });
  });

  test('hears that it was refused', async () => {
    const device = await begin();
    await decide(await signedIn(), device.user_code, 'deny');
    expect(await poll(device)).toMatchObject({ status: 400, text: '{"error":"access_denied"}' });
  });

  test('hears that nobody decided in time', async () => {
    const device = await begin();
    await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      await sql.query('update device_authorizations set expires_at = now() where decision is null');
    });
    expect(await poll(device)).toMatchObject({ status: 400, text: '{"error":"expired_token"}' });
  });

  test('shows limits in the headers of every answer', async () => {
    const { headers } = await server.anonymous.post('/api/v1/auth/device');
    for (const name of [
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
      'ratelimit',
      'ratelimit-policy',
    ])
      expect(headers.get(name), name).not.toBeNull();
    expect(headers.get('x-ratelimit-limit')).toBe('100');
  });
});

describe('a client that knows nothing but the RFCs', () => {
  // It refuses plain HTTP unless told so; nothing else about it is changed.
  const insecure = { [oauth.allowInsecureRequests]: true };
  const client: oauth.Client = { client_id: 'conformance' };

  test('finds everything out, signs in, refreshes and signs out', async () => {
    const issuer = new URL(server.url);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
    const as = await oauth.processDiscoveryResponse(issuer, discovered);

    const resource = await oauth.resourceDiscoveryRequest(issuer, insecure);
    const { authorization_servers } = await oauth.processResourceDiscoveryResponse(issuer, resource);
    expect(authorization_servers).toEqual([as.issuer]);

    const asked = await oauth.deviceAuthorizationRequest(
      as,
      client,
      oauth.None(),
      { scope: 'evaluations:read', device_name: 'bench' },
      insecure,
    );
    const device = await oauth.processDeviceAuthorizationResponse(as, client, asked);
    const poll = async () =>
      oauth.processDeviceCodeResponse(
        as,
        client,
        await oauth.deviceCodeGrantRequest(as, client, oauth.None(), device.device_code, insecure),
      );
    await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' });
    await decide(await signedIn(), device.user_code, 'approve');
    await waited();
    const tokens = await poll();
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'evaluations:read' });

    const queue = new URL('/api/queue-status', server.url);
    const read = await oauth.protectedResourceRequest(
      tokens.access_token,
      'GET',
      queue,
      undefined,
      undefined,
      insecure,
    );
    expect(read.status).toBe(200);
    const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
    expect(await info.json()).toMatchObject({ email: server.credentials.email });

    const renewed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, oauth.None(), String(tokens.refresh_token), insecure),
    );
    const revoked = await oauth.revocationRequest(as, client, oauth.None(), String(renewed.refresh_token), insecure);
    expect(await oauth.processRevocationResponse(revoked)).toBeUndefined();
    expect((await bearer(renewed.access_token).get('/api/queue-status')).status).toBe(401);
  });

  test('leaves nothing behind that does what it may not do itself', async () => {
    const workflows = new WorkflowClient(server);
    const ask = { key: 'ask', runtime: 'provider', operation: 'chat', config: { model: 'echo', prompt: 'Hello.' } };
    await workflows.define({ name: 'ask', nodes: [ask] });
    const form = new URLSearchParams({ client_id: 'x', scope: 'workflows:read workflows:write' });
    const begun = await fetch(`${server.url}/oauth/device_authorization`, { method: 'POST', body: form });
    const { device_code, user_code } = (await begun.json()) as Device;
    await decide(await signedIn(), user_code, 'approve');
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    const polled = new URLSearchParams({ client_id: 'x', grant_type, device_code });
    const answer = await fetch(`${server.url}/oauth/token`, { method: 'POST', body: polled });
    const { access_token } = (await answer.json()) as Tokens;
    const run = { name: 'ask', start: true };
    const made = await bearer(access_token).post('/v1/workflow-runs', run);
    const { workflow_run } = dataOf<{ workflow_run: { id: string } }>(made, 201);
    expect(await workflows.ended(workflow_run.id)).toMatchObject({
      state: 'failed',
      error: { node: 'ask', message: expect.stringContaining('providers:execute') },
    });
  });

  test('can check an access token with the published keys', async () => {
    const { body } = await server.anonymous.post('/api/v1/auth/login', {
      email: server.credentials.email,
      password: server.credentials.password,
    });
    const { access_token: token } = body as Tokens;
    const [head = '', claims = '', signature = ''] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
    const { keys } = (await server.anonymous.get('/.well-known/jwks.json')).body as { keys: { kid: string }[] };
    const jwk = keys.find((key) => key.kid === kid);
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    expect(verify(null, Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  test('finds where everything is', async () => {
    expect((await server.anonymous.get('/.well-known/assay.json')).body).toMatchObject({
      name: 'assay',
      features: expect.arrayContaining(['device-flow']),
      base_paths: { control: '/v1', oauth: '/oauth' },
    });
  });
});

describe('the page', () => {
  const begin = (more: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/oauth/device_authorization`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ client_id: 'assay-cli', ...more }),
    }).then(async (response) => (await response.json()) as Device);

  test('asks for a sign-in first, and comes back to the code', async () => {
    const { user_code: code } = await begin();
    const visitor = new PageVisitor(() => server.url);
    const asked = await visitor.get(`/device?user_code=${code}`);
    expect(asked).toMatchObject({
      status: 303,
      location: `/login?next=${encodeURIComponent(`/device?user_code=${code}`)}`,
    });
    const after = await visitor.signIn(server.credentials, `/device?user_code=${code}`);
    expect(after).toMatchObject({ status: 303, location: `/device?user_code=${code}` });
  });

  test('shows who asks, from where, for what and until when, and nothing of it as markup', async () => {
    const { user_code: code } = await begin(
      { device_name: '<img src=x onerror=alert(1)>', scope: 'evaluations:read' },
      { 'user-agent': 'evil"><script>alert(1)</script>' },
    );
    const { text } = await (await signedIn()).get(`/device?user_code=${code.toLowerCase()}`);
    for (const shown of ['assay-cli', '127.0.0.1', 'See evaluations', server.credentials.email, code]) {
      expect(text).toContain(shown);
    }
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(text).not.toContain('<img');
    expect(text).not.toContain('<script>');
    expect(text.match(/<time datetime="/g)).toHaveLength(2);
  });

  test('has a person in several organizations choose', async () => {
    const orgId = (await server.as().get('/v1/me')).body as { data: { principal: { organization_id: string } } };
    const second = crypto.randomUUID();
    const email = await addMember(server, { orgId: second, name: 'second', role: 'owner', isNew: true });
    await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      await sql.query(
        `insert into memberships (org_id, user_id, role) select $1, id, 'viewer' from users where email = $2`,
        [orgId.data.principal.organization_id, email],
      );
    });
    const visitor = new PageVisitor(() => server.url);
    await visitor.signIn({ email, password: server.credentials.password });
    const device = await begin();
    const page = await visitor.get(`/device?user_code=${device.user_code}`);
    expect(page.text.match(/type="radio"/g)).toHaveLength(2);
    const unsaid = await visitor.submit('/device', { ...page.fields, decision: 'approve' });
    expect(unsaid).toMatchObject({ status: 400, text: expect.stringContaining('Choose one of your organizations') });
    await visitor.submit('/device', { ...unsaid.fields, decision: 'approve', organization: second });
    const { body } = await server.anonymous.send('POST', '/oauth/token', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: 'assay-cli',
        device_code: device.device_code,
      }).toString(),
    });
    expect(await bearer((body as Tokens).access_token).get('/v1/me')).toMatchObject({
      body: { context: { organization_id: second } },
    });
  });

  test('keeps in the audit log who let what in, and who did not want it', async () => {
    const visitor = await signedIn();
    const [wanted, unwanted] = [await begin(), await begin()];
    await decide(visitor, wanted.user_code, 'approve');
    await decide(visitor, unwanted.user_code, 'report');
    const leaves = await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      const { rows } = await sql.query(
        `select action, via from (select action, via, at from audit_leaves union all select action, via, at from audit_entries) e
         where action like 'device.%' order by at desc limit 2`,
      );
      return rows;
    });
    expect(leaves).toEqual([
      { action: 'device.reported', via: 'console' },
      { action: 'device.approved', via: 'console' },
    ]);
  });

  test('lets nobody guess codes: after twenty tries a minute there is no other, right or wrong', async () => {
    const email = await addMember(server, { orgId: crypto.randomUUID(), name: 'guesser', role: 'owner', isNew: true });
    const visitor = new PageVisitor(() => server.url);
    await visitor.signIn({ email, password: server.credentials.password });
    const device = await begin();
    const statuses: number[] = [];
    for (let guess = 0; guess < 22; guess++) {
      statuses.push(
        (await visitor.get(`/device?user_code=BCDF-GH${'BC'[guess % 2]}${'BCDFGHJKLMN'[guess >> 1]}`)).status,
      );
    }
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 404), 429, 429]);
    const right = await visitor.get(`/device?user_code=${device.user_code}`);
    expect(right.status).toBe(429);
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await visitor.submit('/device', { user_code: device.user_code, decision: 'approve' })).status).toBeOneOf([
      403, 429,
    ]);
  });
});
