import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { fakeProvider, json, openAiAnswer, openAiStream, sse } from '../../../test/fakes/model-provider.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { KEY_TEMPLATES } from '../../modules/access/index.ts';
import { cachedAnswerResealer, retainCachedAnswers } from '../../modules/providers/index.ts';

const db = testDatabase();
const upstream = fakeProvider();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off', '--outbound-networks', 'loopback']);
});
afterAll(() => api[Symbol.asyncDispose]());

type Owner = { key: string; id: string; orgId: string };

async function owner(cache: object | null = { ttl_seconds: 60 }, more: object = {}): Promise<Owner> {
  const person = await aPerson(db);
  const scopes = KEY_TEMPLATES.full_access;
  const { raw: key, id } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes });
  const by = { key, id, orgId: person.orgId };
  await setPolicy(by, `organization/${person.orgId}`, { cache, ...more });
  const provider = {
    name: 'gpt',
    kind: 'openai',
    base_url: `${upstream.url}/v1`,
    api_key: 'k',
    default_model: 'gpt-4o',
  };
  await api.ask('POST /v1/providers', { key, body: provider });
  let made = 0;
  upstream.respond = (received, response) => {
    made += 1;
    if (received.body['stream'] !== true)
      return json(response, 200, openAiAnswer(`Answer ${made}.`, { prompt: 10, completion: 3 }));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(sse(openAiStream(['Streamed ', `${made}.`], { prompt: 10, completion: 3 })));
  };
  return by;
}

async function setPolicy({ key }: Owner, path: string, body: object): Promise<void> {
  const answer = await api.ask(`PUT /v1/model-policies/${path}`, { key, body });
  expect(answer.status, answer.text).toBe(200);
}

const ask = ({ key }: Pick<Owner, 'key'>, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  api.ask('POST /v1/chat/completions', {
    key,
    headers,
    body: { model: 'gpt-4o', temperature: 0, max_tokens: 50, messages: [{ role: 'user', content: 'Hello.' }], ...more },
  });
const saidBy = ({ body }: Answer): string =>
  (body as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? '';
const told = (answer: Answer) => [answer.headers.get('x-assay-cache'), saidBy(answer)];
const recordsOf = async (orgId: string) =>
  (
    await db.owner.query(
      `select cost_micros::integer as cost, price_version, input_tokens::integer as input, provider from usage_records
       where org_id = $1 order by at, settled_at`,
      [orgId],
    )
  ).rows;

describe('a question that was answered', () => {
  test('is answered alike for nothing, in any dialect, with a record and a leaf that say so', async () => {
    const by = await owner();
    expect(told(await ask(by))).toEqual(['miss', 'Answer 1.']);
    const hit = await ask(by, { user: 'somebody else' });
    expect(told(hit)).toEqual(['hit', 'Answer 1.']);
    expect([hit.headers.get('x-assay-cost'), hit.headers.get('x-assay-provider')]).toEqual(['0.000000', 'gpt']);
    expect(Number(hit.headers.get('age'))).toBeLessThan(60);
    const claude = await api.ask('POST /v1/messages', {
      key: by.key,
      body: { model: 'gpt-4o', temperature: 0, max_tokens: 50, messages: [{ role: 'user', content: 'Hello.' }] },
    });
    expect(claude.headers.get('x-assay-cache')).toBe('hit');
    expect(claude.body).toMatchObject({ content: [{ type: 'text', text: 'Answer 1.' }] });
    const own = await api.ask('POST /v1/providers/execute', {
      key: by.key,
      body: { model: 'gpt-4o', input: 'Hello.', params: { temperature: 0, max_tokens: 50 } },
    });
    expect(own.headers.get('x-assay-cache')).toBe('hit');
    expect(upstream.received.length).toBe(1);
    const records = await recordsOf(by.orgId);
    expect(records.length).toBe(4);
    expect(records[0]).toMatchObject({ input: 10, price_version: expect.not.stringMatching(/^cache$/) });
    for (const record of records.slice(1))
      expect(record).toEqual({ cost: 0, price_version: 'cache', input: 0, provider: 'gpt' });
    const { rows } = await db.owner.query(
      `select count(*)::integer as leaves from audit_leaves where org_id = $1 and action = 'chat.requested'`,
      [by.orgId],
    );
    expect(rows).toEqual([{ leaves: 4 }]);
  });

  test('is streamed when a stream is asked for, and kept from a stream that was told to its end', async () => {
    const by = await owner();
    const streamed = await ask(by, { stream: true });
    expect([streamed.headers.get('x-assay-cache'), streamed.text]).toEqual(['miss', expect.stringContaining('1.')]);
    expect(told(await ask(by))).toEqual(['hit', 'Streamed 1.']);
    const again = await ask(by, { stream: true, stream_options: { include_usage: true } });
    expect(again.headers.get('x-assay-cache')).toBe('hit');
    expect(again.text).toContain('"content":"Streamed 1."');
    expect(again.text).toContain('"prompt_tokens":10');
    expect(again.text).toContain('data: [DONE]');
    expect(upstream.received.length).toBe(1);
  });

  test('is asked anew for who says no-cache, kept for nobody who says no-store, and no older than max-age', async () => {
    const by = await owner();
    await ask(by, {}, { 'cache-control': 'no-store' });
    expect(told(await ask(by))).toEqual(['miss', 'Answer 2.']);
    expect(told(await ask(by, {}, { 'cache-control': 'no-cache' }))).toEqual(['bypass', 'Answer 3.']);
    expect(told(await ask(by))).toEqual(['hit', 'Answer 3.']);
    await db.owner.query(`update cached_answers set created_at = now() - interval '30 seconds' where org_id = $1`, [
      by.orgId,
    ]);
    expect((await ask(by)).headers.get('age')).toBe('30');
    expect(told(await ask(by, {}, { 'cache-control': 'max-age=20' }))).toEqual(['miss', 'Answer 4.']);
  });

  test('is another one for another organization, and forgotten when its time is over', async () => {
    const [by, other] = [await owner(), await owner()];
    await ask(by);
    expect((await ask(other)).headers.get('x-assay-cache')).toBe('miss');
    await db.owner.query(`update cached_answers set expires_at = now() where org_id = $1`, [by.orgId]);
    expect((await ask(by)).headers.get('x-assay-cache')).toBe('miss');
    await db.owner.query(`update cached_answers set expires_at = now() where org_id = $1`, [by.orgId]);
    const retained = (): Promise<number> => db.system.statements({ orgId: null }, retainCachedAnswers);
    expect([await retained(), await retained()]).toEqual([1, 0]);
    const over = { orgId: other.orgId, purpose: 'cached_answers', version: 2 } as const;
    const reseal = () => db.system.statements({ orgId: null }, (tx) => cachedAnswerResealer.reseal(tx, over, 10));
    expect([await reseal(), await reseal()]).toEqual([1, 0]);
  });

  test('lies in the database as nothing that could be read', async () => {
    const by = await owner();
    await ask(by, { messages: [{ role: 'user', content: 'kestrel' }] });
    const { rows } = await db.owner.query('select sealed, key from cached_answers where org_id = $1', [by.orgId]);
    expect(rows.length).toBe(1);
    for (const bytes of [rows[0].sealed, rows[0].key]) expect(String(bytes)).not.toMatch(/kestrel|Answer/);
  });
});

describe('a call is answered from what is kept', () => {
  test('only where a policy says so, and the narrowest that says something', async () => {
    const by = await owner(null);
    await ask(by);
    const second = await ask(by);
    expect([second.headers.get('x-assay-cache'), saidBy(second)]).toEqual([null, 'Answer 2.']);
    await setPolicy(by, `organization/${by.orgId}`, { cache: { ttl_seconds: 60 } });
    expect(told(await ask(by))).toEqual(['miss', 'Answer 3.']);
    expect(told(await ask(by))).toEqual(['hit', 'Answer 3.']);
    await setPolicy(by, `api_key/${by.id}`, { cache: { ttl_seconds: 0 } });
    expect(told(await ask(by))).toEqual([null, 'Answer 4.']);
  });

  test('not where chance decides, unless the policy says so', async () => {
    const by = await owner();
    await ask(by, { temperature: 0.7 });
    expect(told(await ask(by, { temperature: 0.7 }))).toEqual(['bypass', 'Answer 2.']);
    await setPolicy(by, `organization/${by.orgId}`, { cache: { ttl_seconds: 60, include_sampled: true } });
    await ask(by, { temperature: 0.7 });
    expect(told(await ask(by, { temperature: 0.7 }))).toEqual(['hit', 'Answer 3.']);
  });

  test('not with an answer that was cut short', async () => {
    const by = await owner();
    const whole = openAiAnswer('Cut', { prompt: 1, completion: 1 }) as { choices: object[] };
    const choices = whole.choices.map((choice) => ({ ...choice, finish_reason: 'length' }));
    upstream.respond = (_received, response) => json(response, 200, { ...whole, choices });
    await ask(by);
    expect((await ask(by)).headers.get('x-assay-cache')).toBe('miss');
    expect(upstream.received.length).toBe(2);
  });

  test('only if it may ask who gave the answer, and its limits let it', async () => {
    const by = await owner();
    await ask(by);
    await setPolicy(by, `api_key/${by.id}`, { models: ['o3'] });
    expect((await ask(by)).status).toBe(403);
    await setPolicy(by, `api_key/${by.id}`, { tokens_per_minute: 100 });
    const hit = await ask(by);
    // What a hit did not use, it gives back.
    expect([told(hit)[0], hit.headers.get('x-ratelimit-limit-tokens')]).toEqual(['hit', '100']);
    expect((await ask(by)).headers.get('x-assay-cache')).toBe('hit');
    const other = { messages: [{ role: 'user', content: 'Something else.' }], max_tokens: 90 };
    upstream.respond = (_received, response) =>
      json(response, 200, openAiAnswer('All.', { prompt: 50, completion: 50 }));
    expect((await ask(by, other)).status).toBe(200);
    expect((await ask(by)).status).toBe(429);
  });
});
