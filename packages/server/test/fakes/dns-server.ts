import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import type { Resolve } from '../../src/platform/http-client/index.ts';

const TYPE_A = 1;
const HEADER_BYTES = 12;

/** A name server on loopback: each question is answered by the next list of addresses, the last one from then on. */
export type DnsServer = AsyncDisposable & {
  /** Asks this server, and no cache. */
  resolve: Resolve;
  /** How often it was asked. */
  readonly asked: number;
};

/** @param answers IPv4 addresses, by how often the name was asked for */
export async function dnsServer(answers: readonly (readonly string[])[]): Promise<DnsServer> {
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (query, from) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    socket.send(answerOf(query, addresses), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const resolver = new dns.Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    resolve: async (hostname) => (await resolver.resolve4(hostname)).map((address) => ({ address, family: 4 })),
    get asked() {
      return asked;
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** RFC 1035, section 4: the question again, and a record of type A for each address, which nobody may cache. */
function answerOf(query: Buffer, addresses: readonly string[]): Buffer {
  let end = HEADER_BYTES;
  while (query[end] !== 0) end += (query[end] ?? 0) + 1;
  const question = query.subarray(HEADER_BYTES, end + 5);
  const header = Buffer.from(query.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
    record.writeUInt16BE(TYPE_A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(4, 10);
    Buffer.from(address.split('.').map(Number)).copy(record, 12);
    return record;
  });
  return Buffer.concat([header, question, ...records]);
}
