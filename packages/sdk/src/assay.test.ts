import { expect, test } from 'vitest';
import { type Received, type Reply, WireServer } from '../test/wire-server.ts';
import { Assay } from './assay.ts';

const client = async (reply: (received: Received, count: number) => Reply) => {
  const server = await WireServer.start(reply);
  return { server, assay: new Assay({ baseUrl: server.url, apiKey: 'sk_x' }) };
};
const status = (of: string) => ({ eval_id: 'eval_1', status: of, output: 'hi\n', error: '' });

test('waiting for the end asks again until there is one', async () => {
  const { server, assay } = await client((_received, count) => ({ json: status(count < 3 ? 'running' : 'completed') }));
  await using _ = server;
  expect(await assay.evaluations.waitForEnd('eval_1')).toMatchObject({ status: 'completed' });
  expect(server.received.map(({ url }) => url)).toEqual(Array(3).fill('/api/eval-status/eval_1?wait=30'));
});

test('waiting for the end ends itself when the time is up', async () => {
  const { server, assay } = await client(() => ({ json: status('running') }));
  await using _ = server;
  await expect(assay.evaluations.waitForEnd('eval_1', { within: 1 })).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('a quick program is run and read in one request', async () => {
  const { server, assay } = await client(() => ({ json: { ...status('completed'), queue_position: 1 } }));
  await using _ = server;
  expect(await assay.evaluations.run({ code: "print('hi')" })).toMatchObject({ output: 'hi\n' });
  expect(server.received).toHaveLength(1);
});

test('a program that is still queued when the answer comes is waited for', async () => {
  const { server, assay } = await client(({ method }) => ({
    json: method === 'POST' ? { eval_id: 'eval_1', status: 'queued' } : status('failed'),
  }));
  await using _ = server;
  expect(await assay.evaluations.run({ code: 'x' })).toMatchObject({ status: 'failed' });
});

test('a batch is sent as one request', async () => {
  const { server, assay } = await client(() => ({ json: { evaluations: [], total: 2, queued: 2, failed: 0 } }));
  await using _ = server;
  await assay.evaluations.submitBatch([{ code: 'a' }, { code: 'b', language: 'bash' }]);
  expect(JSON.parse(server.last.body)).toEqual({ evaluations: [{ code: 'a' }, { code: 'b', language: 'bash' }] });
});

test('a listing of evaluations goes on to its last page, by offset', async () => {
  const pages = [
    { evaluations: [{ eval_id: 'a' }, { eval_id: 'b' }], offset: 4, has_more: true },
    { evaluations: [{ eval_id: 'c' }], offset: 6, has_more: false },
  ];
  const { server, assay } = await client((_received, count) => ({ json: pages[count - 1] }));
  await using _ = server;
  const listing = assay.evaluations.list({ limit: 2, offset: 4, status: 'failed' });
  expect((await listing.toArray()).map(({ eval_id }) => eval_id)).toEqual(['a', 'b', 'c']);
  expect(server.received.map(({ url }) => url)).toEqual([
    '/api/evaluations?limit=2&offset=4&status=failed',
    '/api/evaluations?limit=2&offset=6&status=failed',
  ]);
});

test('a listing of keys follows the server’s cursor, and stops where it is told to', async () => {
  const page = (id: string, next?: string) => ({
    data: { api_keys: [{ id }] },
    links: { self: '/', ...(next && { next }) },
  });
  const { server, assay } = await client((_received, count) => ({
    json: count === 1 ? page('a', '/v1/api-keys?limit=1&cursor=c%2F1') : page('b', '/v1/api-keys?cursor=c2'),
  }));
  await using _ = server;
  expect((await assay.apiKeys.list({ limit: 1 }).toArray({ limit: 2 })).map(({ id }) => id)).toEqual(['a', 'b']);
  expect(server.received.map(({ url }) => url)).toEqual(['/v1/api-keys?limit=1', '/v1/api-keys?limit=1&cursor=c%2F1']);
});

test('the control surface’s envelope is taken off', async () => {
  const { server, assay } = await client(({ method, url }) => {
    if (url === '/v1/me') return { json: { data: { principal: { id: 'p1' } } } };
    return { json: { data: { api_key: { id: 'k1' }, ...(method === 'POST' && { raw_key: 'sk_new' }) } } };
  });
  await using _ = server;
  expect(await assay.me()).toEqual({ id: 'p1' });
  expect(await assay.apiKeys.create({ name: 'ci' })).toEqual({ api_key: { id: 'k1' }, raw_key: 'sk_new' });
  expect(await assay.apiKeys.get('k1')).toEqual({ id: 'k1' });
  expect(await assay.apiKeys.revoke('k1')).toEqual({ id: 'k1' });
  expect(server.last).toMatchObject({ method: 'DELETE', url: '/v1/api-keys/k1' });
});

test('a server that is not ready is an answer, not an error', async () => {
  const { server, assay } = await client(() => ({ status: 503, json: { status: 'not_ready', checks: [] } }));
  await using _ = server;
  expect(await assay.platform.readiness()).toEqual({ status: 'not_ready', checks: [] });
});

test('each resource asks for the route that the contract has for it', async () => {
  const { server, assay } = await client(() => ({ json: {} }));
  await using _ = server;
  const { evaluations, platform } = assay;
  await evaluations.get('e', { wait: 5 });
  await evaluations.logs('e');
  await evaluations.kill('e');
  await evaluations.cancel('e');
  await platform.status();
  await platform.queue();
  await platform.languages();
  await platform.engines();
  await assay.request({ method: 'GET', path: '/openapi.json' });
  expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /api/eval/e?wait=5',
    'GET /api/eval/e/logs',
    'POST /api/eval/e/kill',
    'POST /api/eval/e/cancel',
    'GET /api/status',
    'GET /api/queue-status',
    'GET /api/languages',
    'GET /api/engines',
    'GET /openapi.json',
  ]);
});
