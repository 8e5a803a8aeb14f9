import { afterAll, beforeAll, expect, test } from 'vitest';
import { type S3Server, s3Server } from '../../../../test/fakes/s3-server.ts';
import { promisesOfObjects } from '../../../../test/objects.ts';
import { S3Objects } from './s3-objects.ts';

let server: S3Server;
beforeAll(async () => {
  server = await s3Server();
});
afterAll(() => server[Symbol.asyncDispose]());

const open = (overrides: { bucket?: string; endpoint?: string } = {}): S3Objects =>
  new S3Objects({
    bucket: server.bucket,
    prefix: 'below/',
    endpoint: server.endpoint,
    region: 'us-east-1',
    ...overrides,
  });

promisesOfObjects('in a bucket', open);

async function* megabytes(count: number, fault?: Error): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < count; sent++) yield Buffer.alloc(1 << 20, sent);
  if (fault) throw fault;
}

test('a large object goes in parts, and those of one whose writer fails are given up', {
  timeout: 20_000,
}, async () => {
  const objects = open();
  await objects.write('whole', megabytes(18));
  expect(server.openUploads).toEqual([]);
  await expect(objects.write('cut', megabytes(18, new Error('gone')))).rejects.toThrow('gone');
  expect(server.openUploads).toEqual([]);
});

test('what a writer that died has left goes when its name is removed, and nobody else’s does', async () => {
  const { CreateMultipartUploadCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true });
  for (const Key of ['below/dead', 'below/alive'])
    await client.send(new CreateMultipartUploadCommand({ Bucket: server.bucket, Key }));
  client.destroy();
  expect(server.openUploads).toHaveLength(2);
  await open().remove('dead');
  expect(server.openUploads).toHaveLength(1);
  await open().remove('alive');
});

test('a bucket that is there can be stored in, and one that is not cannot', async () => {
  await open().check();
  await expect(open({ bucket: 'nobodys' }).check()).rejects.toThrow();
  await expect(open({ endpoint: 'http://127.0.0.1:1' }).check()).rejects.toThrow();
});
