import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/*
 * A call is recorded against a provider on loopback that speaks OpenAI's wire format; then that is gone, and the same
 * question is answered by `replay` in each dialect.
 */
const dir = await mkdtemp(join(tmpdir(), 'assay-replay-'));
const vendorKey = 'the-key-of-the-vendor';
const upstream: { respond(response: ServerResponse): void } = { respond: (response) => void response.destroy() };
const vendor = createServer((request, response) => {
  request.resume().on('end', () => upstream.respond(response));
});
vendor.listen(0, '127.0.0.1');
await once(vendor, 'listening');

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: {
    ASSAY_OUTBOUND_NETWORKS: 'loopback',
    ASSAY_GRPC_PORT: 'off',
    ASSAY_REPLAY_DIR: dir,
    ASSAY_REPLAY_RECORD: 'on',
  },
  awaitReady: false,
});
const { apiKey } = server.credentials;
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  vendor.closeAllConnections();
  vendor.close();
  await rm(dir, { recursive: true, force: true });
});
const address = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/v1`;
const provider = { name: 'gpt', kind: 'openai', base_url: address, api_key: vendorKey };
expect((await server.as(apiKey).post('/v1/providers', provider)).status).toBe(201);
const { organization_id: orgId } = await server.sdk(apiKey).me();

const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: server.url, apiKey, maxRetries: 0 });
const recorded = { headers: { 'X-Assay-Record': 'on' } };
const ask = (content: string, model = 'gpt-4o-mini') => ({
  model,
  max_tokens: 40,
  messages: [{ role: 'user' as const, content }],
});

const head = { id: 'chatcmpl-7', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini-2024-07-18' };
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
function streams(response: ServerResponse, { breaksOff = false } = {}): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ content: 'Guten ' }) + chunk({ content: 'Tag' }));
  if (breaksOff) return void response.end();
  const usage = { prompt_tokens: 7, completion_tokens: 3 };
  response.end(`${chunk({}, 'stop')}data: ${JSON.stringify({ ...head, choices: [], usage })}\n\ndata: [DONE]\n\n`);
}
const files = async (): Promise<string[]> => (await readdir(join(dir, String(orgId))).catch(() => [])).sort();
const textOf = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> => {
  let text = '';
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
  return text;
};
const spent = async (): Promise<number> => {
  const answer = await server.as(apiKey).get(`/v1/organizations/${orgId}/usage`);
  return (answer.body as { data: { usage: { total: { cost_micros: number } } } }).data.usage.total.cost_micros;
};

describe('replay', () => {
  test('plays what was recorded in every dialect, whole and streamed, when the provider is gone, for nothing', async () => {
    upstream.respond = streams;
    expect(await textOf(await openai.chat.completions.create({ ...ask('Hello.'), stream: true }, recorded))).toBe(
      'Guten Tag',
    );
    // Its client leaves with the last event.
    const file = await until('it is kept', async () =>
      (await files()).find((name) => /^[0-9a-f]{64}\.json$/.test(name)),
    );
    const kept = await readFile(join(dir, String(orgId), file), 'utf8');
    expect(JSON.parse(kept)).toMatchObject({
      from: { provider: 'gpt', model: 'gpt-4o-mini' },
      usage: { input: 7, output: 3 },
    });
    for (const secret of [vendorKey, apiKey]) expect(kept).not.toContain(secret);

    upstream.respond = (response) => void response.destroy();
    const before = await spent();
    const played = ask('Hello.', 'replay/gpt-4o-mini');
    const { data: whole, response } = await openai.chat.completions.create(played).withResponse();
    expect(whole.choices[0]?.message.content).toBe('Guten Tag');
    expect(whole.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3 });
    expect(['x-assay-provider', 'x-assay-model', 'x-assay-cost'].map((name) => response.headers.get(name))).toEqual([
      'replay',
      'gpt-4o-mini',
      '0.000000',
    ]);
    expect(await textOf(await openai.chat.completions.create({ ...played, stream: true }))).toBe('Guten Tag');
    const message = await anthropic.messages.create(played);
    expect(message).toMatchObject({
      content: [{ type: 'text', text: 'Guten Tag' }],
      usage: { input_tokens: 7, output_tokens: 3 },
    });
    expect(await anthropic.messages.stream(played).finalText()).toBe('Guten Tag');
    const { model, max_tokens: bound } = played;
    const answer = await openai.responses.create({ model, max_output_tokens: bound, input: 'Hello.' });
    expect(answer.output_text).toBe('Guten Tag');
    expect(await spent()).toBe(before);
  });

  test('names the digest of what was never recorded, which recording it then has', async () => {
    const missed = await openai.chat.completions.create(ask('And you?', 'replay/gpt-4o-mini')).catch((error) => error);
    expect(missed).toBeInstanceOf(OpenAI.NotFoundError);
    const [, digest = ''] = /digest ([0-9a-f]{64})\)\. .*X-Assay-Record: on/.exec(missed.message) ?? [];
    const whole = {
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Well.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 2, completion_tokens: 1 },
    };
    upstream.respond = (response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole));
    const { response } = await openai.chat.completions.create(ask('And you?'), recorded).withResponse();
    expect(response.headers.get('x-assay-recorded')).toBe(digest);
    const again = await openai.chat.completions.create(ask('And you?', 'replay/gpt-4o-mini'));
    expect(again.choices[0]?.message.content).toBe('Well.');
  });

  test('plays to everybody what lies in the directory itself, and to nobody what another organization recorded', async () => {
    const missed = await openai.chat.completions.create(ask('Of all?', 'replay/any')).catch((error) => error);
    const [, digest = ''] = /digest ([0-9a-f]{64})/.exec(missed.message) ?? [];
    const exchange = {
      format: 1,
      digest,
      usage: { input: 1, cacheRead: 0, cacheWrite: 0, output: 1, reasoning: 0 },
      answer: [
        { at: 0, type: 'start', id: 'x', model: 'any' },
        { at: 1, type: 'text', text: 'Of all.' },
        { at: 2, type: 'finish', reason: 'stop' },
      ],
    };
    const content = JSON.stringify(exchange);
    const stranger = '00000000-0000-4000-8000-000000000001';
    await mkdir(join(dir, stranger));
    await writeFile(join(dir, stranger, `${digest}.json`), content);
    const again = () => openai.chat.completions.create(ask('Of all?', 'replay/any'));
    await expect(again()).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await writeFile(join(dir, `${digest}.json`), content);
    expect((await again()).choices[0]?.message.content).toBe('Of all.');
  });
});

describe('recording', () => {
  test('keeps nothing of a stream that breaks off, or that nobody asked to keep', async () => {
    const before = await files();
    upstream.respond = (response) => streams(response, { breaksOff: true });
    const broken = await openai.chat.completions.create({ ...ask('Half?'), stream: true }, recorded);
    await expect(textOf(broken)).rejects.toThrow();
    upstream.respond = streams;
    await textOf(await openai.chat.completions.create({ ...ask('Quiet?'), stream: true }));
    // What is recorded behind them is kept behind them.
    await openai.chat.completions.create(ask('Last?', 'echo'), recorded);
    expect(await files()).toHaveLength(before.length + 1);
  });

  test('is for those who may change providers, and says on or off', async () => {
    const key = await server.sdk(apiKey).apiKeys.create({ name: 'caller', scopes: ['providers:execute'] });
    const caller = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key.raw_key, maxRetries: 0 });
    await expect(caller.chat.completions.create(ask('Me?', 'echo'), recorded)).rejects.toMatchObject({ status: 403 });
    const unclear = { headers: { 'X-Assay-Record': 'maybe' } };
    await expect(openai.chat.completions.create(ask('Me?', 'echo'), unclear)).rejects.toMatchObject({ status: 400 });
  });
});
