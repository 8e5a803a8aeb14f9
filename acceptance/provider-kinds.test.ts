import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { clientsOf, SCHEMA } from './harness/vendors/clients.ts';
import { PROVIDERS, VENDOR_KEY, VendorServer } from './harness/vendors/vendor-server.ts';
import type { Asked, Said } from './harness/vendors/wire.ts';

/*
 * Every client that people use, unmodified, with every kind of provider behind it. The vendors are fakes that speak the true
 * wire formats, and refuse in them whatever the real ones would not take.
 */
const vendors = await VendorServer.start();
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_OUTBOUND_NETWORKS: 'loopback', ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
const { apiKey } = server.credentials;
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await vendors[Symbol.asyncDispose]();
});

for (const provider of PROVIDERS(vendors.url)) {
  const answer = await server.as(apiKey).post('/v1/providers', { ...provider, api_key: VENDOR_KEY });
  if (answer.status !== 201) throw new Error(`${provider.name} was answered with ${answer.status}: ${answer.text}`);
}

const COUNTED = { input: 23, output: 5 };
const WORDS = ['It', ' is', ' four', ' degrees', '.'];
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const CITY = { city: 'Bern' };

/**
 * Uses a tool where one was asked for, or has to be used; writes JSON where that is wanted; else talks. A tool named json is
 * how a package asks for JSON that does not know that a model can do it.
 */
function converse({ text, tools, forced, schema, results }: Asked): Said {
  const used = forced ?? (/weather/.test(text) ? 'weather' : 'json');
  const tool = tools.find((name) => name === used);
  if (tool && results.length === 0) return { words: [], tool: { name: tool, input: CITY }, counted: COUNTED };
  if (schema) return { words: [JSON.stringify(CITY)], tool: null, counted: COUNTED };
  return { words: WORDS, tool: null, counted: COUNTED };
}

beforeEach(() => {
  vendors.asked.length = 0;
  vendors.behave = converse;
});

const MODELS = {
  openai: 'openai/gpt-test',
  'openai-compatible': 'compatible/test-model',
  'azure-openai': 'azure/gpt-test',
  anthropic: 'anthropic/claude-test',
  gemini: 'gemini/gemini-test',
  'vertex, Gemini': 'vertex/gemini-test',
  'vertex, Claude': 'vertex/claude-test',
  ollama: 'ollama/llama-test',
};
const pairs = clientsOf({ url: server.url, apiKey }).flatMap((client) =>
  Object.entries(MODELS).map(([kind, model]) => [client.name, kind, client, model] as const),
);

describe.each(pairs)('%s, to %s', (_name, _kind, client, model) => {
  const asked = (): Asked => vendors.asked.at(-1) ?? expect.fail('Nobody was asked.');

  test('talks, whole and streamed, and tells what the provider counted', async () => {
    const said = { text: WORDS.join(''), ...COUNTED };
    expect(await client.whole(model, 'How cold is it?', 'Be brief.')).toEqual(said);
    expect(asked()).toMatchObject({ text: 'How cold is it?', system: 'Be brief.', isStreamed: false, maxTokens: 100 });
    expect(asked().model).toBe(model.split('/')[1]);
    expect(await client.stream(model, 'How cold is it?')).toEqual(said);
    expect(asked()).toMatchObject({ text: 'How cold is it?', isStreamed: true, maxTokens: 100 });
  });

  test('has tools used, whole and streamed, and tells what they answered', async () => {
    for (const isStreamed of [false, true]) {
      expect(await client.call(model, 'What is the weather?', isStreamed)).toEqual({ name: 'weather', input: CITY });
      expect(asked()).toMatchObject({ tools: ['weather'], isStreamed });
    }
    expect(await client.answer(model, { name: 'weather', input: CITY }, 'Four degrees.')).toBe(WORDS.join(''));
    expect(asked().results).toEqual(['Four degrees.']);
  });

  test('gets JSON by a schema', async () => {
    // It asks with a tool that has to be used, and Ollama knows no such thing.
    if (client.name === 'ai, as Anthropic' && model.startsWith('ollama/'))
      return void (await expect(client.json(model, 'Where?')).rejects.toThrow(/Ollama cannot do what `tool_choice`/));
    expect(await client.json(model, 'Where?')).toEqual(CITY);
    const { schema, tools } = asked();
    if (!tools.includes('json')) expect(schema).toMatchObject(SCHEMA);
  });

  test('shows pictures', async () => {
    expect(await client.see(model, 'What is this?', PNG)).toBe(WORDS.join(''));
    expect(asked()).toMatchObject({ text: 'What is this?', images: [PNG] });
  });

  test('is told why it is refused', async () => {
    vendors.behave = () => ({ status: 400, message: 'That will not do.' });
    expect(await client.fail(model)).toEqual({ status: 400, message: expect.stringContaining('That will not do.') });
    vendors.behave = () => ({ status: 401, message: `Incorrect API key provided: ${VENDOR_KEY}` });
    const { status, message } = await client.fail(model);
    expect(status).toBe(503);
    expect(message).not.toContain(VENDOR_KEY);
  });
});

test('what everybody was billed is what the providers counted', async () => {
  const { organization_id } = await server.sdk(apiKey).me();
  const answer = await server.as(apiKey).get(`/v1/organizations/${organization_id}/usage?group_by=provider`);
  type Group = { group: { provider: string }; records: number; input_tokens: number; output_tokens: number };
  const { groups } = (answer.body as { data: { usage: { groups: Group[] } } }).data.usage;
  const billed = groups.map(({ group, records, input_tokens, output_tokens }) => [
    group.provider,
    { calls: records, input: input_tokens, output: output_tokens },
  ]);
  expect(Object.fromEntries(billed)).toEqual(Object.fromEntries(vendors.counted));
});

describe('what a client tries again', () => {
  const clients = clientsOf({ url: server.url, apiKey, maxRetries: 2 });

  test.each(clients.map((client) => [client.name, client] as const))('is billed once: %s', async (name, client) => {
    const before = await calls();
    // More refusals than the server tries to get over by itself.
    let refusals = 4;
    vendors.behave = (asked) =>
      refusals-- > 0 ? { status: 503, message: 'Later.', headers: { 'retry-after-ms': '1' } } : converse(asked);
    const model = `compatible/flaky-${clients.findIndex((each) => each.name === name)}`;
    expect((await client.whole(model, 'Still there?')).text).toBe(WORDS.join(''));
    expect(vendors.asked).toHaveLength(5);
    expect(await calls()).toBe(before + 1);
  });

  test.each(clients.map((client) => [client.name, client] as const))(
    'is nothing where the money is gone: %s',
    async (name, client) => {
      const key = await server.sdk(apiKey).apiKeys.create({ name: 'poor', scopes: ['providers:execute'] });
      const scope = { kind: 'key', id: key.api_key.id };
      await server.as(apiKey).post('/v1/budgets', { name: 'Poor', scope, period: 'month', limit_micros: 0 });
      const at = clients.findIndex((each) => each.name === name);
      const poor = clientsOf({ url: server.url, apiKey: key.raw_key, maxRetries: 0 })[at] ?? client;
      const { status, message } = await poor.fail('echo@5');
      expect([status, message]).toEqual([429, expect.stringMatching(/The budget .*Poor.* allows \$0\.00/)]);
      expect(vendors.asked).toEqual([]);
    },
  );

  async function calls(): Promise<number> {
    const { organization_id } = await server.sdk(apiKey).me();
    const answer = await server.as(apiKey).get(`/v1/organizations/${organization_id}/usage`);
    return (answer.body as { data: { usage: { total: { records: number } } } }).data.usage.total.records;
  }
});
