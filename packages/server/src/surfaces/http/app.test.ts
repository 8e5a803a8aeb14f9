import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Route } from '@assay/contract';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeKit, fakeKit } from '../../../test/fakes/http-kit.ts';
import { until } from '../../../test/until.ts';
import { AppError } from '../../kernel/errors.ts';
import { renderError as asBuilds } from '../builds/render-error.ts';
import { renderError as asControl } from '../control/render-error.ts';
import { renderError as asEvaluations } from '../evaluations/render-error.ts';
import { renderError as asOps } from '../ops/render-error.ts';
import { HttpApp } from './app.ts';
import type { RenderError } from './kit.ts';
import { Sockets, sendJson } from './sockets.ts';
import { Surface } from './surface.ts';
import { TrustedProxies } from './trusted-proxies.ts';

const SURFACES: [string, RenderError][] = [
  ['', asOps],
  ['/api', asEvaluations],
  ['/v1', asControl],
  ['/api/v1', asBuilds],
];

let fake: FakeKit;
let app: HttpApp;
let sockets: Sockets;
let port: number;

beforeEach(async () => {
  fake = fakeKit();
  const { kit } = fake;
  app = new HttpApp({ proxies: new TrustedProxies([]), stopMs: 1_000, silenceMs: 60_000 });
  for (const [prefix, renderError] of SURFACES) {
    await app.surface(prefix, (scope) => {
      const surface = new Surface(scope, { name: 'control', renderError, rate: 'control', kit });
      const route = {
        surface: 'control',
        operation: 'a.b.c',
        summary: '',
        answers: { 200: { description: '' } },
      } as const;
      surface.serve({ ...route, method: 'POST', path: `${prefix}/echo` } as Route, async () => ({ prefix }));
      surface.serve(
        { ...route, method: 'GET', path: `${prefix}/stream`, streams: true } as Route,
        (_decoded, { signal }) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve({ ended: true }), { once: true })),
      );
      return surface;
    });
  }
  await app.pages((scope) => {
    scope.get('/page', async (_request, reply) => reply.header('content-security-policy', 'mine').send('page'));
  });
  await app.ready();
  sockets = new Sockets(kit);
  sockets.serve('/ws', 'things.thing.watch', async (socket, { query }) => {
    sendJson(socket, { asked: query.get('asked') });
    socket.close(1000, 'done');
  });
  sockets.attach(app.server, new Set(['/claimed']));
  port = await app.listen('127.0.0.1', 0);
});
afterEach(async () => {
  await sockets[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

/** Sends bytes as they are, and gives what comes back until the server has said all that it has to say. */
async function raw(text: string): Promise<{ status: number; head: string; body: string }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2);
  return { status: Number(head.split(' ', 2)[1]), head: head.toLowerCase(), body };
}
const ask = (line: string, headers = ''): ReturnType<typeof raw> =>
  raw(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`);

const HEADERS = [
  'x-content-type-options: nosniff',
  'x-frame-options: deny',
  "content-security-policy: default-src 'none'",
];

describe('a path that nobody serves', () => {
  test.each([
    [
      '/v1/nothing',
      (body: object) => expect(body).toMatchObject({ error: { code: 'not_found' }, meta: { status: 404 } }),
    ],
    ['/api/nothing', (body: object) => expect(body).toMatchObject({ error: 'Not found', status_code: 404 })],
    ['/api/v1/nothing', (body: object) => expect(body).toMatchObject({ error: { code: 'NOT_FOUND' } })],
    ['/nothing', (body: object) => expect(body).toEqual({ error: 'There is nothing at GET /nothing.' })],
    ['/v1', (body: object) => expect(body).toMatchObject({ error: { code: 'not_found' } })],
    ['/v1x', (body: object) => expect(body).toEqual({ error: 'There is nothing at GET /v1x.' })],
    ['/api/v1beta', (body: object) => expect(body).toMatchObject({ status_code: 404 })],
    ['//', (body: object) => expect(body).toEqual({ error: 'There is nothing at GET //.' })],
  ])('%s is answered by the surface with the longest prefix of it', async (path, check) => {
    const { status, head, body } = await ask(`GET ${path}`);
    expect(status).toBe(404);
    check(JSON.parse(body));
    for (const header of [...HEADERS, 'x-request-id: ', 'x-ratelimit-limit: 10']) expect(head).toContain(header);
  });
});

test.each([
  ['application/json', '{', 1],
  ['application/json', '', 50 << 20],
  ['text/plain', 'text', 4],
])('a path that nobody serves is refused as such, whatever is sent to it (%s)', async (type, body, length) => {
  const request = `Content-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n${body}`;
  const answer = await ask('POST /api/nothing', request);
  expect(JSON.parse(answer.body)).toMatchObject({ error: 'Not found', status_code: 404 });
});

describe('a request that no route can see', () => {
  test.each([
    ['/v1/%zz', (body: object) => expect(body).toMatchObject({ error: { code: 'validation_failed' } })],
    ['/api/%zz', (body: object) => expect(body).toMatchObject({ error: 'Validation error', status_code: 400 })],
    ['/api/v1/%zz', (body: object) => expect(body).toMatchObject({ error: { code: 'VALIDATION_ERROR' } })],
    ['/%zz', (body: object) => expect(body).toMatchObject({ error: expect.any(String) })],
  ])('%s is refused in the shape and with the headers of its surface', async (path, check) => {
    const { status, head, body } = await ask(`GET ${path}`);
    expect(status).toBe(400);
    check(JSON.parse(body));
    for (const header of [...HEADERS, 'x-request-id: ', 'x-ratelimit-limit: 10']) expect(head).toContain(header);
  });

  test.each(['OPTIONS *', 'GET http://elsewhere/v1', 'DELETE /page'])('%s is answered', async (line) => {
    expect((await ask(line)).status).toBe(404);
  });
});

describe('a body', () => {
  const post = (length: number, body: string) =>
    ask(
      'POST /v1/echo',
      `X-Api-Key: sk_good\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
    );

  test('of more than 2 MiB is refused by what it says of itself', async () => {
    const { status, body } = await post(50 << 20, '{');
    expect(status).toBe(413);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'payload_too_large' } });
  });

  test('sent in pieces without a length is refused as soon as it is too large', async () => {
    const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`;
    const { status } = await ask(
      'POST /v1/echo',
      `X-Api-Key: sk_good\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(33)}0\r\n\r\n`,
    );
    expect(status).toBe(413);
  });
});

test('a page keeps the policy that it sets itself', async () => {
  const { head } = await ask('GET /page');
  expect(head).toContain('content-security-policy: mine');
  expect(head).toContain('x-frame-options: deny');
});

describe('a stream', () => {
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /v1/stream HTTP/1.1\r\nHost: x\r\nX-Api-Key: sk_good\r\n\r\n');
    return socket;
  };
  const refusal = new AppError('unauthenticated', 'credential.invalid', 'Revoked.');

  test('ends with the credential that opened it', async () => {
    const socket = open();
    await until('it is open', () => fake.watched.size === 1);
    for (const { onEnd } of fake.watched) onEnd(refusal);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toContain('{"ended":true}');
    socket.destroy();
    await until('nobody watches it any more', () => fake.watched.size === 0);
  });

  test('whose caller leaves is watched no longer', async () => {
    const socket = open();
    await until('it is open', () => fake.watched.size === 1);
    socket.destroy();
    await until('nobody watches it any more', () => fake.watched.size === 0);
  });

  test('whose caller left while the credential was looked up is not watched at all', async () => {
    const [asked, mayAnswer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { authenticate } = fake.kit.authenticator;
    fake.kit.authenticator.authenticate = async (credential) => {
      asked.resolve();
      await mayAnswer.promise;
      return authenticate(credential);
    };
    const gone = new Promise<void>((resolve) => {
      app.server.once('connection', (connection) => connection.once('close', resolve));
    });
    const socket = open();
    await asked.promise;
    socket.destroy();
    await gone;
    mayAnswer.resolve();
    await until('the answer was given', () => fake.asked.length === 1);
    await new Promise(setImmediate);
    expect(fake.watched.size).toBe(0);
  });
});

describe('an upgrade', () => {
  const upgrade = (target: string, headers = 'X-Api-Key: sk_good\r\n'): ReturnType<typeof raw> =>
    raw(
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`,
    );

  test.each(['//', 'http://', '/\\', '///x:y'])(
    'to %s, which is no address, is refused, and the server goes on',
    async (target) => {
      expect((await upgrade(target)).status).toBe(400);
      expect((await ask('GET /page')).status).toBe(200);
    },
  );

  test('to a path without a socket is 404, without a credential 401, with two 400', async () => {
    expect((await upgrade('/nothing')).status).toBe(404);
    expect((await upgrade('/ws', '')).status).toBe(401);
    expect((await upgrade('/ws', 'X-Api-Key: sk_bad\r\n')).status).toBe(401);
    expect((await upgrade('/ws?api_key=eyJ.a.b', '')).status).toBe(401);
    expect((await upgrade('/ws?api_key=sk_other')).status).toBe(400);
    expect((await upgrade('/ws?api_key=sk_good&api_key=sk_good', '')).status).toBe(400);
  });

  test('with a key, in a header or in the query, is served', async () => {
    for (const [target, headers] of [
      ['/ws?asked=this', 'X-Api-Key: sk_good\r\n'],
      ['/ws?asked=this', 'Authorization: Bearer sk_good\r\n'],
      ['/ws?asked=this&api_key=sk_good', ''],
    ]) {
      const { status, body } = await upgrade(String(target), headers);
      expect(status).toBe(101);
      expect(body).toContain('{"asked":"this"}');
    }
  });
});
