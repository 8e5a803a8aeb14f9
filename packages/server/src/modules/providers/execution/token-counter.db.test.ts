import { afterAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { fakeProvider, json, openAiAnswer } from '../../../../test/fakes/model-provider.ts';
import { aBudget, counterOf, someClaims, testLedgers } from '../../../../test/metering.ts';
import { forOrganization, NO_CACHE, NO_POLICIES, NO_TOKEN_LIMITS } from '../../../../test/model-policies.ts';
import { unwatched } from '../../../../test/unwatched.ts';
import { newId } from '../../../kernel/ids.ts';
import { Sensitive } from '../../../kernel/sensitive.ts';
import { AddressRules, HttpClient } from '../../../platform/http-client/index.ts';
import { chosenPrice } from '../../metering/index.ts';
import { builtIns, type Provider } from '../catalogue/model.ts';
import { openAiChat } from '../dialects/client-dialects.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import { Breakers } from '../routing/breaker.ts';
import { ProviderClient } from '../upstream/provider-client.ts';
import { type AccessServices, ProviderAccess } from './access.ts';
import type { ProviderDirectory } from './directory.ts';
import { ChatExecutor } from './executor.ts';
import { demandOfChat, Planner } from './planner.ts';
import { TokenCounter } from './token-counter.ts';

const db = testDatabase();
const ledgers = testLedgers(db);
const upstream = fakeProvider();
const http = new HttpClient({ rules: new AddressRules(['loopback']) });
afterAll(() => http[Symbol.asyncDispose]());

/** One micro-dollar a token in, none out. */
const PRICE = chosenPrice({ input: 1_000_000 });

async function gateway() {
  const orgId = await db.organization();
  const of = (name: string, kind: Provider['kind'], baseUrl: string): Provider => ({
    ...(builtIns(orgId, false)[0] as Provider),
    id: newId(),
    defaultModel: null,
    name,
    kind,
    baseUrl,
  });
  const providers = [of('claude', 'anthropic', upstream.url), of('openai', 'openai', `${upstream.url}/v1`)];
  const directory = {
    providersOf: async () => providers,
    keyOf: async ({ name }: Provider) => new Sensitive(`key of ${name}`),
  } as unknown as ProviderDirectory;
  const breakers = new Breakers();
  const planner = new Planner({ directory, policies: NO_POLICIES, breakers, priceOf: async () => PRICE });
  const client = new ProviderClient({ dispatcher: http.dispatcher, silenceMs: 2_000 });
  const access = new ProviderAccess({ directory } as unknown as AccessServices);
  const services = {
    planner,
    access,
    client,
    breakers,
    ledger: await ledgers.open(),
    recordings: null,
    limits: NO_TOKEN_LIMITS,
    cache: NO_CACHE,
    watch: unwatched,
  };
  return { orgId, planner, executor: new ChatExecutor(services), counter: new TokenCounter(services) };
}

const signal = new AbortController().signal;
const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(20);
/** Ten tokens a sentence, and what stands around the text: 3 and a role, and 3 before the answer. */
const TOKENS = 20 * 10 + 1 + 7;
const said = (model: string, content = TEXT): JsonObject => ({ model, messages: [{ role: 'user', content }] });

describe('a count of tokens', () => {
  const count = async (model: string) => {
    const { counter, orgId } = await gateway();
    const passedOn = { 'anthropic-beta': 'x' };
    return counter.count({ by: forOrganization(orgId), provider: null, body: said(model), passedOn, signal });
  };

  test('for a model of Anthropic is what Anthropic counts', async () => {
    upstream.respond = (_received, response) => json(response, 200, { input_tokens: 42 });
    expect(await count('claude-sonnet-5')).toEqual({ tokens: 42, countedBy: 'provider' });
    expect(upstream.received).toMatchObject([
      {
        path: '/v1/messages/count_tokens',
        body: said('claude-sonnet-5'),
        headers: { 'x-api-key': 'key of claude', 'anthropic-beta': 'x', 'anthropic-version': '2023-06-01' },
      },
    ]);
  });

  test.each([
    ['is overloaded', 529, {}],
    ['does not count', 404, {}],
    ['says something else', 200, { tokens: 'many' }],
  ])('for one of Anthropic, which %s, is estimated', async (_what, status, body) => {
    upstream.respond = (_received, response) => json(response, status, body);
    expect(await count('claude-sonnet-5')).toMatchObject({ countedBy: 'approximation' });
  });

  test('that Anthropic refuses is refused', async () => {
    upstream.respond = (_received, response) => json(response, 400, { error: { message: 'messages: too odd' } });
    await expect(count('claude-sonnet-5')).rejects.toMatchObject({ kind: 'invalid', message: /too odd/ });
  });

  test('for a model of OpenAI is made here', async () => {
    expect(await count('gpt-5')).toEqual({ tokens: TOKENS, countedBy: 'o200k_base' });
    expect(upstream.received).toEqual([]);
  });

  test('for a model that nobody has is refused', async () => {
    await expect(count('nobody-knows')).rejects.toMatchObject({ code: 'provider.model_unknown' });
  });
});

test('an estimate counts the input with the vocabulary of the model that would answer', async () => {
  const { planner, orgId } = await gateway();
  const estimate = (model: string) => {
    const asked = { dialect: null, request: openAiChat.decode(said(model)) };
    const wish = { provider: null, model, tier: null, needs: [] };
    return planner.estimate(demandOfChat({ wish, asked, maxTokens: 5 }, forOrganization(orgId)));
  };
  const counted = await estimate('gpt-4o');
  expect(counted).toMatchObject({ countedBy: 'o200k_base', input: { low: TOKENS }, cost: { low: TOKENS } });
  expect(counted.cost?.high).toBe(counted.input.high);
  expect(counted.input.high).toBeLessThan(2 * TOKENS);
  const guessed = await estimate('claude-sonnet-5');
  expect(guessed).toMatchObject({ countedBy: 'approximation' });
  expect(guessed.input.high).toBeGreaterThan(TEXT.length);
});

describe('a budget that the bytes of a request do not fit', () => {
  const call = (orgId: string, body: JsonObject) => {
    const {
      provider: _provider,
      model: _model,
      priceVersion: _version,
      isBatch: _batch,
      ...claims
    } = someClaims(orgId);
    return {
      claims,
      wish: { provider: null, model: String(body['model']), tier: null, needs: [] },
      asked: { dialect: openAiChat, body, raw: null },
      stream: false,
      maxTokens: 5,
      passedOn: {},
      attached: {},
      trace: null,
      notes: { tokens: null, cache: null },
      caching: { noCache: false, noStore: false, maxAgeSeconds: null },
      signal,
    };
  };

  test('admits it when its tokens do, and bills what the provider counts', async () => {
    const { executor, orgId } = await gateway();
    const budget = await aBudget(db, { orgId, limit: 2 * TOKENS });
    upstream.respond = (_received, response) =>
      json(response, 200, openAiAnswer('Yes.', { prompt: TOKENS, completion: 1 }));
    expect(await executor.execute(call(orgId, said('gpt-5')))).toMatchObject({ bill: { cost: TOKENS } });
    await ledgers.billed();
    expect(await counterOf(db, budget)).toMatchObject({ spent: TOKENS, reserved: 0 });
  });

  test('refuses it when its tokens do not fit either', async () => {
    const { executor, orgId } = await gateway();
    await aBudget(db, { orgId, limit: TOKENS - 1 });
    await expect(executor.execute(call(orgId, said('gpt-5')))).rejects.toMatchObject({ kind: 'over_budget' });
    expect(upstream.received).toEqual([]);
  });

  test('refuses it when nobody can count its tokens, or understands what is to be counted', async () => {
    const { executor, orgId } = await gateway();
    await aBudget(db, { orgId, limit: 2 * TOKENS });
    const strange = { ...said('gpt-5'), web_search_options: {} };
    await expect(executor.execute(call(orgId, said('claude-sonnet-5')))).rejects.toMatchObject({ kind: 'over_budget' });
    await expect(executor.execute(call(orgId, strange))).rejects.toMatchObject({ kind: 'over_budget' });
    expect(upstream.received).toEqual([]);
  });
});
