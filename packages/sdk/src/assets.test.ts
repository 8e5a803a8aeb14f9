import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cut, type Received, type Reply, WireServer } from '../test/wire-server.ts';
import { Assay } from './assay.ts';

const CONTENT = 'x'.repeat(100_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const made = { status: 201, json: { data: { asset: { id: 'a1', sha256: SHA256 } } } };
const refused = { status: 503, json: { error: { code: 'unavailable', message: 'Later.' } } };

// Jitter of nothing: what is tested is what is sent, not how long it takes.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

const client = async (reply: (received: Received, count: number) => Reply) => {
  const server = await WireServer.start(reply);
  return { server, assets: new Assay({ baseUrl: server.url, apiKey: 'sk_x' }).assets };
};
const streamOf = (): ReadableStream<Uint8Array> => new Blob([CONTENT]).stream();

/** Sends the asset from a byte on, and breaks off at another one. */
const part =
  (from: number, to: number): Reply =>
  (response) => {
    const headers = {
      etag: `"${SHA256}"`,
      'content-length': CONTENT.length - from,
      'content-disposition': "attachment; filename*=UTF-8''a%20name.txt",
    };
    response.writeHead(from === 0 ? 200 : 206, headers);
    response.write(CONTENT.slice(from, to), () => (to < CONTENT.length ? response.destroy() : response.end()));
  };

test('an upload carries the bytes, and says beside them what they are', async () => {
  const { server, assets } = await client(() => made);
  await using _ = server;
  const said = { filename: 'a b.txt', media_type: 'text/plain', sha256: SHA256, expires_in_seconds: 60 };
  expect(await assets.upload(new Blob([CONTENT]), said)).toMatchObject({ id: 'a1' });
  expect(server.last).toMatchObject({
    method: 'POST',
    url: `/v1/assets?filename=a+b.txt&media_type=text%2Fplain&sha256=${SHA256}&expires_in_seconds=60`,
    body: CONTENT,
    headers: { 'content-type': 'application/octet-stream' },
  });
});

test('an upload that fails is sent again whole, as the same one', async () => {
  const { server, assets } = await client((_received, count) => (count === 1 ? refused : made));
  await using _ = server;
  await assets.upload(streamOf);
  expect(server.received.map(({ body }) => body)).toEqual([CONTENT, CONTENT]);
  expect(new Set(server.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
});

test('a stream is sent once: what was read of it is gone', async () => {
  const { server, assets } = await client(() => refused);
  await using _ = server;
  await expect(assets.upload(streamOf())).rejects.toMatchObject({ status: 503 });
  expect(server.received).toHaveLength(1);
});

test('an upload may take longer than any other call, unless it is said how long', async () => {
  const answerLate: Reply = (response) => void setTimeout(() => response.writeHead(201).end('{"data":{}}'), 100);
  await using server = await WireServer.start(() => answerLate);
  const { assets } = new Assay({ baseUrl: server.url, timeout: 10, maxRetries: 0 });
  expect(await assets.upload(new Blob(['x']))).toBeUndefined();
  await expect(assets.upload(new Blob(['x']), { timeout: 10 })).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('a download that breaks goes on where it broke, if the content is still the same', async () => {
  const { server, assets } = await client((_received, count) => {
    if (count === 1) return part(0, 40_000);
    return count === 2 ? cut : part(40_000, CONTENT.length);
  });
  await using _ = server;
  const { content, ...said } = await assets.download('a1');
  expect(said).toEqual({ filename: 'a name.txt', size_bytes: CONTENT.length, sha256: SHA256 });
  expect((await buffer(content)).toString()).toBe(CONTENT);
  expect(server.last.headers).toMatchObject({ range: 'bytes=40000-', 'if-match': `"${SHA256}"` });
});

test('a download that never goes on fails, and says how far it came', async () => {
  const { server, assets } = await client((_received, count) => (count === 1 ? part(0, 40_000) : part(40_000, 40_000)));
  await using _ = server;
  const { content } = await assets.download('a1');
  await expect(buffer(content)).rejects.toMatchObject({
    name: 'ConnectionError',
    message: expect.stringContaining('40000 of 100000 bytes'),
  });
});

test('a download of nothing is whole at once', async () => {
  const { server, assets } = await client(() => (response) => {
    response.writeHead(200, { etag: `"${SHA256}"`, 'content-length': 0 }).end();
  });
  await using _ = server;
  expect(await buffer((await assets.download('a1')).content)).toHaveLength(0);
});

test('what is no asset is no download', async () => {
  const { server, assets } = await client(() => ({ json: {} }));
  await using _ = server;
  await expect(assets.download('a1')).rejects.toMatchObject({ name: 'MalformedAnswerError' });
});
