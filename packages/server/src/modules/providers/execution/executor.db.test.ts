import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import {
  anthropicAnswer,
  fakeProvider,
  json,
  openAiAnswer,
  openAiStream,
  sse,
} from '../../../../test/fakes/model-provider.ts';
import { aBudget, counterOf, someClaims, testLedgers } from '../../../../test/metering.ts';
import { NO_CACHE, NO_POLICIES, NO_TOKEN_LIMITS } from '../../../../test/model-policies.ts';
import { until } from '../../../../test/until.ts';
import { unwatched } from '../../../../test/unwatched.ts';
import { newId } from '../../../kernel/ids.ts';
import { Sensitive } from '../../../kernel/sensitive.ts';
import { AddressRules, HttpClient } from '../../../platform/http-client/index.ts';
import { chosenPrice, type Ledger } from '../../metering/index.ts';
import { builtIns, type Provider } from '../catalogue/model.ts';
import { anthropicMessages, type ClientDialect, openAiChat } from '../dialects/client-dialects.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import { Breakers } from '../routing/breaker.ts';
import { ProviderClient } from '../upstream/provider-client.ts';
import { type AccessServices, ProviderAccess } from './access.ts';
import type { ProviderDirectory } from './directory.ts';
import { ChatExecutor } from './executor.ts';
import type { ChatCall, Piece, StreamedAnswer } from './model.ts';
import { Planner } from './planner.ts';

const db = testDatabase();
const ledgers = testLedgers(db);
const upstream = fakeProvider();
const second = fakeProvider();

/** Two micro-dollars a token in, ten out. */
const PRICE = chosenPrice({ input: 2_000_000, output: 10_000_000 });

async function executor({
  providers,
  ledger,
  price = PRICE,
  prices = {},
}: {
  providers: Provider[];
  ledger?: Ledger;
  price?: typeof PRICE | null;
  /** By the names of providers, where they differ. */
  prices?: Record<string, typeof PRICE>;
}) {
  const client = new HttpClient({ rules: new AddressRules(['loopback']) });
  const directory = {
    providersOf: async () => providers,
    keyOf: async ({ name }: Provider) => new Sensitive(`key of ${name}`),
  } as unknown as ProviderDirectory;
  const breakers = new Breakers();
  return new ChatExecutor({
    planner: new Planner({
      directory,
      policies: NO_POLICIES,
      breakers,
      priceOf: async ({ name }) => prices[name] ?? price,
    }),
    access: new ProviderAccess({ directory } as unknown as AccessServices),
    client: new ProviderClient({ dispatcher: client.dispatcher, silenceMs: 2_000 }),
    breakers,
    ledger: ledger ?? (await ledgers.open()),
    recordings: null,
    limits: NO_TOKEN_LIMITS,
    cache: NO_CACHE,
    watch: unwatched,
  });
}

const aProvider = (orgId: string, of: Partial<Provider>): Provider => ({
  ...(builtIns(orgId, false)[0] as Provider),
  id: newId(),
  defaultModel: null,
  name: 'openai',
  kind: 'openai',
  baseUrl: `${upstream.url}/v1`,
  ...of,
});

const gone = new AbortController().signal;
function aCall(orgId: string, body: JsonObject, more: Partial<ChatCall> & { dialect?: ClientDialect } = {}): ChatCall {
  const { dialect = openAiChat, ...rest } = more;
  const { provider: _provider, model: _model, priceVersion: _version, isBatch: _batch, ...claims } = someClaims(orgId);
  const head = dialect.head(body);
  return {
    claims,
    wish: { provider: null, model: head.model, tier: null, needs: head.needs },
    asked: { dialect, body, raw: Buffer.from(JSON.stringify(body)) },
    stream: head.stream,
    maxTokens: head.maxTokens,
    passedOn: {},
    attached: {},
    trace: null,
    notes: { tokens: null, cache: null },
    caching: { noCache: false, noStore: false, maxAgeSeconds: null },
    signal: gone,
    ...rest,
  };
}

const hello = (more: JsonObject = {}): JsonObject => ({
  model: 'gpt-test',
  messages: [{ role: 'user', content: 'Say hello.' }],
  max_tokens: 50,
  ...more,
});

async function piecesOf(answer: unknown): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const piece of (answer as StreamedAnswer).pieces) pieces.push(piece);
  return pieces;
}

const recordsOf = async (orgId: string) => {
  await ledgers.billed();
  const { rows } = await db.owner.query(
    `select cost_micros::float8 as cost, input_tokens::float8 as input, output_tokens::float8 as output, outcome, provider, model
     from usage_records where org_id = $1 order by at`,
    [orgId],
  );
  return rows;
};

/** Two providers of one model. */
function both(orgId: string): Provider[] {
  const models = [{ id: 'gpt-test', alias: null, tier: null, weight: 1, maxOutputTokens: null, capabilities: null }];
  return [
    aProvider(orgId, { name: 'first', models }),
    aProvider(orgId, { name: 'second', models, baseUrl: `${second.url}/v1` }),
  ];
}

describe('a whole answer', () => {
  test('between two who speak alike goes through byte for byte, fields that nobody knows among them', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    const answer = { ...openAiAnswer('Hello.', { prompt: 10, completion: 3 }), of_tomorrow: { x: 1 } };
    upstream.respond = (_received, response) => json(response, 200, answer);
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const body = hello({ of_the_future: [1, { deep: true }] });
    const got = await run.execute(aCall(orgId, body, { passedOn: { 'openai-beta': 'x=1' } }));
    if (got.kind !== 'whole') throw new Error('It was not whole.');
    expect(JSON.parse(String(got.raw))).toEqual(answer);
    expect(upstream.received[0]).toMatchObject({
      path: '/v1/chat/completions',
      text: JSON.stringify(body),
      headers: { authorization: 'Bearer key of openai', 'openai-beta': 'x=1' },
    });
    expect(got.bill).toMatchObject({
      provider: 'openai',
      model: 'gpt-test',
      cost: 50,
      usage: { input: 10, output: 3 },
    });
    await ledgers.billed();
    expect(await counterOf(db, budget)).toMatchObject({ spent: 50, reserved: 0 });
    expect(await recordsOf(orgId)).toEqual([
      { cost: 50, input: 10, output: 3, outcome: 'completed', provider: 'openai', model: 'gpt-test' },
    ]);
  });

  test('of another vendor is asked for and shown in the words of each', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, anthropicAnswer('Hello.', { input: 7, output: 2 }));
    const run = await executor({
      providers: [aProvider(orgId, { kind: 'anthropic', name: 'claude', baseUrl: upstream.url })],
    });
    const got = await run.execute(aCall(orgId, hello({ model: 'claude-test' })));
    expect(upstream.received[0]).toMatchObject({
      path: '/v1/messages',
      headers: { 'x-api-key': 'key of claude', 'anthropic-version': '2023-06-01' },
      body: {
        model: 'claude-test',
        max_tokens: 50,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Say hello.' }] }],
      },
    });
    expect(got).toMatchObject({ kind: 'whole', raw: null, answer: { content: [{ type: 'text', text: 'Hello.' }] } });
  });

  test('without a bound of the caller’s is given one that a budget can rely on', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer('x', { prompt: 1, completion: 1 }));
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const { max_tokens: _bound, ...unbounded } = hello();
    await run.execute(aCall(orgId, unbounded));
    expect(upstream.received[0]?.body['max_completion_tokens']).toBe(8_192);
  });
});

describe('a model that several have', () => {
  test('is asked of the cheapest, whichever comes first', async () => {
    const orgId = await db.organization();
    const dear = chosenPrice({ input: 4_000_000, output: 20_000_000 });
    const run = await executor({ providers: both(orgId), prices: { first: dear } });
    upstream.respond = (_received, response) =>
      json(response, 200, openAiAnswer('Here.', { prompt: 1, completion: 1 }));
    second.respond = upstream.respond;
    for (let round = 0; round < 6; round++) await run.execute(aCall(orgId, hello()));
    expect([upstream.received.length, second.received.length]).toEqual([0, 6]);
  });
});

describe('a budget', () => {
  test('that the most a call can cost does not fit refuses it before anybody is asked', async () => {
    const orgId = await db.organization();
    await aBudget(db, { orgId, limit: 400 });
    const run = await executor({ providers: [aProvider(orgId, {})] });
    await expect(run.execute(aCall(orgId, hello()))).rejects.toMatchObject({ kind: 'over_budget' });
    expect(upstream.received).toEqual([]);
  });

  test('refuses a model that nobody knows the price of', async () => {
    const orgId = await db.organization();
    await aBudget(db, { orgId, limit: 1_000_000 });
    const run = await executor({ providers: [aProvider(orgId, {})], price: null });
    await expect(run.execute(aCall(orgId, hello()))).rejects.toMatchObject({ kind: 'invalid' });
    expect(upstream.received).toEqual([]);
  });

  test('gets all of it back when no provider answered', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    upstream.respond = (_received, response) => json(response, 400, { error: { message: 'No such thing.' } });
    const run = await executor({ providers: [aProvider(orgId, {})] });
    await expect(run.execute(aCall(orgId, hello()))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'provider.rejected',
      message: 'openai: No such thing.',
    });
    await until('it is given back', async () => (await counterOf(db, budget)).reserved === 0);
    expect(await counterOf(db, budget)).toMatchObject({ spent: 0 });
  });
});

describe('a provider that fails', () => {
  test('is followed by what the caller named instead, at its own price and under its own name', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 503, {});
    second.respond = (_received, response) => json(response, 200, openAiAnswer('Here.', { prompt: 1, completion: 1 }));
    const other = { id: 'other', alias: null, tier: null, weight: 1, maxOutputTokens: null, capabilities: null };
    const run = await executor({
      providers: [
        aProvider(orgId, { name: 'first' }),
        aProvider(orgId, { name: 'second', models: [other], baseUrl: `${second.url}/v1` }),
      ],
    });
    const fallbacks = [
      { provider: 'first', model: 'gpt-test', tier: null },
      { provider: null, model: 'other', tier: null },
    ];
    const wish = { provider: 'first', model: 'gpt-test', tier: null, needs: [], fallbacks };
    const got = await run.execute(aCall(orgId, hello(), { wish }));
    expect(got).toMatchObject({ kind: 'whole', bill: { provider: 'second', model: 'other' } });
    expect([upstream.received.length, second.received.length]).toEqual([1, 1]);
    const unknown = { ...wish, fallbacks: [{ provider: null, model: 'nobody-has-it', tier: null }] };
    await expect(run.execute(aCall(orgId, hello(), { wish: unknown }))).rejects.toMatchObject({ kind: 'invalid' });
  });

  test.each([
    [
      'is overloaded',
      (_: unknown, response: Parameters<typeof json>[0]) => json(response, 503, { error: { message: 'later' } }),
    ],
    [
      'limits its rate',
      (_: unknown, response: Parameters<typeof json>[0]) => json(response, 429, {}, { 'retry-after': '1' }),
    ],
    ['hangs up', (_: unknown, response: Parameters<typeof json>[0]) => void response.destroy()],
    ['answers nonsense', (_: unknown, response: Parameters<typeof json>[0]) => void response.end('<html>')],
    [
      'redirects',
      (_: unknown, response: Parameters<typeof json>[0]) =>
        void response.writeHead(302, { location: '/elsewhere' }).end(),
    ],
  ])('because it %s is followed by the next', async (_name, fails) => {
    const orgId = await db.organization();
    upstream.respond = fails;
    second.respond = fails;
    let answered = false;
    const answer: typeof upstream.respond = (_received, response) => {
      answered = true;
      json(response, 200, openAiAnswer('Here.', { prompt: 1, completion: 1 }));
    };
    const run = await executor({ providers: both(orgId) });
    // Whichever is asked first fails, the other answers.
    const failing: typeof upstream.respond = (received, response) => {
      upstream.respond = answer;
      second.respond = answer;
      return fails(received, response);
    };
    upstream.respond = failing;
    second.respond = failing;
    const got = await run.execute(aCall(orgId, hello()));
    expect(got).toMatchObject({ kind: 'whole', answer: { content: [{ type: 'text', text: 'Here.' }] } });
    expect(answered).toBe(true);
    expect(await recordsOf(orgId)).toHaveLength(1);
  });

  test('though it is the only one is asked again, as soon as it says', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => {
      upstream.respond = (_again, later) => json(later, 200, openAiAnswer('Now.', { prompt: 1, completion: 1 }));
      json(response, 429, { error: { message: 'slow down' } }, { 'retry-after-ms': '20' });
    };
    const run = await executor({ providers: [aProvider(orgId, {})] });
    expect(await run.execute(aCall(orgId, hello()))).toMatchObject({ answer: { content: [{ text: 'Now.' }] } });
    expect(upstream.received).toHaveLength(2);
  });

  test('and wants more patience than a caller has is not asked again', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 429, {}, { 'retry-after': '60' });
    const run = await executor({ providers: [aProvider(orgId, {})] });
    await expect(run.execute(aCall(orgId, hello()))).rejects.toMatchObject({
      kind: 'rate_limited',
      retryAfterMs: 60_000,
    });
    expect(upstream.received).toHaveLength(1);
  });

  test('because the request is wrong is followed by nobody', async () => {
    const orgId = await db.organization();
    const rejects: typeof upstream.respond = (_received, response) =>
      json(response, 400, { error: { message: 'Wrong.' } });
    upstream.respond = rejects;
    second.respond = rejects;
    const run = await executor({ providers: both(orgId) });
    await expect(run.execute(aCall(orgId, hello()))).rejects.toThrow(/Wrong/);
    expect(upstream.received.length + second.received.length).toBe(1);
  });
});

describe('a streamed answer', () => {
  const words = ['Hel', 'lo', ' there'];

  test('between two who speak alike comes byte for byte, and is billed by what the provider counted', async () => {
    const orgId = await db.organization();
    const stream = sse(openAiStream(words, { prompt: 10, completion: 3 }));
    upstream.respond = (_received, response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(stream);
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const got = await run.execute(aCall(orgId, hello({ stream: true })));
    const pieces = await piecesOf(got);
    expect(Buffer.concat(pieces.map(({ raw }) => raw as Buffer)).toString()).toBe(stream);
    expect(upstream.received[0]?.body['stream_options']).toEqual({ include_usage: true });
    expect(await (got as StreamedAnswer).bill).toMatchObject({ cost: 50, usage: { input: 10, output: 3 } });
    expect(await recordsOf(orgId)).toMatchObject([{ cost: 50, outcome: 'completed' }]);
  });

  test('that its caller leaves is cancelled upstream, and billed by what was delivered', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    upstream.respond = (_received, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const events = openAiStream(
        Array.from({ length: 1_000 }, () => 'word '),
        { prompt: 10, completion: 1_000 },
      );
      let next = 0;
      const timer = setInterval(() => void response.write(sse([events[next++]])), 2);
      response.on('close', () => clearInterval(timer));
    };
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const got = (await run.execute(aCall(orgId, hello({ stream: true })))) as StreamedAnswer;
    let seen = 0;
    for await (const piece of got.pieces) {
      seen += piece.events.filter(({ type }) => type === 'text').length;
      if (seen === 5) break;
    }
    const bill = await got.bill;
    // Five words of one token each; what went in is estimated, as the provider never told.
    expect(bill.usage.output).toBeGreaterThanOrEqual(5);
    expect(bill.usage.output).toBeLessThanOrEqual(8);
    expect(await counterOf(db, budget)).toMatchObject({ spent: bill.cost, reserved: 0 });
    expect(await recordsOf(orgId)).toMatchObject([{ outcome: 'cancelled' }]);
    await until('it is closed upstream', () => upstream.aborted === 1);
  });

  test('that never ends is cut off', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const [word] = openAiStream(['x'.repeat(1_000)], { prompt: 1, completion: 1 });
      const timer = setInterval(() => void response.write(sse([word])), 1);
      response.on('close', () => clearInterval(timer));
    };
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const got = (await run.execute(aCall(orgId, hello({ stream: true, max_tokens: 5 })))) as StreamedAnswer;
    await expect(piecesOf(got)).rejects.toMatchObject({ code: 'provider.interrupted' });
    expect((await got.bill).usage.output).toBe(5);
    await until('it is closed upstream', () => upstream.aborted === 1);
  });

  test('that breaks off tells so, and is billed by what was delivered', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse(openAiStream(words, { prompt: 1, completion: 1 }).slice(0, 2)));
      setTimeout(() => response.destroy(), 20);
    };
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const got = (await run.execute(aCall(orgId, hello({ stream: true })))) as StreamedAnswer;
    await expect(piecesOf(got)).rejects.toMatchObject({ code: 'provider.interrupted' });
    expect((await got.bill).usage.output).toBe(2);
    expect(await recordsOf(orgId)).toMatchObject([{ outcome: 'failed' }]);
  });

  test('that fails before its first word is asked of the next', async () => {
    const orgId = await db.organization();
    const models = [{ id: 'gpt-test', alias: null, tier: null, weight: 1, maxOutputTokens: null, capabilities: null }];
    const overloaded: typeof upstream.respond = (_received, response) => {
      upstream.respond = answers;
      second.respond = answers;
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(sse([{ error: { type: 'server_error', message: 'overloaded' } }]));
    };
    const answers: typeof upstream.respond = (_received, response) =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(sse(openAiStream(words, { prompt: 1, completion: 3 })));
    upstream.respond = overloaded;
    second.respond = overloaded;
    const run = await executor({
      providers: [
        aProvider(orgId, { name: 'first', models }),
        aProvider(orgId, { name: 'second', models, baseUrl: `${second.url}/v1` }),
      ],
    });
    const pieces = await piecesOf(await run.execute(aCall(orgId, hello({ stream: true }))));
    expect(pieces.flatMap(({ events }) => events).filter(({ type }) => type === 'text')).toHaveLength(3);
  });
});

describe('a provider that counts badly', () => {
  const stream = (response: Parameters<typeof json>[0], events: readonly unknown[]): void =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(sse(events));
  const billOf = async (got: Awaited<ReturnType<ChatExecutor['execute']>>) => {
    if (got.kind === 'stream') await piecesOf(got);
    return got.bill;
  };

  test.each([false, true])('or not at all is billed by what it said (streamed: %s)', async (isStreamed) => {
    const orgId = await db.organization();
    const { usage: _usage, ...answer } = openAiAnswer('four and four are', { prompt: 0, completion: 0 });
    upstream.respond = (_received, response) =>
      isStreamed
        ? stream(response, openAiStream(['four', ' and', ' four are'], { prompt: 0, completion: 0 }).toSpliced(4, 1))
        : json(response, 200, answer);
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const bill = await billOf(await run.execute(aCall(orgId, hello({ stream: isStreamed }))));
    expect(bill.usage.input).toBeGreaterThan(0);
    expect(bill.usage.output).toBe(5);
    expect(await recordsOf(orgId)).toMatchObject([{ cost: bill.cost, output: 5, outcome: 'completed' }]);
  });

  test.each([false, true])('and beyond what was set aside is paid no more (streamed: %s)', async (isStreamed) => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    const usage = { prompt: 1e300, completion: 1e300 };
    upstream.respond = (_received, response) =>
      isStreamed ? stream(response, openAiStream(['Hi'], usage)) : json(response, 200, openAiAnswer('Hi', usage));
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const bill = await billOf(await run.execute(aCall(orgId, hello({ stream: isStreamed }))));
    await ledgers.billed();
    const { spent, reserved } = await counterOf(db, budget);
    expect({ spent, reserved }).toEqual({ spent: bill.cost, reserved: 0 });
    expect(bill.cost).toBeLessThan(10_000);
    const { rows } = await db.owner.query('select overrun_micros > 0 as is_over from usage_records where org_id = $1', [
      orgId,
    ]);
    expect(rows).toEqual([{ is_over: true }]);
  });
});

describe('a caller who leaves', () => {
  test('while the second is asked pays the second, and while nobody is, nobody', async () => {
    const orgId = await db.organization();
    const run = await executor({ providers: both(orgId) });
    const refuses: typeof upstream.respond = (_received, response) => {
      upstream.respond = () => {};
      second.respond = () => {};
      json(response, 503, {});
    };
    upstream.respond = refuses;
    second.respond = refuses;
    const leaving = new AbortController();
    const waiting = run.execute(aCall(orgId, hello(), { signal: leaving.signal }));
    await until('both were asked', () => upstream.received.length + second.received.length === 2);
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
    const [record] = await recordsOf(orgId);
    expect(record).toMatchObject({ outcome: 'cancelled' });
    await until('it is closed upstream', () => upstream.aborted + second.aborted === 1);
    expect(record.provider).toBe(upstream.aborted === 1 ? 'first' : 'second');

    const alone = await db.organization();
    upstream.respond = (_received, response) => json(response, 429, {}, { 'retry-after': '1' });
    const patient = await executor({ providers: [aProvider(alone, {})] });
    const bored = new AbortController();
    upstream.received.length = 0;
    const resting = patient.execute(aCall(alone, hello(), { signal: bored.signal }));
    await until('it was refused', () => upstream.received.length === 1);
    setTimeout(() => bored.abort(), 100);
    await expect(resting).rejects.toMatchObject({ kind: 'cancelled' });
    expect(await recordsOf(alone)).toEqual([]);
  });
});

describe('a caller who leaves before a whole answer is there', () => {
  test('has the call cancelled upstream, and pays for what went in', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 10_000 });
    upstream.respond = () => {};
    const leaving = new AbortController();
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const waiting = run.execute(aCall(orgId, hello(), { signal: leaving.signal }));
    await until('it is asked', () => upstream.received.length === 1);
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
    await until('it is closed upstream', () => upstream.aborted === 1);
    const [record] = await recordsOf(orgId);
    expect(record).toMatchObject({ outcome: 'cancelled', output: 0 });
    expect(await counterOf(db, budget)).toMatchObject({ spent: record.cost, reserved: 0 });
    expect(record.cost).toBeGreaterThan(0);
  });
});

describe('echo', () => {
  test('says what it was told, in any dialect, at a price that its name says', async () => {
    const orgId = await db.organization();
    const budget = await aBudget(db, { orgId, limit: 1_000_000 });
    const run = await executor({ providers: builtIns(orgId, false) });
    const body = {
      model: 'echo@5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'one two three' }],
      stream: true,
    };
    const got = (await run.execute(aCall(orgId, body, { dialect: anthropicMessages }))) as StreamedAnswer;
    const pieces = await piecesOf(got);
    const said = pieces.flatMap(({ events }) => events).flatMap((event) => (event.type === 'text' ? [event.text] : []));
    expect(said).toEqual(['one', ' two', ' three']);
    expect(await got.bill).toMatchObject({ provider: 'echo', cost: 30, priceVersion: 'echo@5' });
    await ledgers.billed();
    expect(await counterOf(db, budget)).toMatchObject({ spent: 30, reserved: 0 });
  });
});

describe('a call that its caller named', () => {
  const called = (orgId: string) => aCall(orgId, hello(), { fact: 'model-call:api_key:k:nightly' });

  test('is made and billed once', async () => {
    const orgId = await db.organization();
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer('Hi.', { prompt: 3, completion: 1 }));
    const run = await executor({ providers: [aProvider(orgId, {})] });
    const [one, other] = await Promise.allSettled([run.execute(called(orgId)), run.execute(called(orgId))]);
    expect([one.status, other.status].sort()).toEqual(['fulfilled', 'rejected']);
    await expect(run.execute(called(orgId))).rejects.toMatchObject({ kind: 'conflict', code: 'usage.already_billed' });
    expect(upstream.received).toHaveLength(1);
    expect(await recordsOf(orgId)).toHaveLength(1);
  });

  test('may be made again when it was not billed', async () => {
    const orgId = await db.organization();
    const run = await executor({ providers: [aProvider(orgId, {})] });
    upstream.respond = (_received, response) => json(response, 400, { error: { message: 'Wrong.' } });
    await expect(run.execute(called(orgId))).rejects.toThrow(/Wrong/);
    upstream.respond = (_received, response) => json(response, 200, openAiAnswer('Hi.', { prompt: 3, completion: 1 }));
    expect(await run.execute(called(orgId))).toMatchObject({ kind: 'whole' });
    expect(await recordsOf(orgId)).toHaveLength(1);
  });
});
