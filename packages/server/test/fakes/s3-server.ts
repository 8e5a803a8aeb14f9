import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import S3rver from '@20minutes/s3rver';
import { scratchDirectory } from '../scratch-directory.ts';

export type S3Server = AsyncDisposable & {
  endpoint: string;
  bucket: string;
  /** Uploads in parts that were begun, and neither completed nor aborted. */
  readonly openUploads: readonly string[];
};

/** The credentials that it takes, as it has them built in. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };

/**
 * An S3 server on a port of its own: s3rver, which checks signatures and keeps objects on disk. It does not know how uploads in
 * parts are listed and aborted; that is answered here, in front of it, as S3's documentation says.
 */
export async function s3Server(): Promise<S3Server> {
  Object.assign(process.env, CREDENTIALS);
  const folder = await scratchDirectory();
  const bucket = `assets-${randomBytes(4).toString('hex')}`;
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: folder.path,
    configureBuckets: [{ name: bucket, configs: [] }],
  });
  const { port } = await server.run();
  const open = new Map<string, string>();
  const front = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const uploadId = url.searchParams.get('uploadId');
    if (request.method === 'DELETE' && uploadId !== null) {
      open.delete(uploadId);
      response.writeHead(204).end();
    } else if (request.method === 'GET' && url.searchParams.has('uploads')) {
      response.writeHead(200, { 'content-type': 'application/xml' }).end(listing(open, url.searchParams.get('prefix')));
    } else relay(request, response, { port, told: (body) => note(open, request, { body, uploadId }) });
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    bucket,
    get openUploads() {
      return [...open.keys()];
    },
    async [Symbol.asyncDispose]() {
      front.closeAllConnections();
      front.close();
      await server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Hands a request on as it came: what is signed is signed for this address. */
function relay(
  request: IncomingMessage,
  response: ServerResponse,
  { port, told }: { port: number; told(body: string): void },
): void {
  const { method, url, headers } = request;
  const onward = forward({ host: '127.0.0.1', port, method, path: url, headers }, async (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    if (method === 'POST') {
      const body = Buffer.concat(await answer.toArray()).toString();
      told(body);
      response.end(body);
    } else answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

function note(
  open: Map<string, string>,
  request: IncomingMessage,
  { body, uploadId }: { body: string; uploadId: string | null },
): void {
  if (uploadId !== null && body.includes('<CompleteMultipartUploadResult')) open.delete(uploadId);
  const begun = /<UploadId>([^<]+)<\/UploadId>/.exec(body)?.[1];
  const [, key = ''] = /^\/[^/]+\/([^?]*)/.exec(request.url ?? '') ?? [];
  if (begun !== undefined) open.set(begun, decodeURIComponent(key));
}

const listing = (open: ReadonlyMap<string, string>, prefix: string | null): string =>
  `<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult>${[...open]
    .filter(([, key]) => key.startsWith(prefix ?? ''))
    .map(([id, key]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`)
    .join('')}</ListMultipartUploadsResult>`;
