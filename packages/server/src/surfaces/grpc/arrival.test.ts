import { connect } from 'node:http2';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { boundedArrival } from './arrival.ts';

const asIs = (bytes: Buffer): Buffer => bytes;
const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, answer) => answer(null, request);
const server = new Server({ interceptors: [boundedArrival(100)] });
server.register('/a.B/Echo', echo, asIs, asIs, 'unary');
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
    error ? reject(error) : resolve(bound),
  );
});
afterAll(() => server.forceShutdown());

/** Begins a call, sends these bytes of its message and no end, and gives how the server answers. */
async function statusAfter(bytes: Uint8Array): Promise<unknown> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({ ':method': 'POST', ':path': '/a.B/Echo', 'content-type': 'application/grpc' });
    stream.resume().write(bytes);
    return await new Promise((resolve, reject) => {
      const answer = (headers: Record<string, unknown>): void => {
        if ('grpc-status' in headers) resolve(headers['grpc-status']);
      };
      stream.on('response', answer).on('trailers', answer).on('error', reject);
    });
  } finally {
    session.destroy();
  }
}

test('a request that stops in the middle ends its call', async () => {
  expect(await statusAfter(Uint8Array.from([0, 0, 0, 0, 9, 1, 2]))).toBe('4');
});

test('a request that is whole and does not say that it ends, ends its call', async () => {
  expect(await statusAfter(new Uint8Array(5))).toBe('4');
});

test('a request that has not even begun ends its call', async () => {
  expect(await statusAfter(new Uint8Array(1))).toBe('4');
});
