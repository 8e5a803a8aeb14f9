import { once } from 'node:events';
import { connect } from 'node:http2';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  EventService,
  IdentityService,
  pathOf,
  RetryInfoSchema,
} from '@assay/contract/grpc';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { status as Code, type ServiceError } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeKit, fakeKit } from '../../../test/fakes/http-kit.ts';
import { GrpcCaller, refusalOf, statusOf } from '../../../test/grpc-caller.ts';
import { until } from '../../../test/until.ts';
import { AppError } from '../../kernel/errors.ts';
import type { HttpCall } from '../http/http-call.ts';
import { GrpcApp } from './grpc-app.ts';
import { type Handlers, RpcSurface } from './rpc-surface.ts';

const { me } = IdentityService.method;
const { subscribe } = EventService.method;
const withKey = { metadata: { 'x-api-key': 'sk_good' } };
const STOP_MS = 300;

let fake: FakeKit;
let app: GrpcApp;
let surface: RpcSurface;
let port: number;
let caller: GrpcCaller;
/** What each method does; calls are written down. */
let onMe: Handlers<typeof IdentityService>['me'];
let onSubscribe: Handlers<typeof EventService>['subscribe'];
let calls: HttpCall[];

beforeEach(async () => {
  fake = fakeKit();
  calls = [];
  onMe = async () => ({ principal: { id: 'p' } });
  app = new GrpcApp({ tls: null, stopMs: STOP_MS, log: pino({ level: 'silent' }) });
  surface = new RpcSurface(app.server, fake.kit);
  surface.serve(IdentityService, 'control', {
    listOrganizations: async () => ({}),
    listPermissions: async () => ({}),
    me: async (request, call, metadata) => {
      calls.push(call);
      return onMe(request, call, metadata);
    },
  });
  surface.serve(EventService, 'control', {
    subscribe: (request, call, metadata) => {
      calls.push(call);
      return onSubscribe(request, call, metadata);
    },
  });
  app.onStop = async () => surface.endStreams();
  port = await app.listen('127.0.0.1', 0);
  caller = new GrpcCaller(port);
});
afterEach(async () => {
  caller[Symbol.dispose]();
  await app[Symbol.asyncDispose]();
});

/** A handler that says that it has begun, and then waits for its signal. */
function waiting(): { began: Promise<HttpCall>; wait(call: HttpCall): Promise<void> } {
  const { promise: began, resolve } = Promise.withResolvers<HttpCall>();
  return {
    began,
    async wait(call) {
      const gone = once(call.signal, 'abort');
      resolve(call);
      await gone;
    },
  };
}

describe('a call', () => {
  test('is answered with its request id before the message, and the rate limit behind it', async () => {
    const { message, initial, trailers } = await caller.call(
      me,
      {},
      {
        metadata: { ...withKey.metadata, 'x-request-id': 'mine' },
      },
    );
    expect(message.principal?.id).toBe('p');
    expect(initial.get('x-request-id')).toEqual(['mine']);
    expect(trailers.getMap()).toMatchObject({ 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '7' });
    expect(trailers.get('ratelimit')).toHaveLength(1);
  });

  test('is made for the principal, over gRPC, with its trace, from its address', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await caller.call(me, {}, { metadata: { authorization: 'Bearer sk_good', traceparent } });
    expect(calls[0]).toMatchObject({
      principal: fake.principal,
      via: 'grpc',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      address: '127.0.0.1',
    });
  });

  test.each([
    ['without a credential', {}, Code.UNAUTHENTICATED, 'credential.missing'],
    ['with one that is not valid', { 'x-api-key': 'sk_bad' }, Code.UNAUTHENTICATED, 'credential.invalid'],
    [
      'with two different ones',
      { 'x-api-key': 'sk_good', authorization: 'Bearer sk_other' },
      Code.INVALID_ARGUMENT,
      'credential.ambiguous',
    ],
    ['with a cookie only', { cookie: 'wos_session=ws_x' }, Code.UNAUTHENTICATED, 'credential.missing'],
    [
      'with an idempotency key of an impossible form',
      { 'x-api-key': 'sk_good', 'idempotency-key': 'a b' },
      Code.INVALID_ARGUMENT,
      'idempotency.key_invalid',
    ],
  ])('%s is refused, and does not begin', async (_, metadata, code, reason) => {
    const refusal = await refusalOf(caller.call(me, {}, { metadata: metadata as Record<string, string> }));
    expect(refusal.code).toBe(code);
    expect(reasonOf(refusal)).toBe(reason);
    expect(calls).toEqual([]);
  });

  test('with the same idempotency key is the same request only when it is the same method and message', async () => {
    const metadata = { ...withKey.metadata, 'idempotency-key': 'once' };
    await caller.call(me, {}, { metadata });
    await caller.call(me, {}, { metadata });
    onSubscribe = async function* () {};
    await caller
      .stream(subscribe, {}, { metadata })
      .on('data', () => {})
      .toArray();
    expect(calls[0]?.idempotency).toEqual(calls[1]?.idempotency);
    expect(calls[0]?.idempotency).toMatchObject({ key: 'once' });
    expect(calls[2]?.idempotency).toMatchObject({ key: 'once' });
    expect(calls[2]?.idempotency).not.toEqual(calls[0]?.idempotency);
  });

  test('whose message is none of ours is refused as such', async () => {
    const refusal = await refusalOf(
      caller.bytes('/assay.v1.EventService/Subscribe', Buffer.from([0x0f, 0xff]), withKey),
    );
    expect(refusal.code).toBe(Code.INVALID_ARGUMENT);
    expect(reasonOf(refusal)).toBe('message.malformed');
  });

  test('that fails by a fault of ours says nothing of it, and the log says all, by the request id', async () => {
    onMe = () => Promise.reject(new Error('hunter2'));
    const refusal = await refusalOf(caller.call(me, {}, { metadata: { ...withKey.metadata, 'x-request-id': 'mine' } }));
    expect(refusal.code).toBe(Code.INTERNAL);
    expect(JSON.stringify([refusal.details, statusOf(refusal)])).not.toContain('hunter2');
    expect(fake.logged).toMatchObject([{ request_id: 'mine', err: { message: 'hunter2' } }]);
  });

  test('that is refused says why in gRPC, and in details what a machine needs', async () => {
    const faults = [{ field: 'evaluation.code', constraint: 'required', message: 'Code is missing' }];
    onMe = () =>
      Promise.reject(new AppError('invalid', 'request.invalid', 'No 😀 code', { faults, retryAfterMs: 1_500 }));
    const refusal = await refusalOf(caller.call(me, {}, withKey));
    expect(refusal).toMatchObject({ code: Code.INVALID_ARGUMENT, details: 'No 😀 code' });
    const details = statusOf(refusal).details;
    expect(details.map((any) => anyUnpack(any, BadRequestSchema)).find(Boolean)).toMatchObject({
      fieldViolations: [{ field: 'evaluation.code', description: 'Code is missing' }],
    });
    expect(details.map((any) => anyUnpack(any, RetryInfoSchema)).find(Boolean)).toMatchObject({
      retryDelay: { seconds: 1n, nanos: 500_000_000 },
    });
    expect(refusal.metadata.get('x-ratelimit-limit')).toEqual(['10']);
    expect(refusal.metadata.get('x-request-id')).toHaveLength(1);
  });

  test('is answered whatever its refusal is made of: half characters, and more than trailers can hold', async () => {
    const long = { field: 'f'.repeat(10_000), constraint: 'x', message: '\ud800'.repeat(10_000) };
    const faults = Array.from({ length: 500 }, () => long);
    onMe = () => Promise.reject(new AppError('invalid', 'request.invalid', '\udfff%\n'.repeat(9_000), { faults }));
    const refusal = await refusalOf(caller.call(me, {}, withKey));
    expect(refusal.code).toBe(Code.INVALID_ARGUMENT);
    expect(refusal.details.length).toBeLessThan(1_100);
  });

  test('whose answer is larger than a message may be is refused, and not by the library', async () => {
    onMe = async () => ({ principal: { id: 'x'.repeat(5 << 20) } });
    const refusal = await refusalOf(caller.call(me, {}, withKey));
    expect(reasonOf(refusal)).toBe('message.too_large');
  });

  test('larger than 4 MiB is refused', async () => {
    const bytes = Buffer.alloc((4 << 20) + 1);
    const refusal = await refusalOf(caller.bytes('/assay.v1.IdentityService/Me', bytes, withKey));
    expect(refusal.code).toBe(Code.RESOURCE_EXHAUSTED);
  });

  test('ends at its deadline, and what it set going learns of it', async () => {
    const { began, wait } = waiting();
    onMe = async (_request, call) => {
      await wait(call);
      return {};
    };
    const refusal = await refusalOf(caller.call(me, {}, { ...withKey, deadline: Date.now() + 200 }));
    expect(refusal.code).toBe(Code.DEADLINE_EXCEEDED);
    const { signal } = await began;
    await until('the signal fires', () => signal.aborted);
  });

  test('that is cancelled is told to what it set going', async () => {
    const { began, wait } = waiting();
    onMe = async (_request, call) => {
      await wait(call);
      return {};
    };
    const refusal = refusalOf(caller.call(me, {}, withKey, (call) => void began.then(() => call.cancel())));
    expect((await refusal).code).toBe(Code.CANCELLED);
    const { signal } = await began;
    await until('the signal fires', () => signal.aborted);
  });

  test('is counted by method and code', async () => {
    await caller.call(me, {}, withKey);
    await refusalOf(caller.call(me, {}));
    const { values } = await fake.kit.metrics.rpcs.get();
    const counted = values.map(({ labels, value }) => [labels['method'], labels['code'], value]);
    expect(counted).toEqual([
      ['/assay.v1.IdentityService/Me', 'OK', 1],
      ['/assay.v1.IdentityService/Me', 'UNAUTHENTICATED', 1],
    ]);
  });
});

/** Tells nothing, until it is over. */
const silent: Handlers<typeof EventService>['subscribe'] = async function* (_request, { signal }) {
  await once(signal, 'abort');
  yield* [];
};

describe('a stream', () => {
  const endless: typeof onSubscribe = async function* (_request, { signal }) {
    for (let index = 0; !signal.aborted; index++) {
      yield { position: `${index} ${'x'.repeat(10_000)}` };
      await new Promise(setImmediate);
    }
  };

  test('says that it is accepted before there is anything to tell', async () => {
    onSubscribe = silent;
    const stream = caller.stream(subscribe, {}, withKey);
    stream.on('error', () => {});
    const [metadata] = await once(stream, 'metadata');
    expect(metadata.get('x-request-id')).toHaveLength(1);
    stream.cancel();
  });

  test('ends with the credential that opened it, and says so', async () => {
    onSubscribe = endless;
    const stream = caller.stream(subscribe, {}, withKey).resume();
    await until('it is watched', () => fake.watched.size === 1);
    const failed = once(stream, 'error');
    for (const { onEnd } of fake.watched) onEnd(new AppError('unauthenticated', 'credential.invalid', 'Revoked.'));
    expect(((await failed) as [ServiceError])[0]).toMatchObject({ code: Code.UNAUTHENTICATED, details: 'Revoked.' });
    await until('nobody watches it any more', () => fake.watched.size === 0);
  });

  test('whose caller leaves is watched no longer', async () => {
    onSubscribe = endless;
    const stream = caller.stream(subscribe, {}, withKey).resume();
    stream.on('error', () => {});
    await until('it is watched', () => fake.watched.size === 1);
    stream.cancel();
    await until('nobody watches it any more', () => fake.watched.size === 0);
  });

  test('that nobody reads is written no further than its buffers, and goes on when it is read', async () => {
    const TOTAL = 2_000;
    let written = 0;
    onSubscribe = async function* () {
      for (; written < TOTAL; written++) yield { position: 'x'.repeat(10_000) };
    };
    // Bare HTTP/2: the library's client reads on for itself.
    await using session = openSession(port);
    const stream = session.request({
      ':method': 'POST',
      ':path': pathOf(subscribe),
      'content-type': 'application/grpc',
      'x-api-key': 'sk_good',
    });
    stream.end(Buffer.alloc(5));
    await until('it has come to a halt', async () => {
      const before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return before > 0 && before === written;
    });
    expect(written).toBeLessThan(100);
    let received = 0;
    for await (const chunk of stream) received += (chunk as Buffer).length;
    expect(written).toBe(TOTAL);
    expect(received).toBeGreaterThan(TOTAL * 10_000);
  });
});

describe('a stop', () => {
  test('ends streams with a word, lets calls finish that are under way, and takes no new one', async () => {
    onSubscribe = silent;
    const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    onMe = async () => {
      begun.resolve();
      await mayEnd.promise;
      return { principal: { id: 'finished' } };
    };
    const stream = caller.stream(subscribe, {}, withKey);
    const ended = once(stream, 'error');
    const answer = caller.call(me, {}, withKey);
    await begun.promise;
    await until('the stream is open', () => fake.watched.size === 1);
    const stopped = app[Symbol.asyncDispose]();
    expect(((await ended) as [ServiceError])[0]).toMatchObject({ code: Code.UNAVAILABLE });
    using late = new GrpcCaller(1);
    expect((await refusalOf(late.call(me, {}, { ...withKey, deadline: Date.now() + 5_000 }))).code).toBe(
      Code.UNAVAILABLE,
    );
    mayEnd.resolve();
    expect((await answer).message.principal?.id).toBe('finished');
    await stopped;
  });

  test('cuts what is not over in its time', async () => {
    const { began, wait } = waiting();
    onMe = async (_request, call) => {
      await wait(call);
      return {};
    };
    const refusal = refusalOf(caller.call(me, {}, withKey));
    await began;
    const startedAt = performance.now();
    await app[Symbol.asyncDispose]();
    expect(performance.now() - startedAt).toBeGreaterThan(STOP_MS * 0.9);
    expect([Code.UNAVAILABLE, Code.CANCELLED]).toContain((await refusal).code);
  });
});

function openSession(of: number) {
  const session = connect(`http://127.0.0.1:${of}`);
  return Object.assign(session, { [Symbol.asyncDispose]: async () => session.destroy() });
}

function reasonOf(refusal: ServiceError): string | undefined {
  return statusOf(refusal)
    .details.map((any) => anyUnpack(any, ErrorInfoSchema))
    .find(Boolean)?.reason;
}
