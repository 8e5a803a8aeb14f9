import type { FastifyReply, FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { assertCanHoldSession, clearSessionCookie, readSessionCookie, setSessionCookie } from './session-cookie.ts';

const requestFrom = (address: string): FastifyRequest => {
  const { protocol, host, hostname } = new URL(address);
  return { protocol: protocol.slice(0, -1), host, hostname } as FastifyRequest;
};

function cookieSetAt(address: string, set: (reply: FastifyReply) => void): string {
  const headers: Record<string, string> = {};
  const reply = {
    request: requestFrom(address),
    header: (name: string, value: string) => {
      headers[name] = value;
    },
  };
  set(reply as unknown as FastifyReply);
  return headers['set-cookie'] ?? '';
}

describe('the session cookie', () => {
  test.each([
    ['a=1; wos_session=ws_x; b=2', 'ws_x'],
    ['wos_session=ws_x', 'ws_x'],
    ['wos_session=ws_x;wos_session=ws_x', 'ws_x'],
    ['wos_session=ws_a=b', 'ws_a=b'],
    ['wos_session=', null],
    ['xwos_session=ws_x; wos_session_2=ws_x', null],
    ['', null],
  ])('is read from %j', (header, value) => {
    expect(readSessionCookie(header)).toBe(value);
  });

  test('that is there twice with two values is refused', () => {
    expect(() => readSessionCookie('wos_session=ws_a; wos_session=ws_b')).toThrow('two session cookies');
  });

  test('is kept from scripts, other sites and plain HTTP', () => {
    const cookie = cookieSetAt('https://assay.example', (reply) => setSessionCookie(reply, 'ws_x', 60));
    expect(cookie).toBe('wos_session=ws_x; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax');
  });

  test.each(['http://localhost:3001', 'http://127.0.0.1:3001', 'http://[::1]:3001'])(
    'may travel in the open at %s, which is this machine',
    (address) => {
      expect(cookieSetAt(address, (reply) => setSessionCookie(reply, 'ws_x', 60))).not.toContain('Secure');
    },
  );

  test('is taken back', () => {
    expect(cookieSetAt('https://assay.example', clearSessionCookie)).toContain('wos_session=; Max-Age=0;');
  });
});

describe('signing in', () => {
  test.each([
    ['https://assay.example', null],
    ['http://localhost:3001', null],
    ['http://assay.example', 'https://assay.example'],
  ])('is possible at %s with the public address %s', (address, publicUrl) => {
    expect(() => assertCanHoldSession(requestFrom(address), publicUrl)).not.toThrow();
  });

  test.each([
    ['http://assay.example', null],
    ['http://assay.example', 'http://assay.example'],
    ['http://127.0.0.1.example', null],
    ['http://10.0.0.7:3001', 'https://assay.example'],
  ])('is refused at %s with the public address %s: the password would travel in the open', (address, publicUrl) => {
    expect(() => assertCanHoldSession(requestFrom(address), publicUrl)).toThrow('needs HTTPS');
  });
});
