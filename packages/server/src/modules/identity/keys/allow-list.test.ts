import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AllowList, canonicalNetwork } from './allow-list.ts';

describe('an allow-list', () => {
  const office = new AllowList(['192.0.2.0/24', '2001:db8::/32', '203.0.113.7']);

  test.each(['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:192.0.2.255', '2001:db8:1::1', '203.0.113.7'])(
    'lets %s in',
    (address) => expect(office.includes(address)).toBe(true),
  );

  test.each(['192.0.3.1', '::ffff:192.0.3.1', '2001:db9::1', '203.0.113.8', '', 'unknown', '192.0.2.1, 192.0.2.2'])(
    'keeps %j out',
    (address) => expect(office.includes(address)).toBe(false),
  );

  test('keeps out who cannot be told', () => {
    expect(office.includes(null)).toBe(false);
  });

  test('ignores the zone of a link-local address', () => {
    expect(new AllowList(['fe80::/10']).includes('fe80::1%eth0')).toBe(true);
  });

  test('covers networks that are wholly within it', () => {
    expect(office.covers('192.0.2.128/25')).toBe(true);
    expect(office.covers('192.0.2.7')).toBe(true);
    expect(office.covers('192.0.2.0/23')).toBe(false);
    expect(office.covers('0.0.0.0/0')).toBe(false);
    expect(office.covers('2001:db8:5::/48')).toBe(true);
  });

  test('that covers a network includes every address of it', () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(octets, fc.nat(32), octets, fc.nat(32), (outer, outerBits, inner, innerBits) => {
        const list = new AllowList([`${outer.join('.')}/${outerBits}`]);
        if (list.covers(`${inner.join('.')}/${innerBits}`)) expect(list.includes(inner.join('.'))).toBe(true);
      }),
    );
  });
});

test.each([
  '10.0.0.0/33',
  '10.0.0/8',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  'example.com',
  '::1/129',
  'fe80::1%eth0',
  '::ffff:192.0.2.0/64',
  '',
])('%j is no network', (text) => expect(canonicalNetwork(text)).toBeNull());

test('a network is kept in one form', () => {
  expect(canonicalNetwork(' 2001:DB8::/32 ')).toBe('2001:db8::/32');
  expect(canonicalNetwork('192.0.2.1')).toBe('192.0.2.1/32');
  expect(canonicalNetwork('::ffff:192.0.2.0/120')).toBe('192.0.2.0/24');
});
