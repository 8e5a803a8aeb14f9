import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityService, pathOf } from '@assay/contract/grpc';
import { credentials } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { GrpcClient, grpcAddressOf, refusalOf } from './harness/grpc-client.ts';
import { Server } from './harness/server.ts';

/* gRPC over TLS, and what reaches it that is no gRPC. */
const folder = await mkdtemp(join(tmpdir(), 'assay-tls-'));
afterAll(() => rm(folder, { recursive: true }));
const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
execFileSync(
  'openssl',
  [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-subj', '/CN=assay', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ],
  { stdio: 'ignore' },
);
const server = await Server.start({
  args: ['--role', 'api'],
  env: { ASSAY_HOST: '0.0.0.0', ASSAY_GRPC_TLS_CERT_FILE: cert, ASSAY_GRPC_TLS_KEY_FILE: key },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const address = await grpcAddressOf(server);
const withKey = { 'x-api-key': server.credentials.apiKey };
const { me } = IdentityService.method;
const roots = await readFile(cert);

test('a client that knows the certificate is served, also where other machines reach the port', async () => {
  using client = new GrpcClient(address, withKey, credentials.createSsl(roots));
  expect((await client.call(me, {})).message.principal?.kind).toBe('api_key');
});

test('a client that speaks in plain text, or does not know the certificate, is not', async () => {
  for (const channel of [credentials.createInsecure(), credentials.createSsl()]) {
    using client = new GrpcClient(address, withKey, channel);
    expect((await refusalOf(client.call(me, {}, {}, { deadline: Date.now() + 3_000 }))).code).toBe(14);
  }
});

type Sent = { headers: Record<string, string>; body?: Uint8Array };

/** Sends HTTP/2 as it is, and gives what comes back. */
async function raw({ headers, body = new Uint8Array() }: Sent): Promise<Record<string, unknown>> {
  const session = connect(`https://${address}`, { ca: roots });
  try {
    const stream = session.request({ ':method': 'POST', ...headers });
    const answered: Record<string, unknown> = {};
    stream.on('response', (received) => Object.assign(answered, received));
    stream.on('trailers', (received) => Object.assign(answered, received));
    stream.on('error', () => {});
    stream.resume().end(body);
    await new Promise((resolve) => stream.once('close', resolve));
    return answered;
  } finally {
    session.destroy();
  }
}

const grpc = { ':path': pathOf(me), 'content-type': 'application/grpc', te: 'trailers' };
const FRAME = new Uint8Array(5);

test.each([
  ['a request of a browser', { headers: { ':path': '/', 'content-type': 'text/html' } }, { ':status': 415 }],
  [
    'a method that there is not',
    { headers: { ...grpc, ':path': '/assay.v1.IdentityService/You' } },
    { 'grpc-status': '12' },
  ],
  ['a path that is none', { headers: { ...grpc, ':path': '/../%00//' }, body: FRAME }, { 'grpc-status': '12' }],
  ['no message', { headers: grpc }, { 'grpc-status': '12' }],
  ['two messages', { headers: { ...grpc, ...withKey }, body: new Uint8Array(10) }, { 'grpc-status': '12' }],
  [
    'a message longer than any',
    { headers: grpc, body: Uint8Array.from([0, 255, 255, 255, 255]) },
    { 'grpc-status': '8' },
  ],
  [
    'an encoding that is not spoken',
    { headers: { ...grpc, 'grpc-encoding': 'brotli' }, body: Uint8Array.from([1, 0, 0, 0, 0]) },
    { 'grpc-status': '12' },
  ],
  [
    'binary metadata that is none',
    { headers: { ...grpc, ...withKey, 'x-odd-bin': '%%%' }, body: FRAME },
    { 'grpc-status': '0' },
  ],
] as [string, Sent, Record<string, unknown>][])('%s is answered as gRPC has it', async (_, sent, answer) => {
  expect(await raw(sent)).toMatchObject(answer);
});

test('after all of this it works', async () => {
  expect(server.stderr).not.toContain('"level":"error"');
  using client = new GrpcClient(address, withKey, credentials.createSsl(roots));
  expect((await client.call(me, {})).message.principal?.kind).toBe('api_key');
});
