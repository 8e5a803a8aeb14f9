import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { SocketMessage } from '@assay/contract';
import { afterAll, expect, test } from 'vitest';
import { Client } from './harness/client.ts';
import { endsOf, readHistory } from './harness/history.ts';
import { signIn } from './harness/route-call.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { until } from './harness/until.ts';

/*
 * Two processes on one database: `near` has the runner, and the database is its own; `far` only has the API. Neither
 * holds anything in memory that the other would have to know.
 */
const near = await Server.start({ env: { ASSAY_RATE_LIMITS: 'off' } });
afterAll(() => near[Symbol.asyncDispose]());
const far = await Server.start({
  args: ['--role', 'api'],
  env: {
    ASSAY_RATE_LIMITS: 'off',
    ASSAY_MASTER_KEY_FILE: join(near.dataDir, 'master.key'),
    DATABASE_URL: await addressOf(near),
  },
});
afterAll(() => far[Symbol.asyncDispose]());
const { apiKey } = near.credentials;

async function addressOf({ dataDir }: Server): Promise<string> {
  const passwords = await readFile(join(dataDir, 'postgres.pgpass'), 'utf8');
  const password = /:assay:(.+)$/m.exec(passwords)?.[1];
  return `postgresql://assay:${password}@localhost/assay?host=${encodeURIComponent(await realpath(join(dataDir, 'run')))}`;
}

test('what is submitted to one node runs at another, and its end wakes who waits', async () => {
  const { body } = await far.as(apiKey).post('/api/eval?wait=30', { code: 'print("ran over there")' });
  expect(body).toMatchObject({ status: 'completed', output: 'ran over there\n' });
});

test('a kill at one node ends a run at another within 2 s', async () => {
  const { evaluations } = far.sdk(apiKey);
  const { eval_id } = await evaluations.submit({ code: 'import time; time.sleep(60)' });
  await until('it runs', async () => (await evaluations.status(eval_id)).status === 'running');
  const askedAt = performance.now();
  expect(await evaluations.kill(eval_id)).toMatchObject({ killed: true });
  expect(performance.now() - askedAt).toBeLessThan(2_000);
});

test('output and events of one node are followed at another, and go on where the first stream ended', async () => {
  const code = 'import time\nfor n in range(10): print(n, flush=True); time.sleep(0.1)';
  const { eval_id } = await near.sdk().evaluations.submit({ code });
  const headers = { 'x-api-key': apiKey };
  using first = await Socket.open<SocketMessage>(near.url, `/ws?after=0-0&eval_id=${eval_id}`, headers);
  await first.message('some output', ({ type }) => type === 'output_chunk');
  const seen = [...first.messages];
  using second = await Socket.open<SocketMessage>(far.url, `/ws?after=${seen.at(-1)?.id}&eval_id=${eval_id}`, headers);
  await second.message('the end', ({ type }) => type === 'completed');
  await first.message('the end', ({ type }) => type === 'completed');
  expect([...seen, ...second.messages]).toEqual(first.messages);

  let output = '';
  for await (const event of far.sdk(apiKey).evaluations.followLogs(eval_id))
    if (event.type === 'output') output += event.text;
  expect(output).toBe('0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n');
});

test('a key that is revoked at one node is dead at another at once, also where it was just used', async () => {
  const { api_key, raw_key } = await near.sdk().apiKeys.create({ name: 'Far', scopes: ['evaluations:read'] });
  expect((await far.as(raw_key).get('/api/evaluations')).status).toBe(200);
  await near.sdk().apiKeys.revoke(api_key.id);
  await until('it is dead', async () => (await far.as(raw_key).get('/api/evaluations')).status === 401, 1_000);
});

test('a login at one node holds at another, until it ends', async () => {
  const { accessToken, refreshToken } = await signIn(near.anonymous, near.credentials);
  const there = new Client(() => far.url, { authorization: `Bearer ${accessToken}` });
  expect((await there.get('/v1/me')).status).toBe(200);
  await near.anonymous.post('/api/v1/auth/logout', { refresh_token: refreshToken });
  await until('it has ended', async () => (await there.get('/v1/me')).status === 401, 1_000);
});

test('while the database is away, callers are told to come back, and it recovers alone', async () => {
  const before = await far.sdk(apiKey).platform.queue();
  await near.stop();
  const refused = await until('the database is missed', async () => {
    const answer = await far.as(apiKey).post('/api/eval', { code: 'print("never")' });
    return answer.status === 200 ? null : answer;
  });
  expect(refused).toMatchObject({ status: 503, body: { error: 'Service unavailable', status_code: 503 } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  const readiness = await far.anonymous.get('/readyz');
  expect(readiness).toMatchObject({ status: 503, body: { status: 'not_ready' } });
  expect(readiness.text).toMatch(/"database","ok":false/);
  expect((await far.anonymous.get('/healthz')).status).toBe(200);
  expect((await far.anonymous.get('/api/status')).body).toMatchObject({ platform: 'unhealthy' });

  await near.start();
  await near.ready();
  await far.ready(15_000);
  expect(await far.sdk(apiKey).platform.queue()).toMatchObject({ total_tasks: before.total_tasks });
  const { body } = await far.as(apiKey).post('/api/eval?wait=30', { code: 'print("back")' });
  expect(body).toMatchObject({ status: 'completed', output: 'back\n' });
});

test('nothing of all this ended twice', async () => {
  for (const ends of endsOf(await readHistory(near)).values()) expect(ends).toHaveLength(1);
});
