import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOpenAI } from '@ai-sdk/openai';
import { embed, embedMany } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';

/*
 * Embeddings by clients that nothing tells that they talk to Assay. Behind it are echo, and a server on loopback that
 * speaks the true wire format of each kind of provider: its vector of a text is the text's length, one half and minus two.
 */

type Received = { path: string; authorization: string; body: Record<string, unknown> };
const received: Received[] = [];
type Respond = (received: Received, response: ServerResponse) => void;

const json = (response: ServerResponse, body: unknown, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

const vectorOf = (text: string): number[] => [text.length, 0.5, -2];
const packed = (vector: number[]): string => Buffer.from(Float32Array.from(vector).buffer).toString('base64');
const TOKENS = 7;

/** What each kind answers, by the end of the path that it is asked at. */
const VENDORS: readonly (readonly [RegExp, (body: Record<string, unknown>) => unknown])[] = [
  [
    /\/embeddings(\?|$)/,
    ({ input, encoding_format, model }) => ({
      object: 'list',
      data: [input].flat().map((text, index) => ({
        object: 'embedding',
        index,
        embedding: encoding_format === 'base64' ? packed(vectorOf(String(text))) : vectorOf(String(text)),
      })),
      model,
      usage: { prompt_tokens: TOKENS, total_tokens: TOKENS },
    }),
  ],
  [
    /:batchEmbedContents$/,
    ({ requests }) => ({
      embeddings: (requests as { content: { parts: [{ text: string }] } }[]).map(({ content }) => ({
        values: vectorOf(content.parts[0].text),
      })),
    }),
  ],
  [
    /:predict$/,
    ({ instances }) => ({
      predictions: (instances as { content: string }[]).map(({ content }) => ({
        embeddings: { statistics: { truncated: false, token_count: 3 }, values: vectorOf(content) },
      })),
      metadata: { billableCharacterCount: 12 },
    }),
  ],
  [
    /\/api\/embed$/,
    ({ model, input }) => ({
      model,
      embeddings: (input as string[]).map(vectorOf),
      total_duration: 14_143_917,
      load_duration: 1_019_500,
      prompt_eval_count: TOKENS,
    }),
  ],
];
const asVendor: Respond = ({ path, body }, response) => {
  const [, answer] = VENDORS.find(([end]) => end.test(path)) ?? [];
  return answer ? json(response, answer(body)) : json(response, { error: { message: `Nothing at ${path}.` } }, 404);
};
let respond: Respond = asVendor;

const vendor = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const { authorization, 'api-key': azure, 'x-goog-api-key': google } = request.headers;
  const got = {
    path: request.url ?? '',
    authorization: String(authorization ?? azure ?? google),
    body: JSON.parse(text),
  };
  received.push(got);
  respond(got, response);
});
vendor.listen(0, '127.0.0.1');
await once(vendor, 'listening');
const vendorUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_OUTBOUND_NETWORKS: 'loopback', ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
const { apiKey } = server.credentials;
const admin = server.as(apiKey);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  vendor.closeAllConnections();
  vendor.close();
});
beforeEach(() => {
  received.length = 0;
  respond = asVendor;
});

const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
const ai = createOpenAI({ baseURL: `${server.url}/v1`, apiKey });
const texts = ['the cat', 'a black dog'];

/** Kinds by the model that is asked for, and what the usage of one call of two texts comes to. */
const KINDS = [
  ['openai', 'text-embedding-3-small', '/v1/embeddings', TOKENS, { base_url: `${vendorUrl}/v1` }],
  [
    'azure-openai',
    'my-deployment',
    '/openai/deployments/my-deployment/embeddings?api-version=2024-10-21',
    TOKENS,
    { default_model: 'my-deployment' },
  ],
  ['openai-compatible', 'bge-m3', '/embeddings', TOKENS, { default_model: 'bge-m3' }],
  ['gemini', 'gemini-embedding-001', '/v1beta/models/gemini-embedding-001:batchEmbedContents', null, {}],
  [
    'vertex',
    'text-embedding-005',
    '/v1/projects/p/locations/global/publishers/google/models/text-embedding-005:predict',
    6,
    { config: { project: 'p', location: 'global' } },
  ],
  ['ollama', 'nomic-embed-text', '/api/embed', TOKENS, { default_model: 'nomic-embed-text' }],
] as const;

for (const [kind, , , , settings] of [...KINDS, ['anthropic', '', '', 0, {}] as const]) {
  const body = { name: `a-${kind}`, kind, base_url: vendorUrl, api_key: `key of ${kind}`, ...settings };
  const answer = await admin.post('/v1/providers', body);
  if (answer.status !== 201) throw new Error(`Adding a provider was answered with ${answer.status}: ${answer.text}`);
}

type Sums = { records: number; cost_micros: number; input_tokens: number };
async function usage(): Promise<Sums> {
  const { organization_id } = await server.sdk(apiKey).me();
  const answer = await admin.get(`/v1/organizations/${organization_id}/usage`);
  return (answer.body as { data: { usage: { total: Sums } } }).data.usage.total;
}

describe.each(KINDS)('a provider of kind %s', (kind, model, path, tokens) => {
  const named = `a-${kind}/${model}`;

  test('embeds for OpenAI’s client, which asks for packed numbers unless told otherwise', async () => {
    const before = await usage();
    const { data, response } = await openai.embeddings.create({ model: named, input: texts }).withResponse();
    expect(data.data.map(({ index, embedding }) => [index, [...embedding]])).toEqual(
      texts.map((text, index) => [index, vectorOf(text)]),
    );
    const lists = await openai.embeddings.create({ model: named, input: texts[0] as string, encoding_format: 'float' });
    expect(lists.data).toEqual([{ object: 'embedding', index: 0, embedding: vectorOf('the cat') }]);
    expect(received.map((each) => each.path)).toEqual([path, path]);
    expect(received[0]?.authorization).toContain(`key of ${kind}`);
    expect(response.headers.get('x-assay-provider')).toBe(`a-${kind}`);
    expect(response.headers.get('x-assay-model')).toBe(model);
    expect(response.headers.get('x-assay-usage')).toBe(tokens === null ? 'estimated' : null);
    if (tokens !== null) expect(data.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
    const after = await usage();
    expect(after.records - before.records).toBe(2);
    expect(after.input_tokens - before.input_tokens).toBe(data.usage.prompt_tokens + lists.usage.prompt_tokens);
  });

  test('embeds for the AI SDK', async () => {
    const one = await embed({ model: ai.embedding(named), value: 'the cat' });
    expect(one.embedding).toEqual(vectorOf('the cat'));
    const many = await embedMany({ model: ai.embedding(named), values: texts });
    expect(many.embeddings).toEqual(texts.map(vectorOf));
    expect(many.usage.tokens).toBeGreaterThan(0);
  });
});

describe('echo', () => {
  test('embeds without a key of anybody’s, at a price that the headers tell', async () => {
    const ask = { model: 'echo@2', input: ['the cat', 'a black dog'], dimensions: 16 };
    const { data, response } = await openai.embeddings.create(ask).withResponse();
    expect(data.data.map(({ embedding }) => embedding.length)).toEqual([16, 16]);
    expect(data.usage.prompt_tokens).toBe(5);
    expect(response.headers.get('x-assay-cost')).toBe('0.000010');
    const again = await openai.embeddings.create({ ...ask, encoding_format: 'float' });
    expect(again.data[0]?.embedding.map(Math.fround)).toEqual([...(data.data[0]?.embedding ?? [])]);
    const { embedding } = await embed({ model: ai.embedding('echo'), value: 'the cat' });
    expect(embedding).toHaveLength(256);
  });
});

describe('OpenAI’s client', () => {
  test('is told in its own words what it asked for wrongly', async () => {
    const wrong = [
      { model: 'echo', input: '' },
      { model: 'echo', input: [] },
      { model: 'echo', input: Array<string>(2_049).fill('a') },
      { model: 'echo', input: 'a', dimensions: 1_000_000_000 },
      { model: 'echo', input: Array<string>(2_048).fill('a'), dimensions: 16_384 },
      { model: 'a-gemini/gemini-embedding-001', input: [[1, 2, 3]] },
      { model: 'a-anthropic/claude-sonnet-5', input: 'a' },
    ];
    for (const body of wrong)
      await expect(openai.embeddings.create(body)).rejects.toMatchObject({
        status: 400,
        type: 'invalid_request_error',
      });
    await expect(openai.embeddings.create({ model: 'nobody-has-it', input: 'a' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await expect(openai.embeddings.create({ model: 'echo', input: 'a'.repeat(32 << 20) })).rejects.toMatchObject({
      status: 413,
    });
    expect(received).toEqual([]);
  });

  test.each([
    ['too few vectors', { data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: 1 } }],
    ['what is no number', { data: [0, 1].map((index) => ({ index, embedding: [null] })), usage: { prompt_tokens: 1 } }],
    ['no vectors', { ok: true }],
  ])('is told that its provider answered with %s, and pays nothing', async (_name, body) => {
    respond = (_received, response) => json(response, body);
    const before = await usage();
    await expect(
      openai.embeddings.create({ model: 'a-openai/text-embedding-3-large', input: texts }),
    ).rejects.toMatchObject({ status: 503 });
    expect(await usage()).toEqual(before);
  });

  test('whose budget is used up is refused before anybody is asked, and does not ask again', async () => {
    const key = await server.sdk(apiKey).apiKeys.create({ name: 'poor', scopes: ['providers:execute'] });
    const budget = { name: 'Poor', scope: { kind: 'key', id: key.api_key.id }, period: 'month', limit_micros: 3 };
    expect((await admin.post('/v1/budgets', budget)).status).toBe(201);
    let requests = 0;
    const counting: typeof fetch = (...request) => {
      requests += 1;
      return fetch(...request);
    };
    const poor = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key.raw_key, fetch: counting, maxRetries: 2 });
    await expect(poor.embeddings.create({ model: 'echo@5', input: texts })).rejects.toMatchObject({
      status: 429,
      code: 'insufficient_quota',
    });
    expect(requests).toBe(1);
  });

  test('that asks for many gets them, though the provider takes a hundred at once', async () => {
    const many = Array.from({ length: 205 }, (_, at) => 'x'.repeat(at + 1));
    const { embeddings } = await embedMany({ model: ai.embedding('a-gemini/gemini-embedding-001'), values: many });
    expect(embeddings.map(([length]) => length)).toEqual(many.map(({ length }) => length));
    expect(received.map(({ body }) => (body['requests'] as unknown[]).length).sort()).toEqual([100, 100, 5]);
  });
});

describe('in Assay’s own words', () => {
  const ask = { modality: 'embedding', model: 'echo@2', input: texts, params: { dimensions: 4 } };

  test('texts are embedded, and what that costs is estimated', async () => {
    const answer = await admin.post('/v1/providers/execute', ask);
    expect(answer.body).toMatchObject({
      data: {
        execution: {
          provider: 'echo',
          model: 'echo@2',
          output: { embeddings: [expect.any(Array), expect.any(Array)] },
          usage: { input_tokens: 5, output_tokens: 0, is_estimated: false, cost_usd: 0.00001 },
        },
      },
    });
    const estimate = await admin.post('/v1/providers/estimate', ask);
    expect(estimate.body).toMatchObject({
      data: { estimate: { provider: 'echo', output_tokens: { low: 0, high: 0 }, price_version: 'echo@2' } },
    });
    expect((await admin.post('/v1/providers/execute', { ...ask, input: 'the cat' })).status).toBe(200);
  });

  test('what cannot be is refused', async () => {
    const wrong: [string, object, RegExp][] = [
      ['/v1/providers/execute/stream', ask, /not streamed/],
      ['/v1/providers/execute', { ...ask, input: { messages: [{ role: 'user', content: 'a' }] } }, /a list of texts/],
      ['/v1/providers/execute', { ...ask, modality: 'text' }, /`modality` to `embedding`/],
      ['/v1/providers/execute', { ...ask, params: { encoding_format: 'base64' } }, /lists of numbers here/],
      ['/v1/providers/execute', { ...ask, params: { temperature: 1 } }, /`temperature`/],
      ['/v1/providers/estimate', { ...ask, params: { dimensions: 0 } }, /dimensions must be from 1/],
    ];
    for (const [path, body, message] of wrong) {
      const answer = await admin.post(path, body);
      expect([path, answer.status]).toEqual([path, 400]);
      expect(answer.text).toMatch(message);
    }
  });
});
