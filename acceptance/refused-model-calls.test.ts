import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { storedForms } from './harness/stored-rows.ts';
import { until } from './harness/until.ts';

/*
 * What callers ask by mistake or in bad faith, and what providers answer in theirs: each ends in an error of the caller's own
 * vendor's shape, with nothing open upstream and nothing set aside.
 */

type Respond = (response: ServerResponse) => unknown;
const vendor = { asked: 0, open: 0, written: 0, body: {} as Record<string, unknown>, respond: (() => {}) as Respond };
const upstream = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  vendor.asked += 1;
  vendor.open += 1;
  vendor.body = JSON.parse(text);
  response.on('error', () => {});
  response.on('close', () => {
    vendor.open -= 1;
  });
  await vendor.respond(response);
});
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
const inside = { asked: 0 };
const innerServer = createServer((_request, response) => {
  inside.asked += 1;
  response.end('secret');
});
innerServer.listen(0, '127.0.0.1');
await once(innerServer, 'listening');
const innerAddress = `http://127.0.0.1:${(innerServer.address() as AddressInfo).port}/secret.png`;

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_OUTBOUND_NETWORKS: 'loopback', ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  for (const each of [upstream, innerServer]) {
    each.closeAllConnections();
    each.close();
  }
});
const me = server.as();
const { organization_id: orgId } = await server.sdk().me();

const KEY = 'sk-canary-abcdefgh-0123456789';
async function add(path: string, body: object, method = 'POST'): Promise<{ [name: string]: { id: string } }> {
  const answer = await me.send(method, path, { body });
  if (answer.status >= 300) throw new Error(`${method} ${path} was answered with ${answer.status}: ${answer.text}`);
  return (answer.body as { data: never }).data;
}
const added = { kind: 'openai-compatible', base_url: `${address}/v1`, default_model: 'm' };
await add('/v1/providers', { ...added, name: 'gpt', api_key: KEY });
await add('/v1/providers', { ...added, name: 'keyless' });
const { provider: shelved } = await add('/v1/providers', { ...added, name: 'shelved', api_key: KEY });
await add(`/v1/providers/${shelved?.id}/archive`, {});
const scope = { kind: 'organization' };
const { budget } = await add('/v1/budgets', { name: 'All', scope, period: 'total', limit_micros: 1_000_000_000 });

let model = 'gpt/m';
let number = 0;
beforeEach(async () => {
  Object.assign(vendor, { asked: 0, written: 0 });
  // Each has a model of its own: what went before says nothing about it.
  model = `gpt/m-${number++}`;
  for (const provider of ['gpt', 'keyless'])
    await add(`/v1/organizations/${orgId}/prices/${provider}/${model.slice(4)}`, PRICE, 'PUT');
});
const PRICE = { rates: { input: 1_000_000, output: 1_000_000 } };

const said = [{ role: 'user', content: 'Say hello.' }];
type Way = 'chat' | 'responses' | 'messages' | 'execute';
const WAYS: { [way in Way]: { path: string; body(of: object): object } } = {
  chat: { path: '/v1/chat/completions', body: (of) => ({ messages: said, ...of }) },
  responses: { path: '/v1/responses', body: (of) => ({ input: 'Say hello.', ...of }) },
  messages: { path: '/v1/messages', body: (of) => ({ messages: said, max_tokens: 50, ...of }) },
  execute: {
    path: '/v1/providers/execute',
    body: ({ stream: _stream, ...of }: { stream?: boolean }) => ({ input: 'Say hello.', ...of }),
  },
};
type Heard = { status: number; headers: Headers; text: string };

async function ask(way: Way, of: object, headers: Record<string, string> = {}): Promise<Heard> {
  const { path, body } = WAYS[way];
  const suffix = way === 'execute' && (of as { stream?: boolean }).stream ? '/stream' : '';
  const answer = await fetch(server.url + path + suffix, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.credentials.apiKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body(of)),
  });
  const heard = { status: answer.status, headers: answer.headers, text: await answer.text() };
  expect(heard.text).not.toContain(KEY);
  return heard;
}

/** Holds an error to the shape that the caller's own vendor gives it, and gives its message. */
function messageOf(way: Way, text: string): string {
  const body = JSON.parse(text) as { error: { message: string } };
  const message = expect.any(String);
  if (way === 'messages')
    expect(body).toEqual({ type: 'error', error: { type: message, message }, request_id: message });
  else if (way !== 'execute')
    expect(body).toEqual({
      error: {
        message,
        type: message,
        param: expect.toBeOneOf([null, message]),
        code: expect.toBeOneOf([null, message]),
      },
    });
  return body.error.message;
}

async function expectNothingLeft(): Promise<void> {
  await until('nothing is open upstream', () => vendor.open === 0);
  await until('nothing is set aside', async () => (await held()).reserved_micros === 0);
}
const held = async (): Promise<{ reserved_micros: number; spent_micros: number }> =>
  ((await me.get(`/v1/budgets/${budget?.id}`)).body as { data: { budget: never } }).data.budget;

const json = (response: ServerResponse, status: number, body: unknown, headers = {}): unknown =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const chunk = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const events = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });

/** Writes for as long as somebody reads. */
async function pour(response: ServerResponse, piece: Buffer | string, most: number): Promise<void> {
  for (let sent = 0; sent < most && !response.destroyed; sent += piece.length) {
    vendor.written += piece.length;
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}

const ways: Way[] = ['chat', 'responses', 'messages', 'execute'];
const both = ways.flatMap((way) => [false, true].map((stream) => [way, stream] as const));

/** Reads the beginning of a stream and then nothing more. */
async function stopReading(): Promise<void> {
  vendor.respond = (response) => pour(events(response), chunk('x'.repeat(4_096)), 1 << 30);
  const body = JSON.stringify({ model: 'gpt/stalled', stream: true, max_tokens: 1_000_000, messages: said });
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname).on('error', () => {});
  await once(socket, 'connect');
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.credentials.apiKey}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  await once(socket, 'data');
  socket.pause();
}
await add(`/v1/organizations/${orgId}/prices/gpt/stalled`, PRICE, 'PUT');

describe('a client that stops reading', () => {
  test('stops the provider as well, and is cut and billed in the end', { timeout: 90_000 }, async () => {
    await stopReading();
    const written = await until('nobody takes any more', async () => {
      const before = vendor.written;
      await pause(1_000);
      return vendor.written === before ? before : 0;
    });
    // What fits into the buffers between here and there, and no more.
    expect(written).toBeLessThan(32 << 20);
    expect((await held()).reserved_micros).toBeGreaterThan(0);
    await until('it is cut', () => vendor.open === 0, 60_000);
    await expectNothingLeft();
    const { body } = await me.get(`/v1/organizations/${orgId}/usage/records?limit=1`);
    const [record] = (body as { data: { usage_records: { outcome: string; model: string }[] } }).data.usage_records;
    expect(record).toMatchObject({ outcome: 'cancelled', model: 'stalled' });
  });
});

describe.each(both)('a call (%s, streamed: %s)', (way, stream) => {
  const refused = async (of: object, headers?: Record<string, string>): Promise<Heard> => {
    const heard = await ask(way, { stream, ...of }, headers);
    expect(vendor.asked).toBe(0);
    return heard;
  };

  test('to an unknown model or provider, or one that was set aside, says what there is', async () => {
    for (const [of, headers] of [
      [{ model: 'nobody-has-it' }, {}],
      [{ model: 'm', ...(way === 'execute' ? { provider: 'nobody' } : {}) }, { 'x-assay-provider': 'nobody' }],
      [{ model: 'shelved/m' }, {}],
    ] as const) {
      const { status, text } = await refused(of, headers);
      expect([400, 404]).toContain(status);
      expect(messageOf(way, text)).toMatch(/nobody|shelved/);
    }
  });

  test.each([
    [
      '401',
      (response) => json(response, 401, { error: { message: `Wrong key ${KEY}.` } }),
      503,
      /Wrong key \[key\]/,
      1,
    ],
    ['429', (response) => json(response, 429, { error: { message: 'Slow down.' } }), 429, /Slow down/, 3],
    ['429, to wait a minute', (response) => json(response, 429, {}, { 'retry-after': '60' }), 429, /429/, 1],
    ['500', (response) => json(response, 500, { error: { message: 'Out of order.' } }), 503, /Out of order/, 3],
    ['a redirect', (response) => json(response, 302, {}, { location: innerAddress }), 503, /302/, 3],
    ['a huge header', (response) => json(response, 200, {}, { 'x-huge': 'x'.repeat(64 << 10) }), 503, /headers/, 3],
    ['nonsense', (response) => events(response).end('data: {"choices": [\n\n'), 503, /cannot be read/, 3],
    ['a gigabyte', (response) => pour(events(response), Buffer.alloc(1 << 20, 'x'), 1 << 30), 503, /too large|MiB/, 1],
    ['a hangup', (response) => response.destroy(), 503, /could not be reached/, 3],
  ] as [string, Respond, number, RegExp, number][])(
    'that the provider answers with %s says so',
    async (_name, respond, status, message, times) => {
      vendor.respond = respond;
      const before = (await held()).spent_micros;
      const heard = await ask(way, { model, stream });
      expect([heard.status, messageOf(way, heard.text)]).toEqual([status, expect.stringMatching(message)]);
      expect([vendor.asked, inside.asked]).toEqual([times, 0]);
      if (heard.status === 429 && times === 1) expect(Number(heard.headers.get('retry-after'))).toBeGreaterThan(50);
      await expectNothingLeft();
      expect((await held()).spent_micros).toBe(before);
    },
  );

  test('without a key that the provider wants says that it has none', async () => {
    vendor.respond = (response) => json(response, 401, { error: { message: 'You need a key.' } });
    const heard = await ask(way, { model: `keyless/${model.slice(4)}`, stream });
    expect([heard.status, messageOf(way, heard.text)]).toEqual([503, expect.stringContaining('You need a key.')]);
  });
});

describe.each(ways)('a stream (%s)', (way) => {
  test('that breaks off says so in the middle, and is billed up to there', async () => {
    vendor.respond = (response) => events(response).end(chunk('one') + chunk(' two'));
    const before = (await held()).spent_micros;
    const { status, text } = await ask(way, { model, stream: true });
    expect([status, text]).toEqual([200, expect.stringMatching(/one.*two.*broke off/s)]);
    await expectNothingLeft();
    expect((await held()).spent_micros).toBeGreaterThan(before);
  });

  test('that repeats the key as it fails does not pass it on', async () => {
    vendor.respond = (response) =>
      events(response).end(
        `${chunk('one')}data: ${JSON.stringify({ error: { message: `Key ${KEY} is spent.` } })}\n\n`,
      );
    expect((await ask(way, { model, stream: true })).text).toContain('Key [key] is spent.');
  });

  test('that never ends is cut, and costs what was asked for', async () => {
    vendor.respond = (response) => pour(events(response), chunk('word '), 1 << 30);
    const before = (await held()).spent_micros;
    const limit = { chat: 'max_tokens', responses: 'max_output_tokens', messages: 'max_tokens', execute: 'params' }[
      way
    ];
    const { text } = await ask(way, { model, stream: true, [limit]: way === 'execute' ? { max_tokens: 5 } : 5 });
    expect(text).toMatch(/said more than it was asked for/);
    await expectNothingLeft();
    const spent = (await held()).spent_micros - before;
    expect(spent).toBeGreaterThanOrEqual(5);
    expect(spent).toBeLessThan(100);
  });
});

describe('a bound on the answer', () => {
  test.each([1e308, -1, 0, 1.5, '50', 1e12, true])('of %s is refused before anybody is asked', async (limit) => {
    for (const [way, of] of [
      ['chat', { max_tokens: limit }],
      ['chat', { max_completion_tokens: limit }],
      ['responses', { max_output_tokens: limit }],
      ['messages', { max_tokens: limit }],
      ['execute', { params: { max_tokens: limit } }],
    ] as const) {
      const { status, text } = await ask(way, { model, ...of });
      expect([way, status, messageOf(way, text)]).toEqual([way, 400, expect.stringMatching(/max_(\w+_)?tokens/)]);
    }
    expect(vendor.asked).toBe(0);
  });

  test('that is missing is made one, except where the vendor wants it', async () => {
    vendor.respond = (response) => json(response, 500, {});
    await ask('chat', { model });
    expect(vendor.body['max_completion_tokens']).toBe(8_192);
    expect((await ask('messages', { model, max_tokens: undefined })).status).toBe(400);
  });
});

describe('a budget', () => {
  test.each([
    { limit_micros: -1 },
    { limit_micros: 1e30 },
    { limit_micros: 1.5 },
    { limit_micros: '1000000' },
    { limit_micros: '$1' },
    { limit_micros: null },
    { limit_micros: 1_000, currency: 'JPY' },
    { limit_usd: 1 },
  ])('of %o is none', async (of) => {
    const answer = await me.post('/v1/budgets', { name: 'Odd', scope, period: 'day', ...of });
    expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(/limit_micros|currency|limit_usd/)]);
  });
});

describe('what a message holds', () => {
  const picture = (url: string): { [way in 'chat' | 'responses' | 'messages']: object } => ({
    chat: { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] },
    responses: { input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] },
    messages: { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }] },
  });

  test('is not fetched from the inside of a network, nor handed to somebody who would', async () => {
    for (const url of [
      'http://169.254.169.254/latest',
      'http://10.0.0.7/a.png',
      'http://[fd00::1]/',
      'file:///etc/passwd',
    ])
      for (const [way, of] of Object.entries(picture(url))) {
        const { status, text } = await ask(way as Way, { model, ...of });
        expect([status, messageOf(way as Way, text)]).toEqual([400, expect.stringContaining('not a public address')]);
      }
    expect(vendor.asked).toBe(0);
  });

  test('by an address that the operator opened goes on as it is, and we do not fetch it', async () => {
    vendor.respond = (response) => json(response, 400, { error: { message: 'Fine.' } });
    for (const [way, of] of Object.entries(picture(innerAddress))) await ask(way as Way, { model, ...of });
    expect(JSON.stringify(vendor.body)).toContain(innerAddress);
    expect([vendor.asked, inside.asked]).toEqual([3, 0]);
  });

  test('about tools has to have their shape', async () => {
    for (const [way, tools] of [
      ['chat', 'weather'],
      ['responses', { weather: 1 }],
      ['messages', 7],
      ['responses', [{ type: 'function' }]],
      ['messages', [{ name: 'weather', input_schema: 'object' }]],
      ['messages', [{ input_schema: {} }]],
    ] as const) {
      const { status, text } = await ask(way, { model, tools });
      expect([way, status, messageOf(way, text)]).toEqual([way, 400, expect.stringMatching(/tools/)]);
    }
    expect(vendor.asked).toBe(0);
    // Between two who speak alike it is for the vendor to say.
    vendor.respond = (response) => json(response, 400, { error: { message: 'Invalid schema for function.' } });
    const { status, text } = await ask('chat', { model, tools: [{ type: 'function', function: { parameters: 7 } }] });
    expect([status, messageOf('chat', text)]).toEqual([400, expect.stringContaining('Invalid schema for function.')]);
  });

  test('may be ten thousand messages, and no more than 32 MiB', async () => {
    const messages = (count: number, content = 'word'): object => ({
      messages: Array(count).fill({ role: 'user', content }),
    });
    for (const way of ['chat', 'messages'] as const) {
      expect((await ask(way, { model: 'echo', ...messages(10_000) })).status).toBe(200);
      const long = messages(1, 'a picture '.repeat(300_000));
      const { status, text } = await ask(way, { model: 'echo', max_tokens: 2, ...long });
      expect([status, text]).toEqual([200, expect.stringContaining('a picture')]);
      const tooLong = await ask(way, { model: 'echo', ...messages(1, 'a'.repeat(32 << 20)) });
      expect([tooLong.status, messageOf(way, tooLong.text)]).toEqual([413, expect.stringMatching(/32 MiB/)]);
    }
  });

  test('is not read where nobody is known to have sent it', async () => {
    const body = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'a'.repeat(8 << 20) }] });
    const headers = { 'content-type': 'application/json', authorization: 'Bearer sk_nobody' };
    const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body });
    expect([answer.status, await answer.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }]);
  });

  test('asks for a modality and a tier that there are', async () => {
    for (const fields of [{ modality: 'video' }, { tier: 'imperial' }, { modality: 1 }]) {
      const { status, text } = await ask('execute', { model, ...fields });
      expect([status, messageOf('execute', text)]).toEqual([400, expect.any(String)]);
    }
    const { status, text } = await ask('execute', { tier: 'premium' });
    expect([status, messageOf('execute', text)]).toEqual([400, expect.stringContaining('tier premium')]);
  });
});

test('the key of a provider is nowhere but in what goes to it', async () => {
  for (const path of [
    '/v1/providers',
    '/v1/events',
    '/v1/audit-logs',
    `/v1/organizations/${orgId}/usage/records`,
    '/metrics',
  ])
    expect((await me.get(path)).text).not.toContain(KEY);
  expect(server.stdout + server.stderr).not.toContain(KEY);
  expect(await storedForms(server, KEY)).toEqual([]);
});
