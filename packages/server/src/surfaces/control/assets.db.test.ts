import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Asset, ControlError, controlRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type ServedApi, servedApi } from '../../../test/served-api.ts';
import { until } from '../../../test/until.ts';
import { newId } from '../../kernel/ids.ts';
import { KEY_TEMPLATES } from '../../modules/access/index.ts';
import { addAssets } from '../../modules/assets/index.ts';

const db = testDatabase();
let api: ServedApi;
beforeAll(async () => {
  const limits = ['--asset-max-bytes', '3000000', '--asset-silence-seconds', '3'];
  api = await servedApi(db, [...limits, '--asset-types', 'text/*,application/octet-stream']);
});
afterAll(() => api[Symbol.asyncDispose]());

const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest();

type Owner = { key: string; id: string; orgId: string };
async function owner(scopes: readonly string[] = KEY_TEMPLATES.full_access): Promise<Owner> {
  const { orgId, userId } = await aPerson(db);
  const { raw: key, id } = await aKey(db, { orgId, createdBy: userId, scopes });
  return { key, id, orgId };
}

type Sent = { query?: string; headers?: Record<string, string>; body?: NonNullable<RequestInit['body']>; key: string };
async function upload({ query = '', headers = {}, body = 'hello', key }: Sent) {
  const answer = await fetch(`${api.app.url}/v1/assets${query}`, {
    method: 'POST',
    headers: { 'x-api-key': key, ...headers },
    body,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit);
  const json = (await answer.json()) as { data: { asset: Asset } | null; error: { code: string } | null };
  return { status: answer.status, headers: answer.headers, json };
}

/** An asset that is uploaded and answered just as the contract says. */
async function anAsset(sent: Sent): Promise<Asset> {
  const { status, json } = await upload(sent);
  expect(status, JSON.stringify(json)).toBe(201);
  expect(controlRoutes.uploadAsset.answers[201].schema.parse(json)).toEqual(json);
  return json.data?.asset as Asset;
}

async function refusal(sent: Sent): Promise<string> {
  const { status, json } = await upload(sent);
  expect(ControlError.parse(json)).toEqual(json);
  return `${status} ${json.error?.code}`;
}

const form = (parts: Record<string, string | File>): FormData => {
  const body = new FormData();
  for (const [name, value] of Object.entries(parts)) body.append(name, value);
  return body;
};

/** What is there for an organization: nothing of an upload that did not come to its end. */
async function remains(orgId: string) {
  const of = async (table: string): Promise<number> =>
    (await db.owner.query(`select 1 from ${table} where org_id = $1`, [orgId])).rowCount ?? 0;
  const { rows } = await db.owner.query('select reserved_bytes from asset_usage where org_id = $1', [orgId]);
  const folder = join(api.app.core.config.dataDir, 'assets', orgId);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return {
    assets: await of('assets'),
    uploads: await of('asset_uploads'),
    reserved: Number(rows[0]?.reserved_bytes ?? 0),
    files: entries.filter((entry) => entry.isFile()).length,
  };
}
const NOTHING = { assets: 0, uploads: 0, reserved: 0, files: 0 };

describe('POST /v1/assets', () => {
  test('stores a file that is sent by itself, and tells what it is', async () => {
    const { key, id, orgId } = await owner();
    const bytes = randomBytes(2_000_000);
    const headers = { 'content-type': 'text/csv; charset=utf-8' };
    const asset = await anAsset({ key, headers, body: bytes, query: '?filename=gr%C3%B6%C3%9Fe.csv' });
    expect(asset).toMatchObject({
      filename: 'größe.csv',
      media_type: 'text/csv; charset=utf-8',
      size_bytes: bytes.length,
      sha256: sha256(bytes).toString('hex'),
      created_by: { kind: 'api_key', id },
      expires_at: null,
    });
    const answer = await fetch(`${api.app.url}/v1/assets/${asset.id}`, { headers: { 'x-api-key': key } });
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    expect(await remains(orgId)).toEqual({ ...NOTHING, assets: 1, files: 1 });
  });

  test('stores a file of a form, with what its fields say', async () => {
    const { key } = await owner();
    const file = new File(['a,b'], 'table.csv', { type: 'text/csv' });
    const plain = await anAsset({ key, body: form({ file }) });
    expect(plain).toMatchObject({ filename: 'table.csv', media_type: 'text/csv', size_bytes: 3 });
    const digest = sha256('a,b').toString('hex');
    const named = await anAsset({
      key,
      body: form({ filename: 'b.txt', media_type: 'text/plain', sha256: digest, expires_in_seconds: '3600', file }),
    });
    expect(named).toMatchObject({ filename: 'b.txt', media_type: 'text/plain', sha256: digest });
    expect(Date.parse(named.expires_at ?? '') - Date.parse(named.created_at)).toBe(3_600_000);
  });

  test('stores an empty file, and the same content once', async () => {
    const { key, orgId } = await owner();
    const empty = await anAsset({ key, body: Buffer.alloc(0), query: '?filename=empty' });
    expect(empty).toMatchObject({ size_bytes: 0, sha256: sha256('').toString('hex') });
    await Promise.all(Array.from({ length: 5 }, () => anAsset({ key, body: 'the same' })));
    const { rows } = await db.owner.query('select object from asset_contents where org_id = $1', [orgId]);
    expect(rows).toHaveLength(2);
    expect(await remains(orgId)).toMatchObject({ assets: 6, uploads: 0, reserved: 0 });
  });

  test('takes a file only with the digest that was said', async () => {
    const { key, orgId } = await owner();
    const [right, wrong] = [sha256('hello').toString('base64'), sha256('other').toString('base64')];
    const strong = createHash('sha512').update('hello').digest('base64');
    for (const headers of [
      { 'content-digest': `sha-256=:${wrong}:` },
      { 'repr-digest': `sha-256=:${right}:, sha-256=:${wrong}:` },
      { 'content-digest': `sha-512=:${createHash('sha512').update('other').digest('base64')}:` },
      { digest: `sha-256=${wrong}` },
    ])
      expect(await refusal({ key, headers: { ...headers, 'content-type': 'text/plain' } })).toBe('400 digest_mismatch');
    expect(await refusal({ key, query: `?sha256=${'0'.repeat(64)}` })).toBe('400 digest_mismatch');
    expect(await refusal({ key, query: '?sha256=abc' })).toBe('400 validation_failed');
    expect(await refusal({ key, headers: { 'content-digest': 'sha-256=:AAAA:' } })).toBe('400 validation_failed');
    const file = new File(['hello'], 'a');
    expect(await refusal({ key, body: form({ sha256: '0'.repeat(64), file }) })).toBe('400 digest_mismatch');
    const inHeader = { 'content-digest': `sha-256=:${right}:` };
    expect(await refusal({ key, body: form({ file }), headers: inHeader })).toBe('400 validation_failed');
    expect(await remains(orgId)).toEqual(NOTHING);
    await anAsset({ key, headers: { 'content-digest': `sha-512=:${strong}:`, digest: `sha-256=${right}` } });
  });

  test('refuses what is too large, said or found, and of a type that may not be', async () => {
    const { key, orgId } = await owner();
    const large = randomBytes(3_000_001);
    const pieces = new ReadableStream({
      pull(controller) {
        controller.enqueue(large.subarray(0, 1_000_000));
      },
    });
    expect(await refusal({ key, body: large, headers: { 'content-type': 'text/plain' } })).toBe(
      '413 payload_too_large',
    );
    expect(await refusal({ key, body: form({ file: new File([large], 'a') }) })).toBe('413 payload_too_large');
    const endless = { key, body: pieces, headers: { 'content-type': 'text/plain' } };
    expect(await refusal(endless)).toBe('413 payload_too_large');
    for (const type of ['image/png', 'application/json']) {
      expect(await refusal({ key, headers: { 'content-type': type } })).toBe('415 unsupported_media_type');
      const body = form({ file: new File(['x'], 'a', { type }) });
      expect(await refusal({ key, body })).toBe('415 unsupported_media_type');
    }
    expect(await refusal({ key, headers: { 'content-encoding': 'gzip' } })).toBe('415 unsupported_media_type');
    expect(await remains(orgId)).toEqual(NOTHING);
  });

  test('refuses names that are paths or play tricks, wherever they are said', async () => {
    const { key, orgId } = await owner();
    for (const name of ['../../etc/passwd', 'a/b', '..', 'a\\b', 'a\nb', 'x\u202egpj.exe', ' ', 'ü'.repeat(200)]) {
      const query = `?filename=${encodeURIComponent(name)}`;
      expect(await refusal({ key, query })).toBe('400 validation_failed');
      const body = form({ filename: name, file: new File(['x'], 'a') });
      expect(await refusal({ key, body })).toBe('400 validation_failed');
    }
    for (const name of ['../../etc/passwd', 'C:\\a.txt', '..']) {
      expect(await refusal({ key, body: form({ file: new File(['x'], name) }) })).toBe('400 validation_failed');
    }
    expect(await refusal({ key, query: '?media_type=nonsense' })).toBe('400 validation_failed');
    expect(await refusal({ key, query: '?expires_in_seconds=1' })).toBe('400 validation_failed');
    expect(await refusal({ key, query: '?unknown=1&filename=%00' })).toBe('400 validation_failed');
    expect(await remains(orgId)).toEqual(NOTHING);
  });

  test('refuses forms that are none', async () => {
    const { key, orgId } = await owner();
    const [one, other] = [new File(['x'], 'a'), new File(['y'], 'b')];
    const type = (value: string) => ({ 'content-type': value });
    const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx';
    const cases: Omit<Sent, 'key'>[] = [
      { body: form({ one, other }) },
      { body: form({ filename: 'a' }) },
      { body: form({ file: one, filename: 'b' }) },
      { body: form({ unknown: 'x', file: one }) },
      { headers: type('multipart/form-data'), body: 'x' },
      { headers: type('multipart/mixed; boundary=b'), body: `${part}\r\n--b--` },
      { headers: type('multipart/form-data; boundary=b'), body: 'x' },
      { headers: type('multipart/form-data; boundary=b'), body: '' },
      { headers: type('multipart/form-data; boundary=b'), body: part },
      { headers: type('multipart/form-data; boundary=b'), body: '--b\r\n' },
    ];
    for (const [index, each] of cases.entries())
      expect([index, await refusal({ key, ...each })]).toEqual([index, '400 validation_failed']);
    expect(await remains(orgId)).toEqual(NOTHING);
  });

  test('leaves nothing of an upload that is cut, by itself or in a form', async () => {
    const { key, orgId } = await owner();
    const port = Number(new URL(api.app.url ?? '').port);
    const cases = [
      `content-length: 2000000\r\n\r\n${'x'.repeat(500_000)}`,
      `transfer-encoding: chunked\r\n\r\n7a120\r\n${'x'.repeat(500_000)}\r\n`,
      `content-length: 2000000\r\ncontent-type: multipart/form-data; boundary=b\r\n\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${'x'.repeat(500_000)}`,
    ];
    for (const rest of cases) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(`POST /v1/assets HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\n${rest}`);
      await until('the bytes arrive', async () => (await remains(orgId)).files === 1);
      socket.destroy();
      await until('nothing is left', async () => (await remains(orgId)).files === 0);
      await until('no room is kept', async () => (await remains(orgId)).uploads === 0);
    }
    expect(await remains(orgId)).toEqual(NOTHING);
  });

  test('ends an upload that falls silent, says so, and leaves nothing of it', async () => {
    const { key, orgId } = await owner();
    const socket = connect(Number(new URL(api.app.url ?? '').port), '127.0.0.1');
    socket.write(`POST /v1/assets HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\ncontent-length: 2000000\r\n\r\n`);
    socket.write('x'.repeat(500_000));
    await until('the bytes arrive', async () => (await remains(orgId)).files === 1);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    await until('nothing is left', async () => (await remains(orgId)).uploads === 0);
    expect(await remains(orgId)).toEqual(NOTHING);
  });

  test('gives the same asset to who sends the same under the same key again, and refuses another file', async () => {
    const { key, orgId } = await owner();
    const headers = { 'idempotency-key': newId() };
    const first = await anAsset({ key, headers });
    const again = await upload({ key, headers, body: 'hello' });
    expect(again.json.data?.asset).toEqual(first);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await refusal({ key, headers, body: 'other' })).toBe('422 idempotency_key_reused');
    await until('what came again is given up', async () => (await remains(orgId)).uploads === 0);
    expect(await remains(orgId)).toEqual({ ...NOTHING, assets: 1, files: 1 });
  });

  test('is for who may, is audited, and told of', async () => {
    const reader = await owner(['assets:read']);
    expect(await refusal({ key: reader.key })).toBe('403 permission_denied');
    expect(await remains(reader.orgId)).toEqual(NOTHING);
    const { key, orgId } = await owner();
    const { id } = await anAsset({ key, query: '?filename=personal' });
    await api.ask(`DELETE /v1/assets/${id}`, { key });
    const { rows: leaves } = await db.owner.query(
      `select action, target_id, detail from audit_leaves where org_id = $1 and action like 'asset.%' order by id`,
      [orgId],
    );
    const about = { sha256: sha256('hello').toString('hex'), size_bytes: 5, media_type: 'text/plain;charset=UTF-8' };
    expect(leaves).toMatchObject([
      { action: 'asset.created', target_id: id, detail: about },
      { action: 'asset.deleted', target_id: id, detail: about },
    ]);
    const { rows: events } = await db.owner.query(
      'select type, subject, data from events where org_id = $1 order by id',
      [orgId],
    );
    expect(events).toMatchObject([
      { type: 'asset.created', subject: id, data: about },
      { type: 'asset.deleted', subject: id, data: about },
    ]);
    expect(JSON.stringify([leaves, events])).not.toContain('personal');
  });
});

describe('GET /v1/assets/{id}', () => {
  const get = async (key: string, id: string, headers: Record<string, string> = {}, method = 'GET') => {
    const answer = await fetch(`${api.app.url}/v1/assets/${id}`, { method, headers: { 'x-api-key': key, ...headers } });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
  };

  test('is always a download, whatever the file says of itself', async () => {
    const { key, orgId } = await owner();
    const content = Buffer.from('<script>alert(1)</script>');
    const stored = await api.app.core.contents.put(orgId, content);
    const asset = { ...stored, mediaType: 'text/html', filename: 'out/"a"; b=ä\r\n(\').html' };
    const [id = ''] = await db.app.transaction({ orgId }, (tx) => addAssets(tx, orgId, [asset]));
    const answer = await get(key, id);
    expect(answer).toMatchObject({ status: 200, text: content.toString() });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': "attachment; filename*=UTF-8''%22a%22%3B%20b%3D%C3%A4%0D%0A%28%27%29.html",
      'content-length': String(content.length),
      etag: `"${stored.digest}"`,
      'repr-digest': `sha-256=:${sha256(content).toString('base64')}:`,
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
  });

  test('gives parts, to the byte', async () => {
    const { key } = await owner();
    const { id } = await anAsset({ key, body: '0123456789' });
    const part = async (range: string) => {
      const { status, headers, text } = await get(key, id, { range });
      return [status, headers['content-range'], headers['content-length'], status === 416 ? null : text];
    };
    expect(await part('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '3', '234']);
    expect(await part('bytes=-3')).toEqual([206, 'bytes 7-9/10', '3', '789']);
    expect(await part('bytes=8-100')).toEqual([206, 'bytes 8-9/10', '2', '89']);
    expect(await part('bytes=0-1,4-5')).toEqual([200, undefined, '10', '0123456789']);
    expect((await part('bytes=10-')).slice(0, 2)).toEqual([416, 'bytes */10']);
  });

  test('heeds what its caller has already', async () => {
    const { key } = await owner();
    const { id, sha256: tag } = await anAsset({ key, body: '0123456789' });
    const status = async (headers: Record<string, string>) => (await get(key, id, headers)).status;
    expect(await get(key, id, { 'if-none-match': `W/"x", "${tag}"` })).toMatchObject({ status: 304, text: '' });
    expect(await status({ 'if-none-match': '*' })).toBe(304);
    expect(await status({ 'if-none-match': '"other"' })).toBe(200);
    expect(await status({ 'if-match': `"${tag}"` })).toBe(200);
    expect(await status({ 'if-match': '"other"' })).toBe(412);
    expect(await status({ 'if-match': `W/"${tag}"` })).toBe(412);
    expect(await status({ 'if-match': '"other"', 'if-none-match': `"${tag}"` })).toBe(412);
    expect(await status({ range: 'bytes=1-1', 'if-range': `"${tag}"` })).toBe(206);
    expect(await status({ range: 'bytes=1-1', 'if-range': '"other"' })).toBe(200);
    expect(await status({ range: 'bytes=1-1', 'if-none-match': `"${tag}"` })).toBe(304);
    expect(await status({ 'if-none-match': 'nonsense' })).toBe(400);
  });

  test('HEAD says the same in front, and sends nothing', async () => {
    const { key } = await owner();
    const { id } = await anAsset({ key, body: '0123456789' });
    const [head, whole] = [await get(key, id, { range: 'bytes=0-0' }, 'HEAD'), await get(key, id)];
    expect([head.status, head.text]).toEqual([200, '']);
    for (const name of ['content-length', 'etag', 'content-type', 'content-disposition', 'accept-ranges'])
      expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
    expect((await get(key, newId(), {}, 'HEAD')).status).toBe(404);
  });

  test('ends with its caller, and reads no faster than they do', async () => {
    const { key } = await owner();
    const { id } = await anAsset({ key, body: randomBytes(2_900_000), headers: { 'content-type': 'text/plain' } });
    const request = httpRequest(`${api.app.url}/v1/assets/${id}`, { headers: { 'x-api-key': key } }).end();
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream & { destroy(): void }];
    response.destroy();
    expect((await get(key, id, { range: 'bytes=0-0' })).status).toBe(206);
  });

  test('whose time is over, that is deleted, or is another organization’s, is not there', async () => {
    const [mine, theirs] = [await owner(), await owner()];
    const late = await anAsset({ key: mine.key, query: '?expires_in_seconds=60' });
    await db.owner.query(`update assets set expires_at = now() - interval '1 second' where id = $1`, [late.id]);
    const foreign = await anAsset({ key: theirs.key });
    const gone = await anAsset({ key: mine.key });
    expect((await api.ask(`DELETE /v1/assets/${gone.id}`, { key: mine.key })).status).toBe(200);
    for (const id of [late.id, foreign.id, gone.id, foreign.sha256, newId(), 'x', '..%2f']) {
      for (const line of [`GET /v1/assets/${id}`, `GET /v1/assets/${id}/metadata`, `DELETE /v1/assets/${id}`]) {
        const answer = await api.ask(line, { key: mine.key });
        expect([line, answer.status, ControlError.parse(answer.body).error.code]).toEqual([line, 404, 'not_found']);
      }
    }
    expect((await api.ask(`GET /v1/assets/${foreign.id}`, { key: theirs.key })).status).toBe(200);
  });
});

describe('assets', () => {
  test('are listed page by page, the newest first, and tell what they are', async () => {
    const { key } = await owner();
    const made: Asset[] = [];
    for (const name of ['a', 'b', 'c']) made.unshift(await anAsset({ key, query: `?filename=${name}` }));
    const page = async (path: string) => {
      const { body } = await api.ask(`GET ${path}`, { key });
      return controlRoutes.listAssets.answers[200].schema.parse(body);
    };
    const first = await page('/v1/assets?limit=2');
    const second = await page(first.links.next ?? '');
    expect([...first.data.assets, ...second.data.assets]).toEqual(made);
    expect(second.links.next).toBeUndefined();
    const one = await api.ask(`GET /v1/assets/${made[0]?.id}/metadata`, { key });
    expect((one.body as { data: unknown }).data).toEqual({ asset: made[0] });
    expect((await api.ask('GET /v1/assets?cursor=x', { key })).body).toMatchObject({
      error: { code: 'invalid_cursor' },
    });
  });

  test('of others are not there for who may see only their own', async () => {
    const { key, orgId } = await owner();
    const { userId } = await aPerson(db, { orgId });
    const { raw: own } = await aKey(db, { orgId, createdBy: userId, scopes: ['assets:read:own', 'assets:write:own'] });
    const [theirs, mine] = [await anAsset({ key }), await anAsset({ key: own, body: 'mine' })];
    const listed = (await api.ask('GET /v1/assets', { key: own })).body as { data: { assets: Asset[] } };
    expect(listed.data.assets).toEqual([mine]);
    for (const line of ['GET /v1/assets/ID', 'GET /v1/assets/ID/metadata', 'DELETE /v1/assets/ID']) {
      const status = async (id: string) => (await api.ask(line.replace('ID', id), { key: own })).status;
      expect([line, await status(theirs.id), await status(mine.id)]).toEqual([line, 404, 200]);
    }
    expect((await api.ask(`GET /v1/assets/${theirs.id}`, { key })).status).toBe(200);
  });

  test('are within the quota that an administrator of the installation gave the organization', async () => {
    const { key, orgId } = await owner();
    const { userId } = await aPerson(db, { orgId });
    const { raw: admin, id } = await aKey(db, { orgId, createdBy: userId, scopes: KEY_TEMPLATES.full_access });
    await db.owner.query(
      `insert into platform_grants (principal_kind, principal_id, granted_by) values ('api_key', $1, 'test')`,
      [id],
    );
    const path = `/v1/organizations/${orgId}/asset-usage`;
    const ask = async (line: string, as: string, body?: object) => {
      const answer = await api.ask(line, { key: as, ...(body && { body }) });
      return answer.status === 200
        ? controlRoutes.getAssetUsage.answers[200].schema.parse(answer.body).data.asset_usage
        : answer.status;
    };
    await anAsset({ key });
    const free = { organization_id: orgId, asset_count: 1, stored_bytes: 5, reserved_bytes: 0 };
    expect(await ask(`GET ${path}`, key)).toEqual({ ...free, quota_bytes: null, limit_bytes: null });
    expect(await ask(`PATCH ${path}`, key, { quota_bytes: 8 })).toBe(403);
    const bounded = { ...free, quota_bytes: 8, limit_bytes: 8 };
    expect(await ask(`PATCH ${path}`, admin, { quota_bytes: 8 })).toEqual(bounded);
    expect(await refusal({ key })).toBe('413 quota_exceeded');
    await anAsset({ key, body: '123' });
    expect(await ask(`PATCH ${path}`, admin, { quota_bytes: -1 })).toBe(400);
    expect(await ask(`PATCH ${path.replace(orgId, newId())}`, admin, { quota_bytes: 8 })).toBe(404);
    expect(await ask(`PATCH ${path}`, admin, { quota_bytes: null })).toMatchObject({ limit_bytes: null });
    await anAsset({ key });
    const { rows } = await db.owner.query(
      `select detail from audit_leaves where org_id = $1 and action = 'organization.asset_quota_updated' order by id`,
      [orgId],
    );
    expect(rows.map(({ detail }) => detail)).toEqual([
      { before: null, after: 8 },
      { before: 8, after: null },
    ]);
  });

  test('are deleted only with the content that was expected', async () => {
    const { key } = await owner();
    const { id, sha256: tag } = await anAsset({ key });
    const remove = async (tag: string) =>
      (await api.ask(`DELETE /v1/assets/${id}`, { key, headers: { 'if-match': tag } })).status;
    expect(await remove('"other"')).toBe(412);
    expect(await remove(`"${tag}"`)).toBe(200);
    expect(await remove(`"${tag}"`)).toBe(404);
  });
});
