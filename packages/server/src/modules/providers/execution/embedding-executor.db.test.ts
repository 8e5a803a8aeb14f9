import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { fakeProvider, json, type Received } from '../../../../test/fakes/model-provider.ts';
import { aBudget, counterOf, someClaims, testLedgers } from '../../../../test/metering.ts';
import { aModel, aProvider, testGateways } from '../../../../test/providers.ts';
import { until } from '../../../../test/until.ts';
import { builtIns, type Provider } from '../catalogue/model.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import { decodeEmbeddingRequest, headOfEmbedding } from '../dialects/openai-embeddings/request.ts';
import { base64OfVector } from '../dialects/vectors.ts';
import type { EmbeddingCall } from './embedding-call.ts';
import { EmbeddingExecutor } from './embedding-executor.ts';

const db = testDatabase();
const ledgers = testLedgers(db);
const gateways = testGateways();
const upstream = fakeProvider();
const second = fakeProvider();
const signal = new AbortController().signal;

type Respond = typeof upstream.respond;

async function embedder(providers: readonly Provider[], more: { price?: null } = {}) {
  return new EmbeddingExecutor(gateways.servicesOf({ providers, ledger: await ledgers.open(), ...more }));
}

const openai = (orgId: string, of: Partial<Provider> = {}): Provider =>
  aProvider(orgId, { kind: 'openai', baseUrl: `${upstream.url}/v1`, ...of });

/** As OpenAI's clients ask. */
function asked(orgId: string, body: JsonObject, more: Partial<EmbeddingCall> = {}): EmbeddingCall {
  const { provider: _provider, model: _model, priceVersion: _version, isBatch: _batch, ...claims } = someClaims(orgId);
  const { model, inputs, format } = headOfEmbedding(body);
  return {
    claims,
    wish: { provider: null, model, tier: null, needs: ['embeddings'] },
    inputs,
    asked: { dialect: 'openai', body, raw: Buffer.from(JSON.stringify(body)), format },
    passedOn: {},
    attached: {},
    trace: null,
    notes: { tokens: null, cache: null },
    signal,
    ...more,
  };
}

const cats = (more: JsonObject = {}): JsonObject => ({
  model: 'text-embedding-3-small',
  input: ['the cat', 'a dog'],
  ...more,
});

const openAiAnswer = (vectors: readonly unknown[], tokens: number | null = 5) => ({
  object: 'list',
  data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
  model: 'text-embedding-3-small',
  ...(tokens === null ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
});

/** Answers as Gemini does: a vector for each text, its length first. */
const asGemini: Respond = ({ body }, response) => {
  const requests = body['requests'] as { content: { parts: { text: string }[] } }[];
  const embeddings = requests.map(({ content }) => ({ values: [content.parts[0]?.text.length, 1] }));
  json(response, 200, { embeddings, usageMetadata: { promptTokenCount: requests.length * 2 } });
};

const recordsOf = async (orgId: string) => {
  await ledgers.billed();
  const { rows } = await db.owner.query(
    `select cost_micros::float8 as cost, input_tokens::float8 as input, output_tokens::float8 as output, outcome, provider,
       model, is_estimated
     from usage_records where org_id = $1 order by at`,
    [orgId],
  );
  return rows;
};

describe('vectors from a provider that speaks the caller’s dialect', () => {
  test('are asked for and come byte for byte, and are billed by what it counted', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    const answer = { ...openAiAnswer([[0.1], [0.2]]), of_tomorrow: 1 };
    upstream.respond = (_received, response) => json(response, 200, answer);
    const body = cats({ of_the_future: [1] });
    const got = await (await embedder([openai(orgId)])).execute(
      asked(orgId, body, { passedOn: { 'openai-beta': 'x=1' } }),
    );
    expect(JSON.parse(String(got.raw))).toEqual(answer);
    expect(upstream.received).toMatchObject([
      {
        path: '/v1/embeddings',
        text: JSON.stringify(body),
        headers: { authorization: 'Bearer key of openai', 'openai-beta': 'x=1' },
      },
    ]);
    expect(got).toMatchObject({ model: 'text-embedding-3-small', bill: { cost: 10, isEstimated: false } });
    await ledgers.billed();
    expect(await counterOf(db, budget)).toMatchObject({ spent: 10, reserved: 0 });
    expect(await recordsOf(orgId)).toEqual([
      {
        cost: 10,
        input: 5,
        output: 0,
        outcome: 'completed',
        provider: 'openai',
        model: 'text-embedding-3-small',
        is_estimated: false,
      },
    ]);
  });

  test('are written anew where it does not heed how they were asked for', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer([[0.5], [-1.5]]));
    const run = await embedder([openai(orgId)]);
    expect(await run.execute(asked(orgId, cats({ encoding_format: 'base64' })))).toMatchObject({
      raw: null,
      vectors: [[0.5], [-1.5]],
    });
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer([[0.5], [1]].map(base64OfVector)));
    expect(await run.execute(asked(orgId, cats()))).toMatchObject({
      raw: null,
      vectors: [Float32Array.of(0.5), Float32Array.of(1)],
    });
  });

  test('are asked for by its own name of the model', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer([[1], [2]]));
    const run = await embedder([openai(orgId, { models: [aModel('its-name', { alias: 'embedder' })] })]);
    await run.execute(asked(orgId, cats({ model: 'embedder', of_the_future: 1 })));
    expect(upstream.received[0]?.body).toEqual({ ...cats({ of_the_future: 1 }), model: 'its-name' });
  });

  test('that it did not count are billed by an estimate, which says so', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer([[1], [2]], null));
    const got = await (await embedder([openai(orgId)])).execute(asked(orgId, cats()));
    // "the cat" and "a dog" are two likely tokens each.
    expect(got.bill).toMatchObject({ usage: { input: 4, output: 0 }, cost: 8, isEstimated: true });
    expect(await recordsOf(orgId)).toMatchObject([{ cost: 8, is_estimated: true }]);
  });
});

describe('vectors from another vendor', () => {
  test.each([
    [
      'Azure',
      { kind: 'azure-openai' },
      'text-embedding-3-small',
      '/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21',
      openAiAnswer([[1], [2]]),
    ],
    [
      'an OpenAI-compatible server',
      { kind: 'openai-compatible', defaultModel: 'bge-m3' },
      'bge-m3',
      '/embeddings',
      openAiAnswer([[1], [2]]),
    ],
    [
      'Gemini',
      { kind: 'gemini' },
      'gemini-embedding-001',
      '/v1beta/models/gemini-embedding-001:batchEmbedContents',
      { embeddings: [{ values: [1] }, { values: [2] }], usageMetadata: { promptTokenCount: 5 } },
    ],
    [
      'Vertex',
      { kind: 'vertex', config: { project: 'p', location: 'us-central1' } },
      'text-embedding-005',
      '/v1/projects/p/locations/us-central1/publishers/google/models/text-embedding-005:predict',
      {
        predictions: [1, 2].map((at) => ({
          embeddings: { values: [at], statistics: { token_count: at === 1 ? 2 : 3 } },
        })),
      },
    ],
    [
      'Ollama',
      { kind: 'ollama', defaultModel: 'nomic-embed-text' },
      'nomic-embed-text',
      '/api/embed',
      { model: 'nomic-embed-text', embeddings: [[1], [2]], prompt_eval_count: 5 },
    ],
  ] as const)('%s are asked for in its words', async (_name, of, model, path, answer) => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, answer);
    const run = await embedder([aProvider(orgId, { baseUrl: upstream.url, ...of })]);
    const got = await run.execute(asked(orgId, cats({ model })));
    expect(upstream.received).toMatchObject([{ path }]);
    expect(got).toMatchObject({ vectors: [[1], [2]], bill: { model, usage: { input: 5 }, cost: 10 } });
    expect(await recordsOf(orgId)).toHaveLength(1);
  });

  test('of one text a request are asked for in as many requests, and billed once', async () => {
    const orgId = await db.organization();
    const texts = ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff'];
    upstream.respond = ({ body }, response) => {
      const { parts } = body['content'] as { parts: { text: string }[] };
      json(response, 200, {
        embedding: { values: [parts[0]?.text.length, 1] },
        usageMetadata: { promptTokenCount: 2, totalTokenCount: 2 },
      });
    };
    const config = { project: 'p', location: 'global' };
    const run = await embedder([aProvider(orgId, { kind: 'vertex', baseUrl: upstream.url, config })]);
    const got = await run.execute(asked(orgId, cats({ model: 'gemini-embedding-2', input: texts })));
    expect(upstream.received.map(({ path }) => path)).toEqual(
      texts.map(() => '/v1/projects/p/locations/global/publishers/google/models/gemini-embedding-2:embedContent'),
    );
    expect(got.vectors).toEqual(texts.map((text) => [text.length, 1]));
    expect(await recordsOf(orgId)).toMatchObject([{ input: 12, cost: 24, outcome: 'completed' }]);
  });

  test.each([
    ['of tokens', cats({ model: 'gemini-embedding-001', input: [[1, 2]] }), /`input`/],
    ['of what it does not know', cats({ model: 'gemini-embedding-001', input_type: 'query' }), /`input_type`/],
  ])('%s are refused before anybody is asked', async (_name, body, message) => {
    const orgId = await db.organization();
    const run = await embedder([aProvider(orgId, { kind: 'gemini', baseUrl: upstream.url })]);
    await expect(run.execute(asked(orgId, body))).rejects.toThrow(message);
    expect(upstream.received).toEqual([]);
  });

  test('of other dimensions than were asked for are refused', async () => {
    const orgId = await db.organization();
    upstream.respond = asGemini;
    const run = await embedder([aProvider(orgId, { kind: 'gemini', baseUrl: upstream.url })]);
    const call = asked(orgId, cats({ model: 'gemini-embedding-001', dimensions: 3 }));
    await expect(run.execute(call)).rejects.toThrow(/vectors have 2 numbers, and cannot have the 3/);
    expect(upstream.received).toHaveLength(1);
  });

  test('that has none are refused', async () => {
    const orgId = await db.organization();
    const claude = aProvider(orgId, { kind: 'anthropic', baseUrl: upstream.url });
    const onVertex = aProvider(orgId, {
      kind: 'vertex',
      baseUrl: upstream.url,
      config: { project: 'p', location: 'global' },
    });
    const run = await embedder([claude, onVertex]);
    const from = (provider: string) =>
      run.execute(
        asked(orgId, cats(), { wish: { provider, model: 'claude-sonnet-5', tier: null, needs: ['embeddings'] } }),
      );
    await expect(from('anthropic')).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/embeddings/),
    });
    await expect(from('vertex')).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/embeddings/),
    });
  });
});

describe('many texts', () => {
  const texts = Array.from({ length: 250 }, (_, at) => 'x'.repeat((at % 50) + 1));
  const manyOf = async (orgId: string) => {
    const run = await embedder([aProvider(orgId, { kind: 'gemini', baseUrl: upstream.url })]);
    return run.execute(asked(orgId, cats({ model: 'gemini-embedding-001', input: texts })));
  };
  const sizeOf = ({ body }: Received): number => (body['requests'] as unknown[]).length;

  test('go to the vendor in as many requests as it needs, come back in order, and are one bill', async () => {
    const orgId = await db.organization();
    upstream.respond = asGemini;
    const got = await manyOf(orgId);
    expect(upstream.received.map(sizeOf).sort()).toEqual([100, 100, 50]);
    expect(got.vectors).toEqual(texts.map((text) => [text.length, 1]));
    expect(await recordsOf(orgId)).toMatchObject([{ input: 500, cost: 1_000, outcome: 'completed' }]);
  });

  test('of which some failed at first are asked for again, and nothing twice', async () => {
    const orgId = await db.organization();
    let failures = 0;
    upstream.respond = (received, response) =>
      sizeOf(received) === 50 && failures++ === 0 ? json(response, 503, {}) : asGemini(received, response);
    const got = await manyOf(orgId);
    expect(got.vectors).toHaveLength(250);
    expect(upstream.received.map(sizeOf).sort()).toEqual([100, 100, 50, 50]);
    expect(await recordsOf(orgId)).toMatchObject([{ input: 500, outcome: 'completed' }]);
  });

  test('of which some fail for good fail, and what the vendor used for the others is billed', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 1_000_000 });
    upstream.respond = (received, response) =>
      sizeOf(received) === 50 ? json(response, 400, { error: { message: 'Too long.' } }) : asGemini(received, response);
    await expect(manyOf(orgId)).rejects.toMatchObject({ kind: 'invalid', message: 'gemini: Too long.' });
    const [record] = await recordsOf(orgId);
    expect(record).toMatchObject({ outcome: 'failed' });
    expect([200, 400]).toContain(record.input);
    expect(await counterOf(db, budget)).toMatchObject({ spent: record.cost, reserved: 0 });
  });
});

describe('a budget', () => {
  test('that the most an embedding can cost does not fit refuses it before anybody is asked', async () => {
    const orgId = await db.organization();
    // "the cat" and "a dog" are twelve bytes, and may be sixteen tokens more: 56 micro-dollars at the most.
    await aBudget(db, { orgId, limit: 55 });
    const run = await embedder([openai(orgId, { models: [aModel('bge-m3')] })]);
    await expect(run.execute(asked(orgId, cats({ model: 'bge-m3' })))).rejects.toMatchObject({ kind: 'over_budget' });
    expect(upstream.received).toEqual([]);
  });

  test('holds no more than what is asked for can be, where its tokens can be counted', async () => {
    const orgId = await db.organization();
    const words = 'the quick brown fox '.repeat(50);
    const budget = await aBudget(db, { orgId, limit: 500 });
    let reserved = 0;
    upstream.respond = async (_received, response) => {
      reserved = (await counterOf(db, budget)).reserved;
      json(response, 200, openAiAnswer([[1]], 201));
    };
    const got = await (await embedder([openai(orgId)])).execute(asked(orgId, cats({ input: words })));
    // A thousand bytes, and 201 tokens.
    expect(reserved).toBeLessThanOrEqual(2 * (201 + 8));
    expect(reserved).toBeGreaterThanOrEqual(2 * 201);
    expect(got.bill.cost).toBe(402);
    await ledgers.billed();
    expect(await counterOf(db, budget)).toMatchObject({ spent: 402, reserved: 0 });
  });

  test('refuses a model that nobody knows the price of', async () => {
    const orgId = await db.organization();
    await aBudget(db, { orgId, limit: 1_000_000 });
    const run = await embedder([openai(orgId)], { price: null });
    await expect(run.execute(asked(orgId, cats()))).rejects.toMatchObject({ kind: 'invalid' });
    expect(upstream.received).toEqual([]);
  });
});

describe('a provider that fails', () => {
  const models = [aModel('text-embedding-3-small')];
  const both = (orgId: string): Provider[] => [
    openai(orgId, { name: 'first', models }),
    openai(orgId, { name: 'second', models, baseUrl: `${second.url}/v1` }),
  ];

  test.each([
    ['is overloaded', (response) => json(response, 503, {})],
    ['answers nonsense', (response) => void response.end('<html>')],
    ['answers with too few vectors', (response) => json(response, 200, openAiAnswer([[1]]))],
    ['answers with what is no number', (response) => json(response, 200, openAiAnswer([[1], [null]]))],
    ['hangs up', (response) => void response.destroy()],
  ] as [string, (response: Parameters<typeof json>[0]) => void][])(
    'because it %s is followed by the next, and the call is billed once',
    async (_name, fails) => {
      const orgId = await db.organization();
      const answers: Respond = (_received, response) => json(response, 200, openAiAnswer([[1], [2]]));
      const failing: Respond = (_received, response) => {
        upstream.respond = answers;
        second.respond = answers;
        fails(response);
      };
      upstream.respond = failing;
      second.respond = failing;
      const got = await (await embedder(both(orgId))).execute(asked(orgId, cats()));
      expect(got.vectors).toEqual([[1], [2]]);
      expect(upstream.received.length + second.received.length).toBe(2);
      expect(await recordsOf(orgId)).toMatchObject([{ cost: 10, outcome: 'completed' }]);
    },
  );

  test('because the request is wrong is followed by nobody, and nothing is billed', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    const rejects: Respond = (_received, response) => json(response, 400, { error: { message: 'Wrong.' } });
    upstream.respond = rejects;
    second.respond = rejects;
    await expect((await embedder(both(orgId))).execute(asked(orgId, cats()))).rejects.toThrow(/Wrong/);
    expect(upstream.received.length + second.received.length).toBe(1);
    await until('it is given back', async () => (await counterOf(db, budget)).reserved === 0);
    expect(await recordsOf(orgId)).toEqual([]);
  });
});

describe('a caller who leaves', () => {
  test('has the call cancelled upstream, and pays for what went in', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    upstream.respond = () => {};
    const leaving = new AbortController();
    const waiting = (await embedder([openai(orgId)])).execute(asked(orgId, cats(), { signal: leaving.signal }));
    await until('it is asked', () => upstream.received.length === 1);
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
    await until('it is closed upstream', () => upstream.aborted === 1);
    expect(await recordsOf(orgId)).toMatchObject([{ outcome: 'cancelled', cost: 8 }]);
    expect(await counterOf(db, budget)).toMatchObject({ spent: 8, reserved: 0 });
  });
});

describe('echo', () => {
  const of = async (orgId: string, body: JsonObject) =>
    (await embedder(builtIns(orgId, false))).execute(asked(orgId, body));

  test('embeds the same text as the same vector of length one, for the price of its words', async () => {
    const orgId = await db.organization();
    const input = ['the cat', 'a black dog', 'the cat'];
    const { vectors, bill } = await of(orgId, { model: 'echo@5', input });
    expect(vectors.map(({ length }) => length)).toEqual([256, 256, 256]);
    expect(vectors[0]).toEqual(vectors[2]);
    expect(vectors[0]).not.toEqual(vectors[1]);
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 10);
    expect(bill).toMatchObject({ provider: 'echo', usage: { input: 7, output: 0 }, cost: 35, priceVersion: 'echo@5' });
  });

  test('takes tokens and dimensions, as many as it can answer with', async () => {
    const orgId = await db.organization();
    const { vectors, bill } = await of(orgId, { model: 'echo', input: [[1, 2, 3]], dimensions: 8 });
    expect(vectors[0]).toHaveLength(8);
    expect(bill.usage.input).toBe(3);
    const all = { model: 'echo', input: Array(2_048).fill('a'), dimensions: 16_384 };
    await expect(of(orgId, all)).rejects.toThrow(/at most 1048576 numbers/);
  });
});

describe('a tier', () => {
  test('is answered by its models that are listed to embed, and by no others', async () => {
    const orgId = await db.organization();
    const chats = openai(orgId, { name: 'chats', models: [aModel('gpt-test', { tier: 'basic' })] });
    const embeds = openai(orgId, {
      name: 'embeds',
      models: [aModel('text-embedding-3-small', { tier: 'basic', capabilities: ['embeddings'] })],
    });
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer([[1], [2]]));
    const request = decodeEmbeddingRequest(cats({ model: 'any' }));
    const call = (): EmbeddingCall =>
      asked(orgId, cats(), {
        asked: { dialect: null, request },
        wish: { provider: null, model: null, tier: 'basic', needs: ['embeddings'] },
      });
    for (let round = 0; round < 3; round++)
      expect((await (await embedder([chats, embeds])).execute(call())).bill.provider).toBe('embeds');
    expect(upstream.received[0]?.body).toEqual({ ...cats(), encoding_format: 'float' });
    await expect((await embedder([chats])).execute(call())).rejects.toMatchObject({ code: 'provider.none_fits' });
  });
});
