import type { Route } from '@assay/contract';
import fastify, { type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type FakeKit, fakeKit } from '../../../test/fakes/http-kit.ts';
import { AppError, type ErrorKind } from '../../kernel/errors.ts';
import { renderError } from '../control/render-error.ts';
import { type Decoded, type Handler, Surface } from './surface.ts';

const BODY_LIMIT = 1_000;
const ok = { 200: { description: 'Yes.' } } as const;
const base = { surface: 'control', operation: 'things.thing.do', summary: 'Do.' } as const;

const routes = {
  get: {
    ...base,
    method: 'GET',
    path: '/things/{id}',
    params: z.object({ id: z.string().max(20) }),
    query: z.object({ limit: z.coerce.number().int().min(1).default(5), since: z.string().optional() }),
    answers: ok,
  },
  make: {
    ...base,
    method: 'POST',
    path: '/things',
    body: z.strictObject({ name: z.string().min(1), size: z.int().optional(), tags: z.array(z.string()).optional() }),
    answers: { 201: { description: 'Made.' }, 503: { description: 'Not now.' } },
  },
  stop: { ...base, method: 'POST', path: '/things/{id}/stop', params: z.object({ id: z.string() }), answers: ok },
  remove: { ...base, method: 'DELETE', path: '/things/{id}', answers: { 204: { description: 'Gone.' } } },
  stream: { ...base, method: 'GET', path: '/stream', answers: ok, streams: true },
  open: { ...base, method: 'GET', path: '/open', answers: ok, isPublic: true },
  health: { ...base, method: 'GET', path: '/health', operation: null, answers: ok, isPublic: true },
} as const satisfies Record<string, Route>;
type Name = keyof typeof routes;

let server: FastifyInstance;
let fake: FakeKit;
/** What each route does, and what it was given. */
let handlers: { [Of in Name]?: Handler<(typeof routes)[Of]> };
let given: { name: Name; decoded: unknown }[];

beforeEach(async () => {
  fake = fakeKit();
  handlers = {};
  given = [];
  server = fastify({ bodyLimit: BODY_LIMIT, exposeHeadRoutes: false });
  await server.register((scope, _options, done) => {
    const surface = new Surface(scope, { name: 'control', renderError, rate: 'control', kit: fake.kit });
    for (const name of Object.keys(routes) as Name[]) {
      surface.serve(routes[name] as Route, async (decoded, call, raw) => {
        given.push({ name, decoded });
        return (handlers[name] as Handler<Route> | undefined)?.(decoded as Decoded<Route>, call, raw) ?? { name };
      });
    }
    server.setNotFoundHandler((request, reply) => surface.notFound(request, reply));
    done();
  });
});
afterEach(() => server.close());

const KEY = { 'x-api-key': 'sk_good' };
const send = (options: InjectOptions): Promise<LightMyRequestResponse> =>
  server.inject({ ...options, headers: { ...KEY, ...options.headers } });
const post = (
  payload: InjectOptions['payload'],
  headers: InjectOptions['headers'] = {},
): Promise<LightMyRequestResponse> =>
  send({
    method: 'POST',
    url: '/things',
    headers: { 'content-type': 'application/json', ...headers },
    payload: payload ?? '',
  });

/** What every refusal must have, whatever it refuses. */
function expectRefusal(
  response: LightMyRequestResponse,
  status: number,
  code: string,
): { message: string; details: object } {
  const body = response.json();
  expect(response.statusCode).toBe(status);
  expect(response.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': body.meta.request_id,
    'x-ratelimit-limit': '10',
    'x-ratelimit-remaining': expect.stringMatching(/^\d+$/),
    'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/),
    'ratelimit-policy': '"control";q=10;w=60',
    ratelimit: expect.stringMatching(/^"control";r=\d+;t=\d+$/),
  });
  expect(body).toMatchObject({
    meta: { status },
    data: null,
    error: { code, message: expect.stringMatching(/\S/), request_id: body.meta.request_id },
  });
  return body.error;
}

describe('an answer', () => {
  test('has the first status that the route declares, and the headers of every answer', async () => {
    const response = await post({ name: 'a' }, { 'x-request-id': 'mine' });
    expect(response.statusCode).toBe(201);
    expect(response.json()).toEqual({ name: 'make' });
    expect(response.headers).toMatchObject({ 'x-request-id': 'mine', 'x-ratelimit-remaining': '7' });
  });

  test('without content is empty', async () => {
    handlers.remove = async () => undefined;
    const response = await send({ method: 'DELETE', url: '/things/1' });
    expect(response.statusCode).toBe(204);
    expect(response.body).toBe('');
  });

  test('says that it is a replay, and how the caller stands after it', async () => {
    handlers.make = async (_decoded, call) => {
      call.notes.replayed = true;
      call.notes.rate = { ...fake.rate, remaining: 1 };
      return {};
    };
    const { headers } = await post({ name: 'a' });
    expect(headers).toMatchObject({ 'idempotent-replayed': 'true', 'x-ratelimit-remaining': '1' });
    handlers.make = async () => ({});
    expect((await post({ name: 'a' })).headers).not.toHaveProperty('idempotent-replayed');
  });

  test('is counted', async () => {
    await post({ name: 'a' });
    await post({});
    const text = await fake.kit.metrics.registry.metrics();
    expect(text).toMatch(/\{surface="control",method="POST",status="201"\} 1/);
    expect(text).toMatch(/\{surface="control",method="POST",status="400"\} 1/);
  });
});

describe('a request', () => {
  test('comes to its route as the schemas understand it', async () => {
    await send({ url: '/things/abc?limit=9&unknown=1' });
    await send({ url: '/things/abc' });
    await post({ name: 'a', tags: [] });
    expect(given.map(({ decoded }) => decoded)).toEqual([
      { params: { id: 'abc' }, query: { limit: 9 }, body: undefined },
      { params: { id: 'abc' }, query: { limit: 5 }, body: undefined },
      { params: undefined, query: undefined, body: { name: 'a', tags: [] } },
    ]);
  });

  test('may name the type of a body that it does not send, where none is asked for', async () => {
    const response = await send({
      method: 'POST',
      url: '/things/1/stop',
      headers: { 'content-type': 'application/json' },
    });
    expect(response.statusCode).toBe(200);
  });

  test('may say the charset of its JSON', async () => {
    expect((await post('{"name":"a"}', { 'content-type': 'application/json; charset=utf-8' })).statusCode).toBe(201);
  });
});

describe('400', () => {
  test.each([
    ['without a field', {}, 'name', 'required', 'Name field is required'],
    ['with a field of another type', { name: 1 }, 'name', 'invalid_type', /^Field name: .*expected string/],
    ['with a field too many', { name: 'a', colour: 'red' }, 'colour', 'unrecognized_keys', /^Field colour: .*colour/],
    ['with a fault within a list', { name: 'a', tags: ['b', 3] }, 'tags.1', 'invalid_type', /^Field tags\.1: /],
    ['of another type', [], 'body', 'invalid_type', /^Field body: .*expected object/],
  ] as [string, object, string, string, string | RegExp][])(
    'answers a body %s',
    async (_name, body, field, constraint, message) => {
      const error = expectRefusal(await post(body), 400, 'validation_failed');
      expect(error.details).toEqual({ fields: [{ field, constraint, message: expect.stringMatching(message) }] });
      expect(given).toEqual([]);
    },
  );

  test('names every fault at once', async () => {
    const { details } = expectRefusal(await post({ name: '', size: 'big', tags: [1, 2] }), 400, 'validation_failed');
    expect((details as { fields: object[] }).fields).toHaveLength(4);
  });

  test.each(['', '{', 'null', '{"name":"a"', '"\\ud800"', '[[['])('answers the body %j', async (payload) => {
    expectRefusal(await post(payload), 400, 'validation_failed');
    expect(given).toEqual([]);
  });

  test('answers a parameter or query that does not fit', async () => {
    expectRefusal(await send({ url: `/things/${'a'.repeat(21)}` }), 400, 'validation_failed');
    for (const limit of ['0', 'x', '', '1.5', '1&limit=2']) {
      expectRefusal(await send({ url: `/things/a?limit=${limit}` }), 400, 'validation_failed');
    }
  });

  test('answers an idempotency key that cannot be one', async () => {
    expectRefusal(await post({ name: 'a' }, { 'idempotency-key': 'a b' }), 400, 'validation_failed');
    expect(given).toEqual([]);
  });

  test('answers a body shorter than it says', async () => {
    expectRefusal(await post('{"name":"a"}', { 'content-length': '500' }), 400, 'validation_failed');
  });

  test('answers two different credentials', async () => {
    const response = await send({ url: '/things/1', headers: { authorization: 'Bearer sk_other' } });
    expectRefusal(response, 400, 'validation_failed');
    expect(fake.asked).toEqual([]);
  });
});

describe('401', () => {
  test('answers who brings no credential, with the way to bring one', async () => {
    const response = await server.inject({ url: '/things/1' });
    const { message } = expectRefusal(response, 401, 'unauthenticated');
    expect(message).toMatch(/`Authorization: Bearer .*`X-API-Key: /);
    expect(response.headers['www-authenticate']).toBe('Bearer realm="assay"');
    expect(given).toEqual([]);
  });

  test('answers a credential that is not valid, on open routes too', async () => {
    for (const url of ['/things/1', '/open']) {
      expectRefusal(await server.inject({ url, headers: { 'x-api-key': 'sk_bad' } }), 401, 'unauthenticated');
    }
    expect(given).toEqual([]);
  });

  test('answers a key in the query, but for a stream that asks for one', async () => {
    const inQuery = (url: string, accept: string) =>
      server.inject({ url: `${url}?api_key=sk_good`, headers: { accept } });
    expectRefusal(await inQuery('/things/1', 'text/event-stream'), 401, 'unauthenticated');
    expectRefusal(await inQuery('/stream', 'application/json'), 401, 'unauthenticated');
    expectRefusal(await inQuery('/open', '*/*'), 401, 'unauthenticated');
    expect(given).toEqual([]);
    expect((await inQuery('/stream', 'text/event-stream')).statusCode).toBe(200);
  });

  test('answers a token in the query of a stream', async () => {
    const response = await server.inject({ url: '/stream?api_key=eyJ.a.b', headers: { accept: 'text/event-stream' } });
    expectRefusal(response, 401, 'unauthenticated');
    expect(fake.asked).toEqual([]);
  });
});

describe('a route that stands for no operation', () => {
  test('asks nobody who the caller is, whatever credential comes along', async () => {
    for (const headers of [{}, KEY, { 'x-api-key': 'sk_bad' }, { authorization: 'Basic x' }]) {
      expect((await server.inject({ url: '/health', headers })).statusCode).toBe(200);
    }
    expect(fake.asked).toEqual([]);
  });
});

describe('404', () => {
  test.each([
    ['GET', '/nothing'],
    ['GET', '/'],
    ['DELETE', '/things'],
    ['PUT', '/things/1'],
    ['HEAD', '/health'],
    ['OPTIONS', '/things'],
  ] as const)('answers %s %s in the shape of the surface', async (method, url) => {
    const response = await send({ method, url });
    if (method === 'HEAD') expect(response.statusCode).toBe(404);
    else expect(expectRefusal(response, 404, 'not_found').message).toBe(`There is nothing at ${method} ${url}.`);
  });

  test('says nothing back of the query, where a key may be', async () => {
    const response = await send({ url: '/nothing?api_key=sk_secret' });
    expectRefusal(response, 404, 'not_found');
    expect(response.body).not.toContain('sk_secret');
  });
});

describe('413 and 415', () => {
  test('answer a body that is too large, said or found out', async () => {
    const large = JSON.stringify({ name: 'a'.repeat(BODY_LIMIT) });
    const { message } = expectRefusal(await post(large), 413, 'payload_too_large');
    expect(message).toMatch(/larger than/);
    expect(given).toEqual([]);
  });

  test.each(['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/jsonp', 'nonsense'])(
    'answer a body of the type %s',
    async (type) => {
      expectRefusal(await post('{"name":"a"}', { 'content-type': type }), 415, 'unsupported_media_type');
      expect(given).toEqual([]);
    },
  );
});

describe('what a handler throws', () => {
  const throwing = (thrown: unknown): void => {
    handlers.get = () => Promise.reject(thrown);
  };

  test.each([
    ['denied', 403, 'permission_denied'],
    ['not_found', 404, 'not_found'],
    ['conflict', 409, 'conflict'],
    ['precondition', 412, 'precondition_failed'],
    ['billing', 423, 'billing_inactive'],
    ['over_budget', 402, 'budget_exceeded'],
    ['unimplemented', 501, 'unimplemented'],
    ['deadline', 503, 'deadline_exceeded'],
  ] as [ErrorKind, number, string][])('of the kind %s answers %i with its own words', async (kind, status, code) => {
    throwing(new AppError(kind, 'thing.refused', 'Not like this. Try that.'));
    expect(expectRefusal(await send({ url: '/things/1' }), status, code).message).toBe('Not like this. Try that.');
    expect(fake.logged).toEqual([]);
  });

  test('for too many requests answers 429, with how the caller stands and when to come back', async () => {
    handlers.get = async (_decoded, call) => {
      call.notes.rate = { ...fake.rate, remaining: 0 };
      throw new AppError('rate_limited', 'rate.limited', 'Slow down.', { retryAfterMs: 29_500 });
    };
    const response = await send({ url: '/things/1' });
    expectRefusal(response, 429, 'rate_limited');
    expect(response.headers).toMatchObject({ 'retry-after': '30', 'x-ratelimit-remaining': '0' });
  });

  test('for want of a part answers 503 with when to come back', async () => {
    throwing(new AppError('unavailable', 'database.unavailable', 'Not now.', { retryAfterMs: 1_000 }));
    const response = await send({ url: '/things/1' });
    expectRefusal(response, 503, 'unavailable');
    expect(response.headers['retry-after']).toBe('1');
  });

  test.each([
    ['an error', new Error('connect to postgres://owner:hunter2@db failed')],
    ['a type error', new TypeError('hunter2 is not a function')],
    ['an error with a status of its own', Object.assign(new Error('hunter2'), { statusCode: 500 })],
    ['a database error', Object.assign(new Error('hunter2'), { code: '42P01', detail: 'hunter2' })],
    [
      'an internal refusal',
      new AppError('internal', 'internal.x', 'Something went wrong.', { cause: new Error('hunter2') }),
    ],
    ['a text', 'hunter2'],
  ])(
    'that is %s answers 500, says nothing of it, and logs it once with the id of the request',
    async (_name, thrown) => {
      throwing(thrown);
      const response = await send({ url: '/things/1?secret=query', headers: { 'x-request-id': 'find-me' } });
      const { message } = expectRefusal(response, 500, 'internal');
      expect(response.body).not.toContain('hunter2');
      expect(message).toMatch(/Something went wrong/);
      expect(fake.logged).toHaveLength(1);
      expect(fake.logged[0]).toMatchObject({ request_id: 'find-me', path: '/things/1' });
      expect(JSON.stringify(fake.logged[0])).toContain('hunter2');
    },
  );
});
