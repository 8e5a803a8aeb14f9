import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cut, type Received, WireServer } from '../test/wire-server.ts';
import { Assay } from './assay.ts';
import { Transport } from './transport.ts';

const KEY = 'sk_test_secret';
const queued = { eval_id: 'eval_1', status: 'queued', message: 'ok', queue_position: 1 };
const refusal = (status: number) => ({ status, json: { error: 'No', detail: 'No.', status_code: status } });
const keysOf = (received: readonly Received[]) => received.map(({ headers }) => headers['idempotency-key']);

// Jitter of nothing: what is tested is what is sent, not how long it takes.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

test('a submission whose answer is lost is repeated as the same request, so it has one effect', async () => {
  const effects = new Map<string, unknown>();
  await using server = await WireServer.start(({ headers }, count) => {
    const key = String(headers['idempotency-key']);
    effects.set(key, effects.get(key) ?? { ...queued, eval_id: `eval_${count}` });
    return count === 1 ? cut : { json: effects.get(key) };
  });
  const assay = new Assay({ baseUrl: server.url, apiKey: KEY });
  expect(await assay.evaluations.submit({ code: 'x' })).toMatchObject({ eval_id: 'eval_1' });
  expect(effects.size).toBe(1);
  expect(new Set(server.received.map(({ body }) => body)).size).toBe(1);
});

test('two submissions are two effects', async () => {
  await using server = await WireServer.start(() => ({ json: queued }));
  const assay = new Assay({ baseUrl: server.url, apiKey: KEY });
  await assay.evaluations.submit({ code: 'x' });
  await assay.evaluations.submit({ code: 'x' });
  expect(new Set(keysOf(server.received)).size).toBe(2);
});

test('an idempotency key that is given is the one that is sent', async () => {
  await using server = await WireServer.start(() => ({ json: queued }));
  await new Assay({ baseUrl: server.url }).evaluations.submit({ code: 'x' }, { idempotencyKey: 'mine' });
  expect(keysOf(server.received)).toEqual(['mine']);
});

test('an answer that breaks off in the middle is asked for again', async () => {
  await using server = await WireServer.start((_received, count) =>
    count > 1
      ? { json: queued }
      : (response) => {
          response.writeHead(200, { 'content-length': '1000' });
          response.write('{"eval_id":');
          setImmediate(() => response.destroy());
        },
  );
  expect(await new Assay({ baseUrl: server.url }).evaluations.submit({ code: 'x' })).toEqual(queued);
});

test.each([408, 429, 500, 503])('status %i is tried three times in all', async (status) => {
  await using server = await WireServer.start(() => refusal(status));
  await expect(new Assay({ baseUrl: server.url }).evaluations.logs('eval_1')).rejects.toMatchObject({ status });
  expect(server.received).toHaveLength(3);
});

test.each([400, 401, 402, 403, 404, 409, 422])('status %i is final', async (status) => {
  await using server = await WireServer.start(() => refusal(status));
  await expect(new Assay({ baseUrl: server.url }).evaluations.logs('eval_1')).rejects.toMatchObject({ status });
  expect(server.received).toHaveLength(1);
});

test('a request that is still running under the same key is waited for', async () => {
  await using server = await WireServer.start((_received, count) =>
    count === 1 ? { ...refusal(409), headers: { 'retry-after': '0' } } : { json: queued },
  );
  expect(await new Assay({ baseUrl: server.url }).evaluations.submit({ code: 'x' })).toEqual(queued);
});

test('the server can forbid retries', async () => {
  await using server = await WireServer.start(() => ({ ...refusal(503), headers: { 'x-should-retry': 'false' } }));
  await expect(new Assay({ baseUrl: server.url }).me()).rejects.toMatchObject({ status: 503 });
  expect(server.received).toHaveLength(1);
});

test('a call can ask for no retries', async () => {
  await using server = await WireServer.start(() => refusal(503));
  await expect(new Assay({ baseUrl: server.url }).me({ maxRetries: 0 })).rejects.toMatchObject({ status: 503 });
  expect(server.received).toHaveLength(1);
});

test('a server that cannot be reached is a ConnectionError that says where and why', async () => {
  const server = await WireServer.start(() => cut);
  const { url } = server;
  await server[Symbol.asyncDispose]();
  await expect(new Assay({ baseUrl: url }).me()).rejects.toMatchObject({
    name: 'ConnectionError',
    message: expect.stringMatching(new RegExp(`^${url} cannot be reached: .*ECONNREFUSED`)),
  });
});

test('a server that never answers is a TimeoutError', async () => {
  let attempts = 0;
  const never: typeof fetch = (_url, init) =>
    new Promise((_resolve, reject) => {
      attempts += 1;
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
  const call = new Assay({ fetch: never, timeout: 20, maxRetries: 1 }).me();
  await expect(call).rejects.toMatchObject({ name: 'TimeoutError', message: 'No answer came within 20 ms.' });
  expect(attempts).toBe(2);
});

test('an aborted call rejects with the signal’s reason and is not repeated', async () => {
  const controller = new AbortController();
  await using server = await WireServer.start(() => () => controller.abort(new Error('changed my mind')));
  const call = new Assay({ baseUrl: server.url }).me({ signal: controller.signal });
  await expect(call).rejects.toThrow('changed my mind');
  expect(server.received).toHaveLength(1);
});

test('the key goes out as a bearer token and shows in no error and no print of the client', async () => {
  await using server = await WireServer.start(() => refusal(401));
  const assay = new Assay({ baseUrl: server.url, apiKey: ` ${KEY}\n` });
  const failure = await assay.me().catch((error: unknown) => error);
  expect(server.last.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(JSON.stringify([failure, assay]) + String(failure)).not.toContain(KEY);
  expect(() => new Assay({ apiKey: `${KEY}\r\nX-Evil: 1` })).toThrow(expect.not.stringContaining(KEY) as never);
});

test('a redirect is not followed, so neither key nor body goes elsewhere', async () => {
  await using other = await WireServer.start(() => ({ json: queued }));
  await using server = await WireServer.start(() => ({ status: 307, headers: { location: other.url } }));
  const call = new Assay({ baseUrl: server.url, apiKey: KEY }).evaluations.submit({ code: 'x' });
  await expect(call).rejects.toMatchObject({ status: 307 });
  expect(other.received).toHaveLength(0);
});

test('a page of some other server is told apart from an answer', async () => {
  await using server = await WireServer.start(() => ({
    text: '<html></html>',
    headers: { 'content-type': 'text/html' },
  }));
  await expect(new Assay({ baseUrl: server.url }).me()).rejects.toMatchObject({ name: 'MalformedAnswerError' });
});

test('paths are put below the base URL, their parameters and the query encoded', async () => {
  await using server = await WireServer.start(() => ({ json: {} }));
  const transport = new Transport({ baseUrl: `${server.url}/assay/` });
  await transport.json({
    method: 'GET',
    path: '/v1/{id}',
    params: { id: '../a b' },
    query: { q: 'é&', none: undefined },
  });
  expect(server.last.url).toBe('/assay/v1/..%2Fa%20b?q=%C3%A9%26');
});

test.each(['localhost:3001', 'ftp://host', 'http://user:pw@host', 'http://host/?a=1', ''])(
  'the base URL %o is refused',
  (baseUrl) => {
    expect(() => new Assay({ baseUrl })).toThrow('The base URL');
  },
);
