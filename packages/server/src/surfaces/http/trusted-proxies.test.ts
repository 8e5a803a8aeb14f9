import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { TrustedProxies } from './trusted-proxies.ts';

const from = (remoteAddress: string | undefined, forwarded?: string) =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;

describe('the address of a caller', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '2001:db8::1']);

  test.each([
    ['the peer, where no proxy is configured', new TrustedProxies([]), '10.0.0.1', '192.0.2.1', '10.0.0.1'],
    ['the peer, where it is no proxy of ours', proxies, '192.0.2.9', '192.0.2.1', '192.0.2.9'],
    ['what the proxy says', proxies, '10.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['what the proxy says, whatever the caller claimed', proxies, '10.0.0.1', '203.0.113.1, 192.0.2.1', '192.0.2.1'],
    ['behind several proxies', proxies, '10.0.0.1', '192.0.2.1, 10.0.0.2, 2001:db8::1', '192.0.2.1'],
    ['a proxy that asks for itself', proxies, '10.0.0.1', '10.0.0.2', '10.0.0.2'],
    ['without the port', proxies, '10.0.0.1', '192.0.2.1:4711', '192.0.2.1'],
    ['of IPv6, in brackets', proxies, '10.0.0.1', '[2001:db8:1::2]:4711', '2001:db8:1::2'],
    ['of IPv4 on a socket of both', proxies, '::ffff:10.0.0.1', '::ffff:192.0.2.1', '192.0.2.1'],
    ['the proxy, where it names none', proxies, '10.0.0.1', 'unknown', '10.0.0.1'],
    ['the proxy, where nonsense is behind it', proxies, '10.0.0.1', '192.0.2.1, <script>', '10.0.0.1'],
    ['the proxy, where it says nothing', proxies, '10.0.0.1', '', '10.0.0.1'],
  ])('is %s', (_name, trusted, peer, forwarded, expected) => {
    expect(trusted.addressOf(from(peer, forwarded))).toBe(expected);
  });

  test('is nobody’s once the connection has gone', () => {
    expect(proxies.addressOf(from(undefined, '192.0.2.1'))).toBeNull();
  });

  test.each(['127.0.0.1', '::1', '169.254.1.1', '192.168.1.1', 'fd00::1'])(
    '%s has a network that can be named',
    (address) => {
      expect(new TrustedProxies(['loopback', 'linklocal', 'uniquelocal']).trusts(address)).toBe(true);
      expect(new TrustedProxies([]).trusts(address)).toBe(false);
    },
  );
});
