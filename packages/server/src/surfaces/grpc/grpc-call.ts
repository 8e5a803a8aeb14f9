import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Metadata, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../../platform/operation.ts';
import { HttpCall } from '../http/http-call.ts';
import type { TrustedProxies } from '../http/trusted-proxies.ts';

/** A call as the gRPC library hands it over. Messages are bytes on both sides: this surface reads and writes them. */
export type GrpcCall = ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Metadata as the headers that they are on the wire. Cookies are for browsers, and left out. */
export function headersOf(metadata: Metadata): IncomingHttpHeaders {
  const names = Object.keys(metadata.getMap()).filter((name) => name !== 'cookie');
  return Object.fromEntries(
    names.map((name): [string, string | string[]] => {
      const values = metadata.get(name).map(String);
      return [name, values.length === 1 ? String(values[0]) : values];
    }),
  );
}

/** The call behind an RPC. Its signal fires when the caller leaves, cancels, or has set a deadline that is over. */
export function callOf(grpc: GrpcCall, headers: IncomingHttpHeaders, proxies: TrustedProxies): HttpCall {
  const remoteAddress = addressOf(grpc.getPeer());
  return new HttpCall({
    headers,
    address: proxies.addressOf({ headers, socket: { remoteAddress } as IncomingMessage['socket'] }),
    via: 'grpc',
    onGone: (listener) => void (grpc.cancelled ? listener() : grpc.once('cancelled', listener)),
  });
}

/** The address of a peer, `address:port`: the address may have colons of its own. */
const addressOf = (peer: string): string | undefined => /^(.+):\d+$/.exec(peer)?.[1];

/**
 * Reads `idempotency-key`. What it is bound to is the request as it was understood.
 * @throws AppError `invalid` when the key has an impossible form
 */
export function idempotencyOf(
  headers: IncomingHttpHeaders,
  path: string,
  request: () => Uint8Array,
): Call['idempotency'] {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key)) {
    const message = 'idempotency-key must be 1 to 255 visible ASCII characters, sent once.';
    throw new AppError('invalid', 'idempotency.key_invalid', message, {
      faults: [{ field: 'idempotency-key', constraint: 'format', message: '1 to 255 visible ASCII characters.' }],
    });
  }
  return { key, inputHash: createHash('sha256').update(path).update('\0').update(request()).digest() };
}
