import { BlockList, isIP } from 'node:net';
import { plainAddress } from '../../../kernel/network-address.ts';

/*
 * Which addresses a key may be used from: networks in CIDR notation, or single addresses. An IPv4 address that arrives
 * mapped into IPv6 (`::ffff:192.0.2.1`, what a dual-stack socket reports) is the IPv4 address.
 */

type Network = { address: string; bits: number; family: 'ipv4' | 'ipv6' };

/** Lists are read at each use of a key. */
export const MOST_NETWORKS = 50;

function parseNetwork(text: string): Network | null {
  const [address = '', bits, ...rest] = text.trim().split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%')) return null;
  const width = family === 4 ? 32 : 128;
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > width)) return null;
  const length = bits === undefined ? width : Number(bits);
  const plain = plainAddress(address);
  if (plain !== address) return length < 96 ? null : { address: plain, bits: length - 96, family: 'ipv4' };
  return { address, bits: length, family: family === 4 ? 'ipv4' : 'ipv6' };
}

/** Writes a network as it is kept, `192.0.2.0/24`; null for what is none. */
export function canonicalNetwork(text: string): string | null {
  const network = parseNetwork(text);
  return network && `${network.address.toLowerCase()}/${network.bits}`;
}

/** Tells whether addresses are in any of some networks. */
export class AllowList {
  readonly #networks: readonly Network[];
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    this.#networks = networks.map(parseNetwork).filter((network) => network !== null);
    for (const { address, bits, family } of this.#networks) this.#list.addSubnet(address, bits, family);
  }

  /** An address that is not known is in no network. */
  includes(address: string | null): boolean {
    if (address === null) return false;
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  }

  /** Whether a whole network is within one of these. */
  covers(text: string): boolean {
    const inner = parseNetwork(text);
    if (!inner) return false;
    return this.#networks.some((outer) => {
      if (outer.family !== inner.family || outer.bits > inner.bits) return false;
      const one = new BlockList();
      one.addSubnet(outer.address, outer.bits, outer.family);
      return one.check(inner.address, inner.family);
    });
  }
}
