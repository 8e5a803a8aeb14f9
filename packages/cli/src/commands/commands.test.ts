import { EXIT_CODES } from '@assay/contract/exit-codes';
import { expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { HEALTHY, ID, logFrames, record } from '../../test/samples.ts';
import { events, WireServer } from '../../test/wire-server.ts';

test('logs go to the stream they came from', async () => {
  await using server = await WireServer.start(HEALTHY);
  expect(await assay(['eval', 'logs', ID], server)).toEqual({ exit: 0, stdout: '42\n', stderr: 'oops\n' });
});

test('followed logs end with the run, and as the run', async () => {
  const routes = { ...HEALTHY, [`GET /api/eval/${ID}/logs`]: events(logFrames({ status: 'timeout' })) };
  await using server = await WireServer.start(routes);
  const { exit, stdout } = await assay(['eval', 'logs', '-f', ID], server);
  expect({ exit, stdout }).toEqual({ exit: EXIT_CODES.timedOut, stdout: 'onetwo' });
});

test('followed logs are one document with --json, printed at the end', async () => {
  const follow = events(logFrames({ status: 'failed', exit_code: 2 }));
  const logs = { eval_id: ID, output: 'onetwo', error: 'oops', is_running: false, exit_code: 2, status: 'failed' };
  await using server = await WireServer.start({
    [`GET /api/eval/${ID}/logs`]: (received, response) => {
      const isStream = received.headers.accept === 'text/event-stream';
      return isStream && typeof follow === 'function' ? follow(received, response) : { json: logs };
    },
  });
  const { exit, stdout } = await assay(['eval', 'logs', '-f', ID, '--json'], server);
  expect({ exit, document: JSON.parse(stdout) }).toEqual({ exit: EXIT_CODES.remoteFailed, document: logs });
});

test('a list says where it goes on', async () => {
  await using server = await WireServer.start(HEALTHY);
  const { stdout, stderr } = await assay(['eval', 'list', '--limit', '1', '--status', 'completed'], server);
  expect(stdout.split('\t')[0]).toBe(ID);
  expect(stderr).toBe('7 in all. The next: --offset 1\n');
  expect(server.last.url).toBe('/api/evaluations?limit=1&offset=0&status=completed');
});

test('--all goes through every page and prints one document', async () => {
  const page = (ids: string[], offset: number, has_more: boolean) => ({
    json: {
      evaluations: ids.map((eval_id) => ({ ...record, eval_id, code_preview: '' })),
      count: 3,
      limit: 2,
      offset,
      has_more,
    },
  });
  await using server = await WireServer.start({
    'GET /api/evaluations': ({ url }) => (url.includes('offset=2') ? page(['c'], 2, false) : page(['a', 'b'], 0, true)),
  });
  const { stdout } = await assay(['eval', 'list', '--all', '--json'], server);
  const document = JSON.parse(stdout) as { evaluations: { eval_id: string }[] };
  expect(document).toMatchObject({ count: 3, limit: 3, offset: 0, has_more: false });
  expect(document.evaluations.map(({ eval_id }) => eval_id)).toEqual(['a', 'b', 'c']);
  expect((await assay(['eval', 'list', '--all', '-q'], server)).stdout).toBe('a\nb\nc\n');
});

test('keys go on at a cursor', async () => {
  const data = { api_keys: [] };
  await using server = await WireServer.start({
    'GET /v1/api-keys': { json: { data, links: { self: '/', next: '/v1/api-keys?cursor=next' } } },
  });
  const { stderr } = await assay(['keys', 'list', '--limit', '2', '--cursor', 'here'], server);
  expect(server.last.url).toBe('/v1/api-keys?limit=2&cursor=here');
  expect(stderr).toBe('There are no keys here.\nThe next: --cursor next\n');
});

test('a key is made with what was said about it, and shown with the warning beside it', async () => {
  await using server = await WireServer.start(HEALTHY);
  const argv = ['keys', 'create', 'ci', '--scope', 'a:read', '--scope', 'b:write', '--expires', '2027-01-31'];
  const { stdout, stderr } = await assay([...argv, '--idempotency-key', 'k-1'], server);
  expect(JSON.parse(server.last.body)).toEqual({
    name: 'ci',
    scopes: ['a:read', 'b:write'],
    expires_at: '2027-01-31T00:00:00.000Z',
  });
  expect(server.last.headers['idempotency-key']).toBe('k-1');
  expect(stdout).toMatch(/^key\tsk_new\n/);
  expect(stderr).toContain('shown this once');
});

test('the raw verb sends what it is told, and passes on what comes, byte for byte', async () => {
  const bytes = Buffer.from([0x7b, 0x22, 0xc3, 0xa9, 0x22, 0x7d]).toString();
  await using server = await WireServer.start({ 'PATCH /v1/x': { text: bytes } });
  const argv = ['api', 'patch', '/v1/x', '-d', '-', '--query', 'a=b', '-H', 'X-Thing: yes', '--idempotency-key', 'k-1'];
  const { stdout, stderr } = await assay(argv, { url: server.url, stdin: '{"n": 1}' });
  expect({ stdout, stderr }).toEqual({ stdout: bytes, stderr: '' });
  expect(server.last).toMatchObject({
    method: 'PATCH',
    url: '/v1/x?a=b',
    body: '{"n":1}',
    headers: { 'x-thing': 'yes', 'idempotency-key': 'k-1', authorization: 'Bearer sk_test' },
  });
});

test('a server that lacks something is shown with what, and is not well', async () => {
  const checks = [{ name: 'runners', ok: false, detail: 'no runner is connected' }];
  const routes = { ...HEALTHY, 'GET /readyz': { status: 503, json: { status: 'not_ready', checks } } };
  await using server = await WireServer.start(routes);
  const { exit, stdout } = await assay(['status'], server);
  expect(exit).toBe(EXIT_CODES.failed);
  expect(stdout).toContain('state\tnot ready\nrunners\tFAILS: no runner is connected\n');
});

test('a server that is away is a result of status, told in one document', async () => {
  const { exit, stdout, stderr } = await assay(['status', '--json'], { url: 'http://127.0.0.1:9' });
  expect({ exit, stderr }).toEqual({ exit: EXIT_CODES.unreachable, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ ready: false, error: { code: 'unreachable' } });
});
