import { BlockList, isIP, isIPv4 } from 'node:net';

/** What an address is to calls that we make for others: open to all, opened by the operator, or closed. */
export type Verdict = 'public' | 'allowed' | 'refused';

/**
 * Networks of IPv4 that are not the public internet (IANA special-purpose registry, RFC 6890): this network, private,
 * shared, loopback, link-local with the metadata services of clouds, protocol assignments, documentation, 6to4 relays,
 * benchmarks, multicast, reserved and broadcast.
 */
const CLOSED_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Within global unicast (2000::/3): protocol assignments with Teredo and ORCHID, and documentation. */
const CLOSED_V6 = ['2001::/23', '2001:db8::/32', '3fff::/20'];

/** Words for networks in settings. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

const closedV4 = listOf(CLOSED_V4);
const closedV6 = listOf(CLOSED_V6);
const globalV6 = listOf(['2000::/3']);

/** Which addresses calls may go to. Everything that is not public is closed unless the operator opens it. */
export class AddressRules {
  readonly #opened: BlockList;

  /** @param opened networks (`10.0.0.0/8`), single addresses, or `loopback`, `linklocal`, `uniquelocal` */
  constructor(opened: readonly string[] = []) {
    this.#opened = listOf(opened.flatMap((network) => NAMED[network] ?? [network]));
  }

  /** Judges an address as the system's resolver or a URL writes it. Whatever is not an address is refused. */
  judge(address: string): Verdict {
    const bytes = bytesOf(address);
    if (bytes === null) return 'refused';
    const carried = embeddedV4(bytes);
    if (carried !== null) return this.#judgeV4(carried);
    if (bytes.length === 4) return this.#judgeV4(address);
    if (this.#opened.check(address, 'ipv6')) return 'allowed';
    return globalV6.check(address, 'ipv6') && !closedV6.check(address, 'ipv6') ? 'public' : 'refused';
  }

  #judgeV4(address: string): Verdict {
    if (this.#opened.check(address, 'ipv4')) return 'allowed';
    return closedV4.check(address, 'ipv4') ? 'refused' : 'public';
  }
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family);
  }
  return list;
}

/** The bytes of an address, 4 or 16; null for anything else, addresses with a zone (`%eth0`) included. */
function bytesOf(address: string): number[] | null {
  if (isIPv4(address)) return address.split('.').map(Number);
  if (isIP(address) !== 6 || address.includes('%')) return null;
  // The URL parser writes an address of version 6 in one form: hexadecimal groups, the longest run of zeros left out.
  const [head = '', tail] = (URL.parse(`http://[${address}]`)?.hostname ?? '').slice(1, -1).split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}

const groupsOf = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

/** Prefixes of version 6 whose addresses lead to one of version 4, and where in them that one begins. */
const CARRIERS: readonly { prefix: readonly number[]; at: number }[] = [
  { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], at: 12 }, // Mapped, RFC 4291.
  { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], at: 12 }, // Translated, RFC 7915.
  { prefix: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], at: 12 }, // NAT64, RFC 6052.
  { prefix: [0x20, 0x02], at: 2 }, // 6to4, RFC 3056.
];

function embeddedV4(bytes: readonly number[]): string | null {
  if (bytes.length !== 16) return null;
  const carrier = CARRIERS.find(({ prefix }) => prefix.every((byte, index) => bytes[index] === byte));
  return carrier === undefined ? null : bytes.slice(carrier.at, carrier.at + 4).join('.');
}
