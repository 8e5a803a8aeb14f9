import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { plainAddress } from '../../kernel/network-address.ts';

/** Networks that may be named instead of written out. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** An address as a proxy may write it: bare, or with the port of the connection. */
const WITH_PORT = /^(?:\[([^\]]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$/;

/** The proxies whose `X-Forwarded-For` is believed: none unless configured. */
export class TrustedProxies {
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    for (const network of networks.flatMap((name) => NAMED[name] ?? [name])) {
      const [address = '', bits] = network.split('/');
      const isV4 = isIP(address) === 4;
      this.#list.addSubnet(address, bits === undefined ? (isV4 ? 32 : 128) : Number(bits), isV4 ? 'ipv4' : 'ipv6');
    }
  }

  trusts(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  }

  /**
   * Where a request comes from. Every proxy appends the address it was called from, so the list is read from its end,
   * as long as proxies of ours speak; what is left of the first stranger is the stranger's to invent.
   */
  addressOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string | null {
    const peer = request.socket.remoteAddress;
    if (peer === undefined) return null;
    let address = plainAddress(peer);
    const forwarded = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',');
    while (hops.length > 0 && this.trusts(address)) {
      const said = readAddress(hops.pop() ?? '');
      // A proxy that names no address ends what can be known.
      if (said === null) return address;
      address = said;
    }
    return address;
  }
}

function readAddress(text: string): string | null {
  const trimmed = text.trim();
  const [, v6, v4] = WITH_PORT.exec(trimmed) ?? [];
  const plain = plainAddress(v6 ?? v4 ?? trimmed);
  return isIP(plain) === 0 ? null : plain;
}
