import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/*
 * The vendors' own clients, unmodified, with another base URL and key: nothing else tells them that they talk to Assay.
 * Behind it are echo, and a provider on loopback that speaks the vendors' true wire formats.
 */

type Asked = { path: string; body: Record<string, unknown> };
const asked: Asked[] = [];
const upstream: { respond(asked: Asked, response: ServerResponse): void; aborted: number } = {
  respond: (_asked, response) => void response.writeHead(500).end(),
  aborted: 0,
};
const vendor = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const received = { path: request.url ?? '', body: JSON.parse(text) };
  asked.push(received);
  response.on('close', () => {
    if (!response.writableFinished) upstream.aborted += 1;
  });
  upstream.respond(received, response);
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
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  vendor.closeAllConnections();
  vendor.close();
});
beforeEach(() => {
  asked.length = 0;
  upstream.aborted = 0;
});

const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey });
const anthropic = new Anthropic({ baseURL: server.url, apiKey });
const words = 'one two three four five';
const said = [{ role: 'user' as const, content: words }];

const json = (response: ServerResponse, body: unknown, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const events = (response: ServerResponse, list: readonly unknown[]): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of list) {
    const { type } = event as { type?: string };
    const text = typeof event === 'string' ? event : JSON.stringify(event);
    response.write(`${type === undefined ? '' : `event: ${type}\n`}data: ${text}\n\n`);
  }
  response.end();
};

async function addProvider(body: object): Promise<void> {
  const answer = await server.as(apiKey).post('/v1/providers', body);
  if (answer.status !== 201) throw new Error(`Adding a provider was answered with ${answer.status}: ${answer.text}`);
}
await addProvider({ name: 'claude', kind: 'anthropic', base_url: vendorUrl, api_key: 'vendor-key' });
await addProvider({ name: 'gpt', kind: 'openai', base_url: `${vendorUrl}/v1`, api_key: 'vendor-key' });

const usage = async (): Promise<{ cost_micros: number; records: number; output_tokens: number }> => {
  const { organization_id } = await server.sdk(apiKey).me();
  const answer = await server.as(apiKey).get(`/v1/organizations/${organization_id}/usage`);
  return (answer.body as { data: { usage: { total: never } } }).data.usage.total;
};

async function toldBy(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<{ text: string; usages: number[] }> {
  let text = '';
  const usages: number[] = [];
  for await (const { choices, usage: counted } of stream) {
    text += choices[0]?.delta.content ?? '';
    if (counted) usages.push(counted.completion_tokens);
  }
  return { text, usages };
}

describe("OpenAI's client", () => {
  test('gets a whole answer, with what it cost in the headers', async () => {
    const { data, response } = await openai.chat.completions.create({ model: 'echo@2', messages: said }).withResponse();
    expect(data.choices[0]?.message).toMatchObject({ role: 'assistant', content: words });
    expect(data.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 });
    expect(response.headers.get('x-assay-provider')).toBe('echo');
    expect(response.headers.get('x-assay-cost')).toBe('0.000020');
  });

  test('gets a stream, with its usage only where it asks for it', async () => {
    const ask = { model: 'echo', messages: said, stream: true } as const;
    expect(await toldBy(await openai.chat.completions.create(ask))).toEqual({ text: words, usages: [] });
    const withUsage = { ...ask, stream_options: { include_usage: true } };
    expect(await toldBy(await openai.chat.completions.create(withUsage))).toEqual({ text: words, usages: [5] });
  });

  test('gets an answer of the Responses API, whole and streamed', async () => {
    const whole = await openai.responses.create({ model: 'echo', input: words });
    expect(whole.output_text).toBe(words);
    const stream = await openai.responses.create({ model: 'echo', input: words, stream: true });
    let text = '';
    let completed = '';
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.completed') completed = event.response.status ?? '';
    }
    expect([text, completed]).toEqual([words, 'completed']);
  });

  test('lists models', async () => {
    const ids: string[] = [];
    for await (const model of openai.models.list()) ids.push(model.id);
    expect(ids).toContain('echo');
  });

  test('talks to a model of Anthropic’s, with tools', async () => {
    upstream.respond = (_asked, response) =>
      json(response, {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-test',
        content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern' } }],
        stop_reason: 'tool_use',
        stop_sequence: null,
        usage: { input_tokens: 20, output_tokens: 9 },
      });
    const answer = await openai.chat.completions.create({
      model: 'claude-test',
      messages: [{ role: 'system', content: 'Be brief.' }, ...said],
      tools: [
        {
          type: 'function',
          function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
        },
      ],
    });
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ id: 'toolu_1', function: { name: 'weather', arguments: '{"city":"Bern"}' } }] },
    });
    expect(asked[0]).toMatchObject({
      path: '/v1/messages',
      body: { system: [{ type: 'text', text: 'Be brief.' }], tools: [{ name: 'weather' }] },
    });
  });

  test('is told of a wrong key, an unknown model and a wrong request in its own words', async () => {
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk_nobody', maxRetries: 0 });
    await expect(stranger.chat.completions.create({ model: 'echo', messages: said })).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
    await expect(openai.chat.completions.create({ model: 'nobody-has-it', messages: said })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await expect(openai.chat.completions.create({ model: 'echo', messages: [] })).rejects.toBeInstanceOf(
      OpenAI.BadRequestError,
    );
  });

  test('that leaves cancels the call upstream, and pays for what it got', async () => {
    upstream.respond = (_asked, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const chunk = {
        id: 'c',
        object: 'chat.completion.chunk',
        created: 1,
        model: 'gpt-test',
        choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }],
      };
      const timer = setInterval(() => void response.write(`data: ${JSON.stringify(chunk)}\n\n`), 5);
      response.on('close', () => clearInterval(timer));
    };
    const before = await usage();
    const stream = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages: said, stream: true });
    let seen = 0;
    for await (const _chunk of stream) if (++seen === 3) break;
    await until('it is closed upstream', async () => upstream.aborted === 1);
    await until('it is billed', async () => (await usage()).records === before.records + 1);
    const { output_tokens } = await usage();
    expect(output_tokens - before.output_tokens).toBeGreaterThanOrEqual(3);
  });

  test('that sends a call again with its key is refused, and billed once', async () => {
    const name = () =>
      openai.chat.completions.create(
        { model: 'echo', messages: said },
        { headers: { 'Idempotency-Key': 'nightly-1' } },
      );
    await name();
    await expect(name()).rejects.toMatchObject({ status: 409, message: expect.stringContaining('has been billed') });
  });
});

describe("Anthropic's client", () => {
  const message = { model: 'echo', max_tokens: 100, messages: said };

  test('gets a whole answer and a stream', async () => {
    const whole = await anthropic.messages.create(message);
    expect(whole).toMatchObject({ type: 'message', stop_reason: 'end_turn', content: [{ type: 'text', text: words }] });
    expect(whole.usage).toMatchObject({ input_tokens: 5, output_tokens: 5 });
    const stream = anthropic.messages.stream(message);
    expect(await stream.finalText()).toBe(words);
    expect((await stream.finalMessage()).usage.output_tokens).toBe(5);
  });

  test('is passed through to Anthropic as it came, beta headers and unknown fields among it', async () => {
    const list = [
      {
        type: 'message_start',
        message: {
          id: 'msg_2',
          type: 'message',
          role: 'assistant',
          model: 'claude-test',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 8, output_tokens: 1 },
          of_tomorrow: 1,
        },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 2 } },
      { type: 'message_stop' },
    ];
    upstream.respond = (_asked, response) => events(response, list);
    const stream = anthropic.beta.messages.stream({ ...message, model: 'claude-test', betas: ['some-beta'] });
    const final = await stream.finalMessage();
    expect(final).toMatchObject({
      content: [{ type: 'text', text: 'Hello' }],
      usage: { output_tokens: 2 },
      of_tomorrow: 1,
    });
    expect(asked[0]?.body).toMatchObject({ model: 'claude-test', max_tokens: 100, messages: said });
  });

  test('talks to a model of OpenAI’s', async () => {
    const chunk = (delta: object, finish: string | null = null) => ({
      id: 'c',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'gpt-test',
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
    upstream.respond = (_asked, response) =>
      events(response, [
        chunk({ content: 'Gu' }),
        chunk({ content: 'ten Tag' }),
        chunk({}, 'stop'),
        { ...chunk({}), choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } },
        '[DONE]',
      ]);
    const stream = anthropic.messages.stream({ ...message, model: 'gpt-4o-mini' });
    expect(await stream.finalText()).toBe('Guten Tag');
    expect((await stream.finalMessage()).usage).toMatchObject({ output_tokens: 3 });
    expect(asked[0]).toMatchObject({ path: '/v1/chat/completions', body: { stream_options: { include_usage: true } } });
  });

  test('is told what is wrong in its own words', async () => {
    await expect(anthropic.messages.create({ ...message, model: 'nobody-has-it' })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    );
    const tokens = await anthropic.messages.countTokens({ model: 'echo', messages: said });
    expect(tokens.input_tokens).toBeGreaterThan(0);
  });
});

describe('the AI SDK', () => {
  test('generates and streams over both vendors’ forms', async () => {
    const ways = [
      createOpenAI({ baseURL: `${server.url}/v1`, apiKey }).chat('echo'),
      createOpenAI({ baseURL: `${server.url}/v1`, apiKey }).responses('echo'),
      createAnthropic({ baseURL: `${server.url}/v1`, apiKey })('echo'),
    ];
    for (const model of ways) {
      expect((await generateText({ model, prompt: words })).text).toBe(words);
      let text = '';
      for await (const part of streamText({ model, prompt: words }).textStream) text += part;
      expect(text).toBe(words);
    }
  });
});

describe('a budget', () => {
  test('that is used up refuses the call before anybody is asked, and no client tries again', async () => {
    const { organization_id } = await server.sdk(apiKey).me();
    const key = await server.sdk(apiKey).apiKeys.create({ name: 'poor', scopes: ['providers:execute'] });
    const budget = { name: 'Poor', scope: { kind: 'key', id: key.api_key.id }, period: 'month', limit_micros: 3 };
    expect((await server.as(apiKey).post('/v1/budgets', budget)).status).toBe(201);
    expect(organization_id).not.toBeNull();
    let requests = 0;
    const counting: typeof fetch = (...request) => {
      requests += 1;
      return fetch(...request);
    };
    const poor = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key.raw_key, fetch: counting, maxRetries: 2 });
    await expect(
      poor.chat.completions.create({ model: 'echo@1', messages: said, max_tokens: 5 }),
    ).rejects.toMatchObject({
      status: 429,
      code: 'insufficient_quota',
    });
    expect(requests).toBe(1);
  });
});
