/** One message of the PostgreSQL protocol, version 3: a type letter and its body. */
export type Message = { type: string; body: Buffer };

const PROTOCOL_3 = 196_608;

/** Cuts a byte stream into messages. It reads on only when the next one is asked for, so a slow reader slows the server. */
export async function* readMessages(source: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let start = 0;
    while (pending.length - start >= 5) {
      const end = start + 1 + pending.readUInt32BE(start + 1);
      if (pending.length < end) break;
      yield { type: String.fromCharCode(pending[start] ?? 0), body: pending.subarray(start + 5, end) };
      start = end;
    }
    pending = pending.subarray(start);
  }
}

/** Encodes a message of the client. */
export function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

/** Encodes the first packet of a connection, the only one without a type. */
export function startupPacket(parameters: Record<string, string>): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  return message('', int32(PROTOCOL_3), ...pairs, '\0');
}

/** Four bytes, big end first. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** An error that the server sent. `code` is its SQLSTATE. */
export class ServerError extends Error {
  readonly code: string;

  constructor(body: Buffer) {
    const fields = Object.fromEntries(
      body
        .toString()
        .split('\0')
        .filter((field) => field !== '')
        .map((field) => [field.slice(0, 1), field.slice(1)]),
    );
    super(fields['M'] ?? 'The database refused without a reason.');
    this.name = 'ServerError';
    this.code = fields['C'] ?? 'XX000';
  }
}
