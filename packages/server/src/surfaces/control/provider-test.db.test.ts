import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { anthropicAnswer, fakeProvider, json, openAiAnswer } from '../../../test/fakes/model-provider.ts';
import { untilBilled } from '../../../test/metering.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { ROLE_SCOPES } from '../../modules/access/index.ts';

const db = testDatabase();
const upstream = fakeProvider();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--outbound-networks', '127.0.0.1', '--rate-limits', 'off']);
});
afterAll(() => api[Symbol.asyncDispose]());

const KEY = 'the-key-of-the-vendor';

async function anAdmin() {
  const { orgId, userId } = await aPerson(db, { role: 'admin' });
  const { raw: key } = await aKey(db, { orgId, createdBy: userId, scopes: [...ROLE_SCOPES.admin] });
  const ask = (line: string, body?: unknown): Promise<Answer> => api.ask(line, { key, body });
  /** Adds a provider, and gives the path that tests it. */
  const added = async (more: object = {}): Promise<string> => {
    const body = { name: 'gpt', kind: 'openai', base_url: `${upstream.url}/v1`, api_key: KEY, ...more };
    const made = await ask('POST /v1/providers', body);
    if (made.status !== 201) throw new Error(`Adding a provider was answered with ${made.status}: ${made.text}`);
    return `/v1/providers/${(made.body as { data: { provider: { id: string } } }).data.provider.id}`;
  };
  return { orgId, ask, added };
}

type Tested = { works: boolean; failure: { reason: string; message: string; advice: string } | null };
function testOf({ status, text, body }: Answer): Tested & Record<string, unknown> {
  if (status !== 200) throw new Error(`It was answered with ${status}: ${text}`);
  expect(text).not.toContain(KEY);
  return (body as { data: { test: Tested & Record<string, unknown> } }).data.test;
}

describe('a test of a provider', () => {
  test('that works tells who answered, how fast and for how much, and is billed and audited', async () => {
    const { orgId, ask, added } = await anAdmin();
    upstream.respond = (_received, response) =>
      json(response, 200, { ...openAiAnswer('OK', { prompt: 10, completion: 2 }), model: 'gpt-4o-mini-2024-07-18' });
    const path = await added({ default_model: 'gpt-4o-mini' });
    const { latency_ms: latency, cost_usd: cost, ...told } = testOf(await ask(`POST ${path}/test`));
    expect(told).toEqual({
      provider: 'gpt',
      works: true,
      model: 'gpt-4o-mini',
      answered_by: 'gpt-4o-mini-2024-07-18',
      failure: null,
    });
    expect([Number(latency) > 0, Number(cost) > 0]).toEqual([true, true]);
    expect(upstream.received).toMatchObject([{ headers: { authorization: `Bearer ${KEY}` } }]);
    await untilBilled(db, orgId);
    const records = await db.owner.query('select provider, outcome from usage_records where org_id = $1', [orgId]);
    expect(records.rows).toEqual([{ provider: 'gpt', outcome: 'completed' }]);
    const leaves = await db.owner.query(
      `select target_id, detail from audit_leaves where org_id = $1 and action = 'provider.tested'`,
      [orgId],
    );
    expect(leaves.rows).toEqual([{ target_id: path.split('/').at(-1), detail: { model: 'gpt-4o-mini' } }]);
  });

  test('asks the model that is named, or the first that is listed', async () => {
    const { ask, added } = await anAdmin();
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer('OK', { prompt: 1, completion: 1 }));
    const path = await added({ models: [{ id: 'gpt-4.1' }, { id: 'gpt-4o' }] });
    expect(testOf(await ask(`POST ${path}/test`))).toMatchObject({ model: 'gpt-4.1' });
    expect(testOf(await ask(`POST ${path}/test`, { model: 'gpt-4o' }))).toMatchObject({ model: 'gpt-4o' });
    const bare = await added({ name: 'bare' });
    expect((await ask(`POST ${bare}/test`)).status).toBe(400);
  });

  test.each([
    ['a wrong key', 401, { error: { message: `Incorrect API key provided: ${KEY}.` } }, 'credential', '[key]'],
    [
      'an unknown model',
      404,
      { error: { code: 'model_not_found', message: 'No such model.' } },
      'model_unknown',
      'No such',
    ],
    ['another dialect', 200, anthropicAnswer('OK', { input: 1, output: 1 }), 'malformed', 'cannot be read'],
    [
      'an empty account',
      429,
      { error: { code: 'insufficient_quota', message: 'You have run out.' } },
      'quota',
      'run out',
    ],
    ['a limit', 429, { error: { message: 'Slow down.' } }, 'rate_limited', 'Slow down.'],
    ['trouble there', 500, { error: { message: 'It hurts.' } }, 'overloaded', 'It hurts.'],
    ['a refusal', 400, { error: { message: 'Not like this.' } }, 'rejected', 'Not like this.'],
  ])('tells of %s in words, asks once, and costs nothing', async (_what, status, body, reason, message) => {
    const { orgId, ask, added } = await anAdmin();
    upstream.respond = (_received, response) => json(response, status, body);
    const told = testOf(await ask(`POST ${await added({ default_model: 'gpt-4o' })}/test`));
    expect(told).toMatchObject({ works: false, answered_by: null, cost_usd: 0 });
    expect(told.failure).toMatchObject({ reason, message: expect.stringContaining(message) });
    expect(told.failure?.advice).toMatch(/\.$/);
    expect(upstream.received).toHaveLength(1);
    expect((await db.owner.query('select 1 from usage_records where org_id = $1', [orgId])).rows).toEqual([]);
  });

  test('tells an address that nobody answers at from one that may not be called', async () => {
    const { orgId, ask, added } = await anAdmin();
    const closed = await added({ base_url: 'http://127.0.0.1:9/v1', default_model: 'gpt-4o' });
    const inside = await added({ name: 'inside', default_model: 'gpt-4o' });
    // Open when it was set, and closed by now.
    await db.owner.query(
      `update providers set base_url = 'http://127.0.0.2/v1' where org_id = $1 and name = 'inside'`,
      [orgId],
    );
    expect(testOf(await ask(`POST ${closed}/test`)).failure).toMatchObject({ reason: 'unreachable' });
    const { failure } = testOf(await ask(`POST ${inside}/test`));
    expect(failure).toMatchObject({ reason: 'address_refused', message: expect.stringContaining('127.0.0.2') });
  });

  test('is made although calls to the model rest after failures, and ends the rest when it works', async () => {
    const { ask, added } = await anAdmin();
    upstream.respond = (_received, response) => json(response, 500, {});
    const path = await added({ default_model: 'gpt-4o' });
    const body = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello.' }], max_tokens: 5 };
    for (let round = 0; round < 3; round++) await ask('POST /v1/chat/completions', body);
    const asked = upstream.received.length;
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer('OK', { prompt: 1, completion: 1 }));
    expect((await ask('POST /v1/chat/completions', body)).status).toBe(503);
    expect(upstream.received).toHaveLength(asked);
    expect(testOf(await ask(`POST ${path}/test`)).works).toBe(true);
    expect((await ask('POST /v1/chat/completions', body)).status).toBe(200);
  });

  test('is held to budgets, as any call', async () => {
    const { ask, added } = await anAdmin();
    const path = await added({ default_model: 'gpt-4o' });
    const budget = { name: 'None', scope: { kind: 'organization' }, period: 'month', limit_micros: 1 };
    expect((await ask('POST /v1/budgets', budget)).status).toBe(201);
    expect((await ask(`POST ${path}/test`)).status).toBe(402);
    expect(upstream.received).toEqual([]);
  });

  test('is not made of one that is archived, unknown, or of another organization', async () => {
    const { ask, added } = await anAdmin();
    const path = await added({ default_model: 'gpt-4o' });
    await ask(`POST ${path}/archive`);
    expect((await ask(`POST ${path}/test`)).status).toBe(409);
    const foreign = await (await anAdmin()).added({ default_model: 'gpt-4o' });
    expect((await ask(`POST ${foreign}/test`)).status).toBe(404);
    expect(upstream.received).toEqual([]);
  });

  test('works for echo', async () => {
    const { ask } = await anAdmin();
    const { body } = await ask('GET /v1/providers');
    const [echo] = (body as { data: { providers: { id: string }[] } }).data.providers;
    expect(testOf(await ask(`POST /v1/providers/${echo?.id}/test`))).toMatchObject({
      works: true,
      answered_by: 'echo',
    });
  });
});
