import { randomUUID } from 'node:crypto';
import type { SocketMessage } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { Client } from './harness/client.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { until } from './harness/until.ts';

/*
 * The life of a key, questions about permissions, and what `:own` reaches, over a real port; behind a proxy that is
 * trusted, so that a test can come from anywhere.
 */
const server = await Server.start({
  env: { ASSAY_TRUSTED_PROXIES: 'loopback', ASSAY_RATE_FAILED_CREDENTIALS: '20' },
});
afterAll(() => server[Symbol.asyncDispose]());

type Made = { api_key: { id: string; version?: number }; raw_key: string; value: string };
const dataOf = <Data>({ body }: { body: unknown }): Data => (body as { data: Data }).data;

async function make(body: object, by = server.as()): Promise<Made> {
  const answer = await by.post('/v1/api-keys', { name: `Key ${randomUUID()}`, ...body });
  if (answer.status !== 201) throw new Error(`No key was made: ${answer.text}`);
  return dataOf<Made>(answer);
}

const keyWith = async (scopes: readonly string[]): Promise<Client> => server.as((await make({ scopes })).raw_key);

describe('a key', () => {
  test('is made in either seed’s words, and its secret has both names', async () => {
    const made = await server.as().post('/v1/api-keys', { label: 'CI', permission_set: 'read_only' });
    const { api_key, raw_key, value } = dataOf<Made & { api_key: object }>(made);
    expect(api_key).toMatchObject({ name: 'CI', permission_set: 'read_only', status: 'active', frozen_at: null });
    expect(value).toBe(raw_key);
    const { organization_id } = await server.sdk().me();
    await make({ organization_id });
    const elsewhere = await server.as().post('/v1/api-keys', { name: 'x', organization_id: randomUUID() });
    expect(elsewhere.status).toBe(404);
  });

  test('is changed by who has seen its version, and by nobody else', async () => {
    const { api_key } = await make({ scopes: ['events:read'] });
    const path = `/v1/api-keys/${api_key.id}`;
    const read = await server.as().get(path);
    const etag = read.headers.get('etag') ?? '';
    const change = (name: string, tag: string) =>
      server.as().send('PATCH', path, { body: { name }, headers: { 'if-match': tag } });
    const changed = await change('First', etag);
    expect(changed).toMatchObject({ status: 200, body: { data: { api_key: { name: 'First' } } } });
    expect(changed.headers.get('etag')).not.toBe(etag);
    expect(await change('Second', etag)).toMatchObject({
      status: 412,
      body: { error: { code: 'precondition_failed' } },
    });
    expect((await change('Second', 'nonsense')).status).toBe(400);
    expect((await change('Second', '*')).status).toBe(200);
  });

  test('goes through its life: disabled, enabled, rotated, revoked', async () => {
    const { api_key, raw_key } = await make({ scopes: ['events:read'] });
    const path = `/v1/api-keys/${api_key.id}`;
    const works = async (raw: string): Promise<boolean> => (await server.as(raw).get('/v1/me')).status === 200;
    expect(await server.as().post(`${path}/disable`)).toMatchObject({
      body: { data: { api_key: { status: 'disabled' } } },
    });
    expect(await works(raw_key)).toBe(false);
    expect((await server.as().post(`${path}/enable`)).status).toBe(200);
    expect(await works(raw_key)).toBe(true);
    const second = dataOf<Made>(await server.as().post(`${path}/rotate`));
    expect(second.api_key.id).toBe(api_key.id);
    expect([await works(raw_key), await works(second.raw_key)]).toEqual([true, true]);
    const third = dataOf<Made>(await server.as().post(`${path}/rotate`, { overlap_seconds: 0 }));
    expect([await works(raw_key), await works(second.raw_key), await works(third.raw_key)]).toEqual([
      false,
      false,
      true,
    ]);
    expect((await server.as().send('DELETE', path)).status).toBe(200);
    expect(await works(third.raw_key)).toBe(false);
    expect(await server.as().post(`${path}/rotate`)).toMatchObject({
      status: 409,
      body: { error: { code: 'api_key_revoked' } },
    });
  });

  test('works from its addresses, over HTTP and WebSocket alike, as the trusted proxy reports them', async () => {
    const { raw_key } = await make({ scopes: ['events:read'], allowed_addresses: ['192.0.2.0/24'] });
    const from = (address: string) => ({ 'x-forwarded-for': `203.0.113.99, ${address}` });
    expect((await server.as(raw_key).get('/v1/me', from('192.0.2.7'))).status).toBe(200);
    const refused = await server.as(raw_key).get('/v1/me', from('198.51.100.1'));
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'permission_denied' } } });
    expect((await server.as(raw_key).get('/v1/me')).status).toBe(403);
    using socket = await Socket.open(server.url, '/v1/events/ws', { 'x-api-key': raw_key, ...from('192.0.2.7') });
    expect(socket.messages).toEqual([]);
    const elsewhere = { 'x-api-key': raw_key, ...from('198.51.100.1') };
    await expect(Socket.open(server.url, '/v1/events/ws', elsewhere)).rejects.toThrow('refused');
  });

  test('shows when and from where it was last used', async () => {
    const { api_key, raw_key } = await make({ scopes: ['events:read'] });
    await server.as(raw_key).get('/v1/me', { 'x-forwarded-for': '192.0.2.55' });
    const used = await until('the use is written', async () => {
      const key = dataOf<{ api_key: { last_used_at: string | null; last_used_address: string | null } }>(
        await server.as().get(`/v1/api-keys/${api_key.id}`),
      ).api_key;
      return key.last_used_at === null ? null : key;
    });
    expect(used.last_used_address).toBe('192.0.2.55');
  });
});

describe('a scope that ends in :own', async () => {
  const mine = await keyWith(['evaluations:read:own', 'evaluations:write:own', 'events:read']);
  const submit = async (by: Client): Promise<string> =>
    ((await by.post('/api/eval', { code: 'print(1)' })).body as { eval_id: string }).eval_id;
  const [own, foreign] = [await submit(mine), await submit(server.as())];

  test.each(['/api/eval/ID', '/api/eval-status/ID', '/api/eval/ID/logs'])(
    'GET %s finds the own one only',
    async (path) => {
      expect((await mine.get(path.replace('ID', own))).status).toBe(200);
      expect((await mine.get(path.replace('ID', foreign))).status).toBe(404);
      expect((await server.as().get(path.replace('ID', own))).status).toBe(200);
    },
  );

  test.each(['kill', 'cancel'])('%s reaches the own one only', async (how) => {
    expect((await mine.post(`/api/eval/${foreign}/${how}`)).status).toBe(404);
    expect((await mine.post(`/api/eval/${await submit(mine)}/${how}`)).status).toBe(200);
  });

  test('lists and counts the own ones only', async () => {
    const { evaluations, count } = (await mine.get('/api/evaluations?limit=100')).body as {
      evaluations: { eval_id: string }[];
      count: number;
    };
    expect(evaluations.map(({ eval_id }) => eval_id)).toContain(own);
    expect(evaluations.map(({ eval_id }) => eval_id)).not.toContain(foreign);
    expect(count).toBe(evaluations.length);
    expect((await mine.get('/api/queue-status')).body).toMatchObject({ total_tasks: count });
  });

  test('shows the events of the own ones only, and of a scope that is lacking none', async () => {
    const { raw_key } = await make({ scopes: ['evaluations:read:own', 'evaluations:write:own', 'events:read'] });
    const narrow = server.as(raw_key);
    using socket = await Socket.open<SocketMessage>(server.url, '/ws', { 'x-api-key': raw_key });
    using events = await Socket.open<{ type: string }>(server.url, '/v1/events/ws', { 'x-api-key': raw_key });
    await make({ scopes: [] });
    const theirs = await submit(server.as());
    const ours = await submit(narrow);
    await socket.message('the own one ended', ({ type, eval_id }) => type === 'completed' && eval_id === ours);
    expect(socket.messages.some(({ eval_id }) => eval_id === theirs)).toBe(false);
    expect(events.messages.filter(({ type }) => !type.startsWith('evaluation.'))).toEqual([]);
  });
});

describe('a question about permissions', () => {
  test('is answered as the call would be, in each of its forms', async () => {
    const client = await keyWith(['evaluations:read']);
    const check = async (body: object): Promise<unknown> => dataOf(await client.post('/v1/authz/check', body));
    const allowed = { allowed: true, reason: 'scope', matched: { scope: 'evaluations:read', via: 'key_scopes' } };
    for (const body of [
      { action: 'evaluations:read', resource: { type: 'evaluation' } },
      { action: 'evaluations.evaluation.get', resource: 'evaluation' },
      { action: 'read', resource_type: 'evaluation' },
    ])
      expect(await check(body)).toMatchObject(allowed);
    expect(await check({ action: 'write', resource: 'evaluation' })).toEqual({
      allowed: false,
      reason: 'scope_missing',
      matched: null,
    });
    expect(await check({ action: 'read', resource: 'evaluation:eval_20250629_123456_abc123' })).toMatchObject({
      reason: 'not_found',
    });
    const unknown = await client.post('/v1/authz/check', { action: 'fly', resource: 'evaluation' });
    expect(unknown).toMatchObject({ status: 400, body: { error: { code: 'validation_failed' } } });
    const other = { principal: { type: 'user', id: randomUUID() }, action: 'read', resource: 'evaluation' };
    expect((await client.post('/v1/authz/check', other)).status).toBe(403);
  });

  test('may be one of a thousand, each with its own answer or error', async () => {
    const client = await keyWith(['evaluations:read']);
    const kinds = [
      { action: 'evaluations:read', resource: { type: 'evaluation' } },
      { action: 'evaluations:write', resource: { type: 'evaluation' } },
      { action: 'evaluations:fly', resource: { type: 'evaluation' } },
      { nonsense: true },
    ];
    const checks = Array.from({ length: 1_000 }, (_, index) => kinds[index % kinds.length]);
    const { results } = dataOf<{ results: { allowed: boolean; reason: string; error: object | null }[] }>(
      await client.post('/v1/authz/check-batch', { checks }),
    );
    expect(results).toHaveLength(1_000);
    for (const [index, { allowed, reason, error }] of results.entries())
      expect([allowed, reason, error === null]).toEqual(
        [
          [true, 'scope', true],
          [false, 'scope_missing', true],
          [false, 'error', false],
          [false, 'error', false],
        ][index % kinds.length],
      );
    expect((await client.post('/v1/authz/check-batch', { checks: [...checks, kinds[0]] })).status).toBe(400);
  });

  test('about oneself is answered with what each permission comes from', async () => {
    const { raw_key } = await make({ permission_set: 'read_only' });
    const { permissions, scopes } = dataOf<{
      permissions: { kind: string; name: string }[];
      scopes: { scope: string; reasons: string[] }[];
    }>(await server.as(raw_key).get('/v1/me/permissions'));
    expect(permissions.map(({ kind, name }) => `${kind}:${name}`)).toEqual(['key_template:read_only', 'role:owner']);
    expect(scopes.find(({ scope }) => scope === 'evaluations:read')?.reasons).toContain('key_template:read_only');
  });
});

describe('a request that means to mislead', () => {
  test.each([
    '/v1/api-keys%2f..%2fme',
    '/v1/%6de/permissions',
    '/v1/api-keys/..%2fme',
    '/v1//me',
    '/v1/me;x=1',
    '/v1/me%00',
  ])('by the path %s is authorised as the route that serves it, or finds none', async (path) => {
    const { status } = await server.anonymous.get(path);
    expect([401, 404, 400]).toContain(status);
    const { status: known } = await (await keyWith([])).get(path);
    expect(path === '/v1/%6de/permissions' ? [200] : [400, 403, 404]).toContain(known);
  });

  test('by two organizations, credentials or keys of idempotency is refused or held to one', async () => {
    const { apiKey } = server.credentials;
    const twice = new Client(() => server.url, { 'x-api-key': `${apiKey}, ${apiKey}` });
    expect((await twice.get('/v1/me')).status).toBe(401);
    const foreign = await server.as().get('/v1/me', { 'x-organization-id': randomUUID() });
    expect(foreign.status).toBe(404);
    const spaced = await server.as().post('/v1/api-keys', { name: 'x' }, { 'idempotency-key': 'a b' });
    expect(spaced.status).toBe(400);
  });

  test('by a cursor of its own is refused as such', async () => {
    for (const cursor of ['x', Buffer.from('["1","2"]').toString('base64url'), '%00'])
      expect(await server.as().get(`/v1/api-keys?cursor=${cursor}`)).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid_cursor' } },
      });
  });

  test('by trying credentials is held back by address, and nobody else is, nor who is known', async () => {
    const guesser = { 'x-forwarded-for': '198.51.100.77' };
    const known = await keyWith([]);
    expect((await known.get('/v1/me', guesser)).status).toBe(200);
    const guess = async (): Promise<number> =>
      (await server.as(`sk_${randomUUID().replaceAll('-', '')}000000`).get('/v1/me', guesser)).status;
    for (let tries = 0; tries < 20; tries++) expect(await guess()).toBe(401);
    const fresh = await keyWith([]);
    expect((await fresh.get('/v1/me', guesser)).status).toBe(429);
    expect((await fresh.get('/v1/me', { 'x-forwarded-for': '198.51.100.78' })).status).toBe(200);
    expect((await known.get('/v1/me', guesser)).status).toBe(200);
  });
});

test('every refusal wears the envelope, with both families of rate-limit headers', async () => {
  const answers = [
    await server.as().get('/v1/nothing'),
    await server.anonymous.get('/v1/me'),
    await server.as().post('/v1/api-keys', '{'),
    await server.as().post('/v1/api-keys', { name: '' }),
    await (await keyWith([])).get('/v1/api-keys'),
  ];
  for (const { status, body, headers } of answers) {
    expect(body).toMatchObject({
      meta: { status, version: '1.0' },
      context: { team_id: null },
      data: null,
      error: { code: expect.any(String), message: expect.any(String), request_id: expect.any(String) },
      links: { self: expect.any(String) },
    });
    for (const name of [
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
      'ratelimit',
      'ratelimit-policy',
    ])
      expect(headers.get(name)).toBeTruthy();
  }
});
