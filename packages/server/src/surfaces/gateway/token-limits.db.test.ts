import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { fakeProvider, json, openAiAnswer, openAiStream, sse } from '../../../test/fakes/model-provider.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { scratchDirectory } from '../../../test/scratch-directory.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { until } from '../../../test/until.ts';
import { KEY_TEMPLATES } from '../../modules/access/index.ts';

const db = testDatabase();
const upstream = fakeProvider();
/** One that counts by itself, and two that share their counts. */
let alone: ServedApi;
let shared: ServedApi[];
let keys: Awaited<ReturnType<typeof scratchDirectory>>;
beforeAll(async () => {
  keys = await scratchDirectory();
  const open = ['--outbound-networks', 'loopback', '--master-key-file', join(keys.path, 'master.key')];
  alone = await servedApi(db, open);
  shared = await Promise.all([1, 2].map(() => servedApi(db, [...open, '--rate-counters', 'database'])));
});
afterAll(async () => {
  for (const api of [alone, ...shared]) await api[Symbol.asyncDispose]();
  await keys[Symbol.asyncDispose]();
});

type Owner = { key: string; id: string; orgId: string };

/** Somebody whose organization has these limits, by subject, and a provider of `gpt-test`. */
async function owner(limits: { organization?: number; key?: number }): Promise<Owner> {
  const person = await aPerson(db);
  const scopes = KEY_TEMPLATES.full_access;
  const { raw: key, id } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes });
  const set = async (path: string, tokens: number | undefined): Promise<void> => {
    if (tokens === undefined) return;
    const { status, text } = await alone.ask(`PUT /v1/model-policies/${path}`, {
      key,
      body: { tokens_per_minute: tokens },
    });
    expect(status, text).toBe(200);
  };
  await set(`organization/${person.orgId}`, limits.organization);
  await set(`api_key/${id}`, limits.key);
  const provider = {
    name: 'gpt',
    kind: 'openai',
    base_url: `${upstream.url}/v1`,
    api_key: 'k',
    default_model: 'gpt-test',
  };
  await alone.ask('POST /v1/providers', { key, body: provider });
  return { key, id, orgId: person.orgId };
}

const messages = [{ role: 'user', content: 'Say hello to everybody.' }];
const chat = ({ key }: Owner, body: object = {}, api = alone): Promise<Answer> =>
  api.ask('POST /v1/chat/completions', { key, body: { model: 'gpt-test', max_tokens: 100, messages, ...body } });
const remaining = ({ headers }: Answer): number => Number(headers.get('x-ratelimit-remaining-tokens'));
const answering = (prompt: number, completion: number): void => {
  upstream.respond = (_received, response) => json(response, 200, openAiAnswer('Hello.', { prompt, completion }));
};

describe('a limit on tokens', () => {
  test('takes what a call may use, and counts what it used', async () => {
    answering(30, 20);
    const by = await owner({ organization: 1_000 });
    const first = await chat(by);
    expect(first.status).toBe(200);
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBe('1000');
    expect(first.headers.get('x-ratelimit-reset-tokens')).toMatch(/^[\d.]+s$/);
    // About ten tokens in, and up to a hundred out.
    expect(remaining(first)).toBeGreaterThan(850);
    expect(remaining(first)).toBeLessThan(900);
    // The fifty that the first one really used, and what the second may use.
    expect(remaining(await chat(by))).toBe(remaining(first) - 50);
  });

  test('refuses what does not fit as the vendor does, and lets it in once calls under way have ended', async () => {
    const by = await owner({ organization: 1_000, key: 300 });
    let answer = (): void => {};
    upstream.respond = (_received, response) => {
      answer = () => json(response, 200, openAiAnswer('Hello.', { prompt: 10, completion: 10 }));
    };
    const underWay = chat(by, { max_tokens: 250 });
    await until('it is asked', () => upstream.received.length === 1);
    const refused = await chat(by);
    expect([refused.status, refused.body]).toMatchObject([
      429,
      { error: { type: 'tokens', code: 'rate_limit_exceeded', message: expect.stringContaining(`API key ${by.id}`) } },
    ]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-ratelimit-limit-tokens')).toBe('300');
    const message = { model: 'gpt-test', max_tokens: 100, messages };
    const claude = await alone.ask('POST /v1/messages', { key: by.key, body: message });
    expect([claude.status, claude.body]).toMatchObject([429, { error: { type: 'rate_limit_error' } }]);
    expect(claude.headers.get('anthropic-ratelimit-tokens-limit')).toBe('300');
    expect(Date.parse(String(claude.headers.get('anthropic-ratelimit-tokens-reset')))).toBeGreaterThan(Date.now());
    const own = { model: 'gpt-test', input: 'Hello.', params: { max_tokens: 100 } };
    expect((await alone.ask('POST /v1/providers/execute', { key: by.key, body: own })).status).toBe(429);
    expect(upstream.received.length).toBe(1);
    answer();
    expect((await underWay).status).toBe(200);
    answering(10, 10);
    // Of the organization's own limit, refused calls have kept nothing.
    const after = await chat(by);
    expect([after.status, remaining(after) > 100]).toEqual([200, true]);
  });

  test('gives all of it back for a call that failed or that a budget refused', async () => {
    const by = await owner({ organization: 200 });
    upstream.respond = (_received, response) => void response.writeHead(400).end('{"error":{"message":"No."}}');
    for (let call = 0; call < 3; call++) expect((await chat(by)).status).toBe(400);
    const scope = { kind: 'key', id: by.id };
    const budget = { name: 'None', scope, period: 'total', limit_micros: 0 };
    await alone.ask('POST /v1/budgets', { key: by.key, body: budget });
    for (let call = 0; call < 3; call++) expect((await chat(by, { model: 'echo@5' })).status).toBe(429);
    await alone.ask(`PUT /v1/organizations/${by.orgId}/prices/gpt/gpt-test`, {
      key: by.key,
      body: { rates: { input: 0, output: 0 } },
    });
    answering(10, 10);
    expect((await chat(by)).status).toBe(200);
  });

  test('counts a stream by what it delivered', async () => {
    const by = await owner({ organization: 1_000 });
    upstream.respond = (_received, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse(openAiStream(['Hello', ' there.'], { prompt: 7, completion: 3 })));
    };
    const streamed = await chat(by, { stream: true });
    expect(streamed.headers.get('x-ratelimit-limit-tokens')).toBe('1000');
    answering(7, 3);
    const next = await chat(by);
    expect(remaining(next)).toBe(remaining(streamed) - 10);
  });

  test('lets a call in that may use more than all of it when nobody else is, and an input that is more never', async () => {
    answering(10, 60);
    const by = await owner({ organization: 50 });
    const all = await chat(by, { max_tokens: 4_000 });
    expect([all.status, remaining(all)]).toEqual([200, 0]);
    expect((await chat(by)).status).toBe(429);
    const long = await chat(by, { messages: [{ role: 'user', content: 'word '.repeat(200) }] });
    expect([long.status, (long.body as { error: { code: string } }).error.code]).toEqual([413, 'request_too_large']);
  });

  test('holds over processes that share a database', async () => {
    answering(1, 1);
    const by = await owner({ key: 1_000 });
    const waiting: (() => void)[] = [];
    upstream.respond = (_received, response) => {
      waiting.push(() => json(response, 200, openAiAnswer('Hello.', { prompt: 1, completion: 1 })));
    };
    const calls = Array.from({ length: 10 }, (_, at) => chat(by, { max_tokens: 220 }, shared[at % 2] as ServedApi));
    const refused = calls.map(async (call) => (await call).status);
    await until('four are asked', () => waiting.length === 4);
    await until('the others are refused', async () => {
      const done = await Promise.all(refused.map((each) => Promise.race([each, Promise.resolve(0)])));
      return done.filter((status) => status === 429).length === 6;
    });
    for (const answer of waiting) answer();
    expect((await Promise.all(refused)).filter((status) => status === 200).length).toBe(4);
  });

  test('says nothing where there is none', async () => {
    answering(1, 1);
    const { status, headers } = await chat(await owner({}));
    expect([status, headers.get('x-ratelimit-limit-tokens')]).toEqual([200, null]);
  });
});
