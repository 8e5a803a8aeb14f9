import { ControlError, controlRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { testDatabase } from '../../../test/database.ts';
import { aKey, aPerson, type Person } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { newId } from '../../kernel/ids.ts';
import { KEY_TEMPLATES } from '../../modules/access/index.ts';

const db = testDatabase();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db);
});
afterAll(() => api[Symbol.asyncDispose]());

type Known = { api_key: { id: string; name: string; status: string; scopes: string[] }; raw_key: string };
type Listed = { data: { api_keys: Known['api_key'][] }; links: { self: string; next?: string } };

/** An owner of a new organization, and a key of theirs that may do everything. */
async function owner(
  scopes: readonly string[] = KEY_TEMPLATES.full_access,
): Promise<Person & { key: string; id: string }> {
  const person = await aPerson(db);
  const { raw, id } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes });
  return { ...person, key: raw, id };
}

/** The data of an answer that is just as the contract has it: nothing missing, nothing more. */
function dataOf(answer: Answer, route: { answers: Readonly<Record<number, { schema?: z.ZodType }>> }): unknown {
  const schema = route.answers[answer.status]?.schema;
  expect(schema, `status ${answer.status}: ${answer.text}`).toBeDefined();
  expect(schema?.parse(answer.body)).toEqual(answer.body);
  return (answer.body as { data: unknown }).data;
}

function expectRefusal(answer: Answer, status: number, code: string): void {
  expect(ControlError.parse(answer.body)).toEqual(answer.body);
  expect(answer).toMatchObject({ status, body: { error: { code }, meta: { status } } });
}

describe('GET /v1/me', () => {
  test('tells who the credential stands for', async () => {
    const { key, id, orgId } = await owner(['events:read', 'assets:read']);
    const answer = await api.ask('GET /v1/me', { key });
    expect(dataOf(answer, controlRoutes.me)).toEqual({
      principal: {
        id,
        kind: 'api_key',
        organization_id: orgId,
        role: 'owner',
        scopes: ['assets:read', 'events:read'],
        posture: 'active',
      },
    });
    expect(answer.body).toMatchObject({
      context: { principal_id: id, organization_id: orgId },
      links: { self: '/v1/me' },
    });
  });

  test('counts against the limit and says so', async () => {
    const { key } = await owner();
    const remaining = async (): Promise<number> =>
      Number((await api.ask('GET /v1/me', { key })).headers.get('x-ratelimit-remaining'));
    const before = await remaining();
    expect(await remaining()).toBe(before - 1);
  });
});

describe('API keys', () => {
  test('are created, listed, shown and revoked as the contract says', async () => {
    const { key } = await owner();
    const created = await api.ask('POST /v1/api-keys', { key, body: { name: 'ci', permission_set: 'read_only' } });
    const { api_key: made, raw_key: raw } = dataOf(created, controlRoutes.createApiKey) as Known;
    expect(created.status).toBe(201);
    expect(made).toMatchObject({ name: 'ci', status: 'active', scopes: KEY_TEMPLATES.read_only });
    expect((await api.ask('GET /v1/me', { key: raw })).status).toBe(200);

    const listed = await api.ask('GET /v1/api-keys', { key });
    expect((dataOf(listed, controlRoutes.listApiKeys) as Listed['data']).api_keys.map(({ id }) => id)).toContain(
      made.id,
    );
    expect(listed.text).not.toContain(raw);
    dataOf(await api.ask(`GET /v1/api-keys/${made.id}`, { key }), controlRoutes.getApiKey);

    const revoked = await api.ask(`DELETE /v1/api-keys/${made.id}`, { key });
    expect(dataOf(revoked, controlRoutes.revokeApiKey)).toMatchObject({ api_key: { status: 'revoked' } });
    expectRefusal(await api.ask('GET /v1/me', { key: raw }), 401, 'unauthenticated');
  });

  test('show whether they can be used', async () => {
    const { key, orgId } = await owner();
    const seen = new Map<string, string>();
    for (const [status, set] of [
      ['active', 'expires_at = null'],
      ['expired', `expires_at = now() - interval '1 minute'`],
      ['disabled', 'disabled_at = now()'],
      ['revoked', 'revoked_at = now(), disabled_at = now()'],
    ] as const) {
      const { id } = await aKey(db, { orgId });
      await db.owner.query(`update api_keys set ${set} where id = $1`, [id]);
      seen.set(id, status);
    }
    const { data } = (await api.ask('GET /v1/api-keys?limit=200', { key })).body as Listed;
    for (const { id, status } of data.api_keys) if (seen.has(id)) expect(status).toBe(seen.get(id));
  });

  test('are listed page by page along the links', async () => {
    const { key, orgId } = await owner();
    for (let count = 0; count < 6; count++) await aKey(db, { orgId });
    const seen: string[] = [];
    let path: string | undefined = '/v1/api-keys?limit=3';
    while (path !== undefined) {
      const { data, links } = (await api.ask(`GET ${path}`, { key })).body as Listed;
      seen.push(...data.api_keys.map(({ id }) => id));
      path = links.next;
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen).size).toBe(7);
  });

  test.each(['', 'x', '%22', 'WyJ4Il0', 'W10', encodeURIComponent('["2026-01-01","x"]')])(
    'after the cursor %j are refused as such',
    async (cursor) => {
      const { key } = await owner();
      expectRefusal(await api.ask(`GET /v1/api-keys?cursor=${cursor}`, { key }), 400, 'invalid_cursor');
    },
  );

  test('of another organization are not there', async () => {
    const [{ key }, stranger] = [await owner(), await owner()];
    for (const id of [stranger.id, newId(), 'x', '%00', '..%2f']) {
      expectRefusal(await api.ask(`GET /v1/api-keys/${id}`, { key }), 404, 'not_found');
      expectRefusal(await api.ask(`DELETE /v1/api-keys/${id}`, { key }), 404, 'not_found');
    }
  });

  test.each([
    [{}, 'validation_failed'],
    [{ name: '' }, 'validation_failed'],
    [{ name: 'a'.repeat(101) }, 'validation_failed'],
    [{ name: 'a', scopes: ['x'] }, 'validation_failed'],
    [{ name: 'a', scopes: [], permission_set: 'read_only' }, 'validation_failed'],
    [{ name: 'a', expires_at: 'tomorrow' }, 'validation_failed'],
    [{ name: 'a', expires_at: '2020-01-01T00:00:00Z' }, 'validation_failed'],
    [{ name: 'a', role: 'owner' }, 'validation_failed'],
    [{ name: 'a\0b' }, 'validation_failed'],
    [{ name: 'a\ud800' }, 'validation_failed'],
  ])('are not created from %j', async (body, code) => {
    const { key } = await owner();
    expectRefusal(await api.ask('POST /v1/api-keys', { key, body }), 400, code);
  });

  test('are not created beyond the creator, by a lesser credential or where nobody pays', async () => {
    const narrow = await owner(['apikeys:write']);
    const body = { name: 'a', scopes: ['audit:read'] };
    expectRefusal(await api.ask('POST /v1/api-keys', { key: narrow.key, body }), 403, 'permission_denied');
    const reader = await owner(['apikeys:read']);
    expectRefusal(await api.ask('POST /v1/api-keys', { key: reader.key, body }), 403, 'permission_denied');
    const behind = await owner();
    await db.owner.query(`update organizations set posture = 'past_due' where id = $1`, [behind.orgId]);
    expectRefusal(await api.ask('POST /v1/api-keys', { key: behind.key, body }), 423, 'billing_inactive');
    expect((await api.ask(`DELETE /v1/api-keys/${behind.id}`, { key: behind.key })).status).toBe(200);
  });

  test('are created once for an idempotency key, shown again to a retry, and to nobody else', async () => {
    const { key, orgId } = await owner();
    const create = (name: string, by = key) =>
      api.ask('POST /v1/api-keys', { key: by, body: { name }, headers: { 'idempotency-key': 'once' } });
    const [first, again] = [await create('ci'), await create('ci')];
    expect([first, again].map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true']);
    expect((again.body as { data: Known }).data).toEqual((first.body as { data: Known }).data);
    expectRefusal(await create('other'), 422, 'idempotency_key_reused');
    const colleague = await aKey(db, { orgId, scopes: KEY_TEMPLATES.full_access });
    const theirs = await create('ci', colleague.raw);
    expect(theirs.headers.get('idempotent-replayed')).toBeNull();
    expect((theirs.body as { data: Known }).data.raw_key).not.toBe((first.body as { data: Known }).data.raw_key);
    const { rows } = await db.owner.query('select sealed_output from idempotency_keys where org_id = $1', [orgId]);
    for (const { sealed_output } of rows) {
      expect(sealed_output.includes(Buffer.from((first.body as { data: Known }).data.raw_key))).toBe(false);
    }
  });
});
