import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ScratchDirectory, scratchDirectory } from '../../test/scratch-directory.ts';
import { type GrpcListener, isLoopback, listenForGrpc, planGrpc } from './grpc-listener.ts';

type Settings = Parameters<typeof planGrpc>[0];

const usual: Settings = {
  host: '127.0.0.1',
  grpcPort: 'auto',
  grpcTlsCertFile: null,
  grpcTlsKeyFile: null,
  grpcPlaintext: false,
};

let folder: ScratchDirectory;
let withTls: Pick<Settings, 'grpcTlsCertFile' | 'grpcTlsKeyFile'>;

beforeAll(async () => {
  folder = await scratchDirectory();
  withTls = { grpcTlsCertFile: join(folder.path, 'tls.crt'), grpcTlsKeyFile: join(folder.path, 'tls.key') };
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', '/CN=localhost', '-keyout', String(withTls.grpcTlsKeyFile), '-out', String(withTls.grpcTlsCertFile)],
    ],
    { stdio: 'ignore' },
  );
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('gRPC is planned', () => {
  test('on loopback in plain text', async () => {
    expect(await planGrpc(usual)).toEqual({ host: '127.0.0.1', port: 'auto', tls: null, caution: null });
  });

  test('not at all when it is off', async () => {
    expect(await planGrpc({ ...usual, host: '0.0.0.0', grpcPort: 'off' })).toBeNull();
  });

  test('on loopback only, with a word of caution, where others reach the host and there is no TLS', async () => {
    const plan = await planGrpc({ ...usual, host: '0.0.0.0' });
    expect(plan).toMatchObject({ host: '127.0.0.1', caution: expect.stringContaining('ASSAY_GRPC_TLS_CERT_FILE') });
  });

  test('where others reach it with TLS, or in plain text when somebody said so', async () => {
    expect(await planGrpc({ ...usual, ...withTls, host: '0.0.0.0', grpcPort: 0 })).toMatchObject({
      host: '0.0.0.0',
      tls: { cert: expect.any(Buffer), key: expect.any(Buffer) },
      caution: null,
    });
    const plaintext = await planGrpc({ ...usual, host: '0.0.0.0', grpcPort: 0, grpcPlaintext: true });
    expect(plaintext).toMatchObject({ host: '0.0.0.0', tls: null, caution: null });
  });

  test('not in plain text where others reach a port that was asked for', async () => {
    await expect(planGrpc({ ...usual, host: '0.0.0.0', grpcPort: 4000 })).rejects.toThrow('ASSAY_GRPC_PLAINTEXT');
  });

  test('not with half of what TLS needs, with what is no key, or with a key of another certificate', async () => {
    const wrong = join(folder.path, 'wrong.key');
    await writeFile(wrong, 'not a key');
    const { grpcTlsCertFile } = withTls;
    await expect(planGrpc({ ...usual, grpcTlsCertFile })).rejects.toThrow('ASSAY_GRPC_TLS_KEY_FILE');
    await expect(planGrpc({ ...usual, grpcTlsCertFile, grpcTlsKeyFile: wrong })).rejects.toThrow(wrong);
    await expect(planGrpc({ ...usual, grpcTlsCertFile: '/nowhere', grpcTlsKeyFile: wrong })).rejects.toThrow('ENOENT');
  });

  test('not on a port that was asked for and is taken', async () => {
    await using taken = await occupied();
    await expect(planGrpc({ ...usual, grpcPort: taken.port })).rejects.toThrow('ASSAY_GRPC_PORT');
  });
});

describe('listening', () => {
  const plan = (port: GrpcListener['port']): GrpcListener => ({ host: '127.0.0.1', port, tls: null, caution: null });
  const log = pino({ level: 'silent' });

  test('takes the port that was asked for', async () => {
    const asked: number[] = [];
    const app = { listen: async (_host: string, port: number) => asked.push(port) };
    await listenForGrpc(app, plan(4000), log);
    expect(asked).toEqual([4000]);
  });

  test('takes a free port where the usual one cannot be had', async () => {
    const asked: number[] = [];
    const app = {
      async listen(_host: string, port: number) {
        asked.push(port);
        if (port === 3002) throw new Error('It was taken a moment ago.');
        return 40_000;
      },
    };
    expect(await listenForGrpc(app, plan('auto'), log)).toBe(40_000);
    expect(asked.at(-1)).toBe(0);
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['assay.example', false],
])('%s is loopback: %s', (host, is) => {
  expect(isLoopback(host)).toBe(is);
});

async function occupied(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
