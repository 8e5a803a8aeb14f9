import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Asset } from '@assay/contract';
import { afterAll, expect, test } from 'vitest';
import { inDatabase } from './harness/database.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/* Files from outside, on a server that seals what it stores and that is killed. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_ASSET_ENCRYPTION: 'on' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const headers = { 'x-api-key': server.credentials.apiKey, 'content-type': 'application/octet-stream' };

/** What lies in the store. */
async function stored(): Promise<string[]> {
  const folder = join(server.dataDir, 'assets');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

const inStore = <Row extends object>(query: string): Promise<Row[]> =>
  inDatabase(server, async (sql) => {
    await sql.query('set role assay_system');
    return (await sql.query<Row>(query)).rows;
  });

/** Has what nothing refers to removed, as the worker does every few minutes. */
const collect = (): Promise<unknown> =>
  inDatabase(server, (sql) => sql.query(`select graphile_worker.add_job('collect_asset_garbage')`));

/** An asset of this content. */
async function anAsset(content: Buffer): Promise<Asset> {
  const answer = await fetch(`${server.url}/v1/assets`, { method: 'POST', headers, body: new Uint8Array(content) });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { data: { asset: Asset } }).data.asset;
}

async function download(id: string, more: Record<string, string> = {}): Promise<Buffer> {
  const answer = await fetch(`${server.url}/v1/assets/${id}`, { headers: { ...headers, ...more } });
  expect(answer.ok).toBe(true);
  return Buffer.from(await answer.arrayBuffer());
}

test('what is stored is sealed, and comes back whole and in parts', async () => {
  const content = Buffer.concat([Buffer.from('the plain beginning '), randomBytes(300_000)]);
  const before = await stored();
  const { id } = await anAsset(content);
  const [file = ''] = (await stored()).filter((each) => !before.includes(each));
  expect((await readFile(file)).includes('plain beginning')).toBe(false);
  expect((await download(id)).equals(content)).toBe(true);
  const part = await download(id, { range: 'bytes=65530-131080' });
  expect(part.equals(content.subarray(65_530, 131_081))).toBe(true);
});

test('an upload that the server was killed in the middle of leaves nothing behind it', async () => {
  const kept = await anAsset(Buffer.from('kept'));
  const before = await stored();
  const upload = request(`${server.url}/v1/assets`, { method: 'POST', headers });
  const isCut = new Promise((resolve) => upload.on('error', resolve));
  upload.write(randomBytes(1 << 20));
  const left = await until('some of it is in the store', async () =>
    (await stored()).find((file) => !before.includes(file)),
  );
  server.signal('SIGKILL');
  await Promise.all([server.exited, isCut]);
  await server.start();
  await until('the API answers', async () => (await server.as().get('/v1/me')).status === 200, 60_000);
  const { assets } = ((await server.as().get('/v1/assets')).body as { data: { assets: Asset[] } }).data;
  expect(assets[0]).toEqual(kept);
  expect((await download(kept.id)).toString()).toBe('kept');
  expect(await inStore('select object from asset_uploads')).toHaveLength(1);

  // It could still be under way at another process: it is given up a day later.
  await inStore(`update asset_uploads set started_at = now() - interval '2 days'`);
  await until('it is collected', async () => {
    await collect();
    return !(await stored()).includes(left);
  });
  expect(await inStore('select object from asset_uploads')).toEqual([]);
  expect(await inStore<{ held: string }>('select sum(reserved_bytes) as held from asset_usage')).toEqual([
    { held: '0' },
  ]);
});
