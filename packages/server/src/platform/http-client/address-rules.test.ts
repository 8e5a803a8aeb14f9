import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressRules } from './address-rules.ts';

const rules = new AddressRules();

describe('an address', () => {
  test.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    '%s is public',
    (address) => expect(rules.judge(address)).toBe('public'),
  );

  test.each([
    ['0.0.0.0', 'this network'],
    ['10.1.2.3', 'private'],
    ['100.64.0.1', 'shared by carriers'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'metadata of clouds'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['192.0.0.192', 'metadata of a cloud'],
    ['198.18.0.1', 'benchmarks'],
    ['203.0.113.9', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback, written out'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['2606:4700::1111%eth0', 'a zone has no place in a public address'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata of a cloud'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['2001:db8::1', 'documentation'],
    ['2001::1', 'Teredo'],
    ['100::1', 'discard'],
    ['::ffff:127.0.0.1', 'mapped loopback'],
    ['::ffff:7f00:1', 'mapped loopback in hexadecimal'],
    ['::FFFF:A9FE:A9FE', 'mapped metadata'],
    ['::ffff:0:127.0.0.1', 'translated loopback'],
    ['::127.0.0.1', 'compatible loopback'],
    ['64:ff9b::10.0.0.1', 'NAT64 of a private address'],
    ['64:ff9b:1::1', 'NAT64 of a local prefix'],
    ['2002:7f00:1::', '6to4 of loopback'],
    ['2002:a9fe:a9fe::1', '6to4 of the metadata'],
    ['example.com', 'a name'],
    ['', 'nothing'],
    ['127.1', 'not in full'],
  ])('%s is refused: %s', (address) => {
    expect(rules.judge(address)).toBe('refused');
  });

  test('of version 4 is judged the same in every form that version 6 gives it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const verdict = rules.judge(address);
        for (const prefix of ['::ffff:', '0:0:0:0:0:ffff:', '64:ff9b::', '::ffff:0:'])
          expect([prefix + address, rules.judge(prefix + address)]).toEqual([prefix + address, verdict]);
      }),
    );
  });

  test('of any text is judged without a fault', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV6()), (text) => void rules.judge(text)));
  });
});

describe('what the operator opens', () => {
  test('is allowed, in every form, and nothing beside it', () => {
    const opened = new AddressRules(['10.1.0.0/16', 'fd00::/8', '192.168.7.7']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1', '192.168.7.7'])
      expect(opened.judge(address)).toBe('allowed');
    for (const address of ['10.2.0.1', '127.0.0.1', 'fc00::1', '192.168.7.8', '::1'])
      expect(opened.judge(address)).toBe('refused');
    expect(opened.judge('8.8.8.8')).toBe('public');
  });

  test('can be said in words', () => {
    expect(new AddressRules(['loopback']).judge('::1')).toBe('allowed');
    expect(new AddressRules(['linklocal']).judge('169.254.169.254')).toBe('allowed');
    expect(new AddressRules(['uniquelocal']).judge('10.0.0.1')).toBe('allowed');
    expect(new AddressRules(['uniquelocal']).judge('127.0.0.1')).toBe('refused');
  });
});
