import { EventEmitter } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../kernel/errors.ts';
import { callOf as callThrough, idempotencyOf } from './http-call.ts';
import { TrustedProxies } from './trusted-proxies.ts';

const callOf = (request: FastifyRequest, reply: FastifyReply) => callThrough(request, reply, new TrustedProxies([]));

/** A request with these headers, and the connection that its answer goes to. */
function exchange(headers: Record<string, string | string[]> = {}, more: object = {}) {
  const raw = Object.assign(new EventEmitter(), { destroyed: false });
  const request = {
    headers,
    raw: { headers, socket: { remoteAddress: '203.0.113.7' } },
    method: 'POST',
    url: '/v1/things',
    ...more,
  } as unknown as FastifyRequest;
  const leave = (): void => {
    raw.destroyed = true;
    raw.emit('close');
  };
  return { request, reply: { raw } as unknown as FastifyReply, leave, listeners: () => raw.listenerCount('close') };
}

const requestIdOf = (id: string | string[]): string => {
  const { request, reply } = exchange({ 'x-request-id': id });
  return callOf(request, reply).requestId;
};

describe('the id of a request', () => {
  test.each(['abc', 'a'.repeat(128), '2f3c1a4e-8f0b-4c5d-9e6f-0123456789ab', 'a.b:c@d/e+f=g-h_i'])(
    'is what the caller says: %s',
    (id) => {
      expect(requestIdOf(id)).toBe(id);
    },
  );

  test.each(['', 'a'.repeat(129), 'a b', 'a\nb', 'ü', '<script>', 'a"b', ['a', 'b'], 'a\0b'])(
    'is made where the caller says %j',
    (id) => {
      expect(requestIdOf(id)).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});

describe('a call', () => {
  test('knows from where and through which door it came, and nobody yet', () => {
    const { request, reply } = exchange({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
    expect(callOf(request, reply)).toMatchObject({
      address: '203.0.113.7',
      via: 'http',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      principal: { kind: 'anonymous' },
      idempotency: null,
      notes: { rate: null, replayed: false },
    });
  });

  test('is aborted when the caller leaves', () => {
    const { request, reply, leave } = exchange();
    const { signal } = callOf(request, reply);
    expect(signal.aborted).toBe(false);
    leave();
    expect(signal.aborted).toBe(true);
  });

  test('is aborted at once when the caller had left before anybody asked', () => {
    const { request, reply, leave } = exchange();
    const call = callOf(request, reply);
    leave();
    expect(call.signal.aborted).toBe(true);
  });

  test('watches the connection once, and only when somebody asks', () => {
    const { request, reply, listeners } = exchange();
    const call = callOf(request, reply);
    expect(listeners()).toBe(0);
    expect(call.signal).toBe(call.signal);
    expect(listeners()).toBe(1);
  });
});

describe('an idempotency key', () => {
  const keyOf = (key: string | string[] | undefined, more: object = {}): unknown => {
    const { request } = exchange(key === undefined ? {} : { 'idempotency-key': key }, more);
    try {
      return idempotencyOf(request, { a: 1 })?.key ?? null;
    } catch (error) {
      return error instanceof AppError ? error.code : 'a bug';
    }
  };

  test.each(['k', '~!@#$%^&*()', 'a'.repeat(255), '2f3c1a4e-8f0b-4c5d-9e6f-0123456789ab'])('may be %s', (key) => {
    expect(keyOf(key)).toBe(key);
  });

  test.each(['', ' ', 'a b', 'a\tb', 'ü', 'a'.repeat(256), 'a\0', ['a', 'b']])('may not be %j', (key) => {
    expect(keyOf(key)).toBe('idempotency.key_invalid');
  });

  test('is none where none was sent, and means nothing for what only reads', () => {
    expect(keyOf(undefined)).toBeNull();
    expect(keyOf('k', { method: 'GET' })).toBeNull();
  });

  test('is bound to the body as it was understood, and to the address', () => {
    const hashOf = (input: unknown, url = '/v1/things'): string => {
      const { request } = exchange({ 'idempotency-key': 'k' }, { url });
      return idempotencyOf(request, input)?.inputHash.toString('hex') ?? '';
    };
    expect(hashOf({ a: 1 })).toBe(hashOf({ a: 1 }));
    expect(hashOf(undefined)).toHaveLength(64);
    const all = [hashOf({ a: 1 }), hashOf({ a: 2 }), hashOf(undefined), hashOf({ a: 1 }, '/v1/others')];
    expect(new Set(all).size).toBe(all.length);
  });
});
