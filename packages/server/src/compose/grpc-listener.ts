import { readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/config.ts';
import type { Log } from '../platform/log.ts';
import { assertFree } from './listening-address.ts';

/** How gRPC is going to be served. */
export type GrpcListener = {
  host: string;
  /** `auto`: the usual one, or a free one where that is taken. */
  port: number | 'auto';
  tls: { cert: Buffer; key: Buffer } | null;
  /** Why it does not listen where it was asked to, and what to do; null when it does. */
  caution: string | null;
};

type GrpcSettings = Pick<Config, 'host' | 'grpcPort' | 'grpcTlsCertFile' | 'grpcTlsKeyFile' | 'grpcPlaintext'>;

const USUAL_PORT = 3002;

/**
 * Decides where and how gRPC listens, and tries it: before a first start makes what is shown only once. Keys do not
 * travel in plain text to other machines unless somebody said so: gRPC then stays on this machine, or, where its port
 * was asked for, the start is refused.
 * @throws Error that says what to do
 */
export async function planGrpc(config: GrpcSettings): Promise<GrpcListener | null> {
  const { host, grpcPort: port } = config;
  if (port === 'off') return null;
  const tls = await readTls(config);
  if (tls !== null || config.grpcPlaintext || isLoopback(host)) {
    if (port !== 'auto') await assertFree(host, port, 'ASSAY_GRPC_PORT');
    return { host, port, tls, caution: null };
  }
  const remedy =
    'Set ASSAY_GRPC_TLS_CERT_FILE and ASSAY_GRPC_TLS_KEY_FILE, or, behind something that adds TLS, ASSAY_GRPC_PLAINTEXT=on.';
  if (port !== 'auto') {
    throw new Error(`gRPC would send keys in plain text on ${host}. ${remedy} ASSAY_GRPC_PORT=off serves no gRPC.`);
  }
  const caution = `gRPC is served on 127.0.0.1 only, not on ${host}: it has no TLS. ${remedy}`;
  return { host: '127.0.0.1', port, tls, caution };
}

/** Listens as planned, and gives the port. */
export async function listenForGrpc(
  app: { listen(host: string, port: number): Promise<number> },
  { host, port, caution }: GrpcListener,
  log: Log,
): Promise<number> {
  if (caution !== null) log.warn(caution);
  if (port !== 'auto') return app.listen(host, port);
  try {
    await assertFree(host, USUAL_PORT, 'ASSAY_GRPC_PORT');
    return await app.listen(host, USUAL_PORT);
  } catch (error) {
    const found = await app.listen(host, 0);
    log.warn({ err: error, port: found }, 'gRPC is not at its usual port: choose one with ASSAY_GRPC_PORT');
    return found;
  }
}

async function readTls({
  grpcTlsCertFile,
  grpcTlsKeyFile,
}: Pick<GrpcSettings, 'grpcTlsCertFile' | 'grpcTlsKeyFile'>): Promise<GrpcListener['tls']> {
  if (grpcTlsCertFile === null && grpcTlsKeyFile === null) return null;
  if (grpcTlsCertFile === null || grpcTlsKeyFile === null) {
    throw new Error('TLS needs both: set ASSAY_GRPC_TLS_CERT_FILE and ASSAY_GRPC_TLS_KEY_FILE, or neither.');
  }
  try {
    const [cert, key] = await Promise.all([readFile(grpcTlsCertFile), readFile(grpcTlsKeyFile)]);
    // Says now what every handshake would say otherwise: that they do not belong together, or are no PEM.
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`gRPC has no TLS with ${grpcTlsCertFile} and ${grpcTlsKeyFile}: ${reason}. Correct the files.`, {
      cause: error,
    });
  }
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
