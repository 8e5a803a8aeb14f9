import { cpus } from 'node:os';
import { type SocketMessage, SubmitAnswer } from '@assay/contract';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Client } from './harness/client.ts';
import { inDatabase } from './harness/database.ts';
import { signIn } from './harness/route-call.ts';
import { expectAsShown, SEED_ROUTES, seedBlock, seedJson } from './harness/seed.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { until } from './harness/until.ts';

/*
 * The seed, word for word: its requests are read from its text and sent, and the answers are held to what it shows.
 * `docs/seed-crucible-platform.md` says which line is held by which test. Limits are on; each test that makes more
 * than a few requests has a key of its own.
 */
const server = await Server.start();
afterAll(() => server[Symbol.asyncDispose]());

const JSON_TYPE = { 'content-type': 'application/json' };
const newKey = async (): Promise<string> =>
  (await server.sdk().apiKeys.create({ name: 'Key of a test', permission_set: 'full_access' })).raw_key;
const newClient = async (): Promise<Client> => server.as(await newKey());

/** Sends a request line of the seed, with its body as it stands there. */
function sendAsWritten(client: Client, line: string, body?: string, evalId = ''): ReturnType<Client['send']> {
  const [method = '', path = ''] = line.split(' ');
  return client.send(method, path.replace('{eval_id}', evalId), body === undefined ? {} : { body, headers: JSON_TYPE });
}

async function submit(client: Client, request: object): Promise<string> {
  return SubmitAnswer.parse((await client.post('/api/eval', request)).body).eval_id;
}

/** Sees everything that happens, so that tests need not spend their allowance of requests on asking. */
const watcher = await Socket.open<SocketMessage>(server.url, '/ws', { 'x-api-key': server.credentials.apiKey });
afterAll(() => watcher[Symbol.dispose]());

const isRunning = (id: string): Promise<SocketMessage> =>
  watcher.message(`${id} runs`, ({ eval_id, data }) => eval_id === id && data['status'] === 'running', 30_000);

/** Waits for an end by polling the status, as the seed advises. */
const ended = (client: Client, id: string): Promise<{ status: string; output: string }> =>
  until(`${id} ends`, async () => {
    const { body } = await client.get(`/api/eval-status/${id}?wait=10`);
    const evaluation = body as { status: string; output: string };
    return ['queued', 'running'].includes(evaluation.status) ? null : evaluation;
  });

const LONG = 'import time\nprint("started", flush=True)\ntime.sleep(60)';

describe('authentication', () => {
  test('an API key is a credential in X-API-Key', async () => {
    expect(seedBlock('API Key Authentication')).toContain('-H "X-API-Key: ');
    const client = new Client(() => server.url, { 'X-API-Key': await newKey() });
    expect((await client.get('/api/queue-status')).status).toBe(200);
  });

  test('a JWT is a credential in Authorization: Bearer', async () => {
    expect(seedBlock('JWT Authentication')).toContain('-H "Authorization: Bearer ');
    const { accessToken } = await signIn(server.anonymous, server.credentials);
    expect(accessToken.split('.')).toHaveLength(3);
    const client = new Client(() => server.url, { Authorization: `Bearer ${accessToken}` });
    expect((await client.get('/api/queue-status')).status).toBe(200);
  });

  test('every path of the seed is served, and most of them only to callers with a credential', async () => {
    expect(SEED_ROUTES).toHaveLength(10);
    const open = ['GET /api/status', 'GET /api/openapi.yaml', 'GET /docs'];
    for (const route of SEED_ROUTES) {
      const { status } = await sendAsWritten(server.anonymous, route, undefined, 'eval_20250629_123456_abc123');
      expect(`${route} ${status}`).toBe(`${route} ${open.includes(route) ? 200 : 401}`);
    }
  });
});

describe('POST /api/eval', () => {
  const route = seedBlock('Submit Evaluation');
  const request = seedBlock('Submit Evaluation', 'Request Body');

  test('a submission, word for word, answers as the seed shows', async () => {
    const client = await newClient();
    const answer = await sendAsWritten(client, route, request);
    expect(answer.status).toBe(200);
    expectAsShown(answer.body, seedJson('Submit Evaluation', 'Response'));
    expect(answer.body).toEqual({
      eval_id: expect.any(String),
      status: 'queued',
      message: 'Evaluation queued successfully',
      queue_position: expect.any(Number),
    });
    const { eval_id, queue_position } = SubmitAnswer.parse(answer.body);
    expect(queue_position).toBeGreaterThanOrEqual(1);
    expect(await ended(client, eval_id)).toMatchObject({ status: 'completed', output: 'Hello, World!\n' });
  });

  test('engine docker is served by an engine at least as strong, and the receipt says which', async () => {
    const assay = server.sdk(await newKey());
    const { eval_id } = await assay.evaluations.run(JSON.parse(request), { within: 30_000 });
    const { engine, engine_asked, receipt } = await assay.evaluations.get(eval_id);
    const { engines } = await assay.platform.engines();
    expect(engine_asked).toBe('docker');
    expect(receipt).toMatchObject({ engine, self_test: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(receipt?.level).toBeOneOf(['kernel', 'strong', 'container']);
    expect(engines).toContainEqual(expect.objectContaining({ engine, level: receipt?.level }));
  });
});

describe('GET /api/eval-status/{eval_id}', () => {
  const route = seedBlock('Get Evaluation Status');

  test('the status of an evaluation answers as the seed shows', async () => {
    const client = await newClient();
    const id = await submit(client, { code: "print('Hello, World!')", language: 'python' });
    await ended(client, id);
    const answer = await sendAsWritten(client, route, undefined, id);
    expect(answer.status).toBe(200);
    const shown = seedJson('Get Evaluation Status', 'Response');
    expectAsShown(answer.body, shown);
    expect(answer.body).toMatchObject({
      ...shown,
      eval_id: id,
      created_at: expect.any(String),
      completed_at: expect.any(String),
    });
  });

  test('an evaluation is queued while it waits, running while it executes, and completed at a good end', async () => {
    const client = await newClient();
    const statusOf = async (id: string) =>
      ((await client.get(`/api/eval-status/${id}`)).body as { status: string }).status;
    const fillers = await Promise.all(Array.from({ length: 2 * cpus().length }, () => submit(client, { code: LONG })));
    const last = await submit(client, { code: 'print(1)' });
    await Promise.any(fillers.map(isRunning));
    expect(await statusOf(last)).toBe('queued');
    expect(await Promise.all(fillers.map(statusOf))).toContain('running');
    for (const id of fillers) await client.post(`/api/eval/${id}/kill`);
    expect(await ended(client, last)).toMatchObject({ status: 'completed', success: true });
  });

  test('a program that fails has the status failed, and its error output is shown', async () => {
    const client = await newClient();
    const id = await submit(client, { code: 'import sys\nprint("why", file=sys.stderr)\nsys.exit(3)' });
    expect(await ended(client, id)).toMatchObject({ status: 'failed', error: 'why\n', success: false, exit_code: 3 });
  });

  test('a program that runs longer than its timeout has the status timeout', async () => {
    const client = await newClient();
    const id = await submit(client, { code: LONG, timeout: 1 });
    expect(await ended(client, id)).toMatchObject({ status: 'timeout', output: 'started\n', success: false });
  });
});

test('POST /api/eval-batch, word for word, answers as the seed shows', async () => {
  const client = await newClient();
  const request = seedBlock('Batch Submit', 'Request Body');
  const answer = await sendAsWritten(client, seedBlock('Batch Submit'), request);
  expect(answer.status).toBe(200);
  const shown = seedJson('Batch Submit', 'Response');
  expectAsShown(answer.body, shown);
  expect(answer.body).toMatchObject({ total: 2, queued: 2, failed: 0 });
  const { evaluations } = answer.body as { evaluations: { eval_id: string }[] };
  expect(new Set(evaluations.map(({ eval_id }) => eval_id)).size).toBe(2);
  const outputs = evaluations.map(async ({ eval_id }) => (await ended(client, eval_id)).output);
  expect(await Promise.all(outputs)).toEqual(['Test 1\n', 'Test 2\n']);
});

describe('GET /api/eval/{eval_id}/logs', () => {
  const route = seedBlock('Get Evaluation Logs');

  test('the logs of a completed evaluation answer as the seed shows', async () => {
    const client = await newClient();
    const id = await submit(client, { code: String.raw`print('Hello, World!\nProcessing...\nDone!', end='')` });
    await ended(client, id);
    const answer = await sendAsWritten(client, route, undefined, id);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ ...seedJson('Get Evaluation Logs', 'Response'), eval_id: id });
  });

  test('the logs of a running evaluation show what it has written until now', async () => {
    const client = await newClient();
    const id = await submit(client, { code: LONG });
    const isOutput = ({ type, eval_id }: SocketMessage): boolean => eval_id === id && type === 'output_chunk';
    await watcher.message('its first output', isOutput, 30_000);
    const { body } = await sendAsWritten(client, route, undefined, id);
    expect(body).toEqual({
      eval_id: id,
      output: 'started\n',
      error: '',
      is_running: true,
      exit_code: null,
      status: 'running',
    });
    await client.post(`/api/eval/${id}/kill`);
  });
});

test('POST /api/eval/{eval_id}/kill ends a running evaluation and answers as the seed shows', async () => {
  const client = await newClient();
  const id = await submit(client, { code: LONG });
  await isRunning(id);
  const answer = await sendAsWritten(client, seedBlock('Kill Evaluation'), undefined, id);
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ ...seedJson('Kill Evaluation', 'Response'), eval_id: id });
  expect(await ended(client, id)).toMatchObject({ success: false });
});

test('GET /api/queue-status answers as the seed shows, and adds up', async () => {
  const answer = await sendAsWritten(server.as(), seedBlock('Queue Status'));
  expect(answer.status).toBe(200);
  expectAsShown(answer.body, seedJson('Queue Status', 'Response'));
  const { queued, processing, queue_length, total_tasks } = answer.body as Record<string, number>;
  expect(Object.keys(answer.body as object)).toHaveLength(4);
  expect(queue_length).toBe((queued ?? 0) + (processing ?? 0));
  expect(total_tasks).toBeGreaterThanOrEqual(queue_length ?? 0);
});

test('GET /api/status answers as the seed shows, with what is really so', async () => {
  const client = await newClient();
  await ended(client, await submit(client, { code: 'print(1)' }));
  const answer = await sendAsWritten(client, seedBlock('Platform Status'));
  expect(answer.status).toBe(200);
  const { storage, ...shown } = seedJson('Platform Status', 'Response') as { storage: object };
  expectAsShown(answer.body, shown);
  const healthy = { gateway: 'healthy', queue: 'healthy', storage: 'healthy', executor: 'healthy' };
  expect(answer.body).toMatchObject({ platform: 'healthy', mode: 'embedded', services: healthy });
  const { by_status, total_evaluations } = (
    answer.body as { storage: { by_status: Record<string, number>; total_evaluations: number } }
  ).storage;
  expect(Object.keys(storage)).toEqual(['total_evaluations', 'by_status']);
  expect(by_status['completed']).toBeGreaterThanOrEqual(1);
  expect(total_evaluations).toBe(Object.values(by_status).reduce((sum, count) => sum + count, 0));
});

describe('GET /api/evaluations', async () => {
  const client = await newClient();
  type Page = {
    evaluations: { eval_id: string; status: string }[];
    count: number;
    limit: number;
    offset: number;
    has_more: boolean;
  };
  const list = async (query: string): Promise<Page> => (await client.get(`/api/evaluations${query}`)).body as Page;
  const code = `print(1) # ${'long '.repeat(40)}`;
  const batched: string[] = [];
  for (const size of [60, 45]) {
    const { body } = await client.post('/api/eval-batch', { evaluations: Array(size).fill({ code }) });
    batched.push(...(body as Pick<Page, 'evaluations'>).evaluations.map(({ eval_id }) => eval_id));
  }
  const isEnd = ({ eval_id, type }: SocketMessage): boolean => type === 'completed' && batched.includes(eval_id ?? '');
  await until('all have ended', () => watcher.messages.filter(isEnd).length === batched.length, 60_000);

  test('a list, word for word, answers as the seed shows', async () => {
    const answer = await sendAsWritten(client, seedBlock('List Evaluations'));
    expect(answer.status).toBe(200);
    expectAsShown(answer.body, seedJson('List Evaluations', 'Response'));
    const page = answer.body as Page;
    expect(page).toMatchObject({ limit: 20, offset: 0, has_more: true });
    expect(page.evaluations).toHaveLength(20);
    expect(page.count).toBeGreaterThanOrEqual(105);
    expect(new Set(page.evaluations.map(({ status }) => status))).toEqual(new Set(['completed']));
  });

  test('a preview of long code ends in three dots', async () => {
    const { evaluations } = await list('?limit=1000');
    const long = evaluations.find(({ eval_id }) => eval_id === batched[0]);
    expect(long).toMatchObject({ code_preview: expect.stringMatching(/^print\(1\) # long.*\.\.\.$/) });
  });

  test('limit is 100 unless asked otherwise, and at most 1000', async () => {
    expect(await list('')).toMatchObject({ limit: 100, offset: 0, has_more: true });
    expect((await list('')).evaluations).toHaveLength(100);
    const all = await list('?limit=1000');
    expect(all.evaluations).toHaveLength(all.count);
    expect(all.has_more).toBe(false);
    expect((await client.get('/api/evaluations?limit=1001')).status).toBe(400);
  });

  test('offset skips, and pages neither repeat nor miss one', async () => {
    const whole = (await list('?limit=1000')).evaluations.map(({ eval_id }) => eval_id);
    const pages: string[] = [];
    for (let offset = 0, more = true; more; offset += 40) {
      const page = await list(`?limit=40&offset=${offset}`);
      pages.push(...page.evaluations.map(({ eval_id }) => eval_id));
      more = page.has_more;
    }
    expect(pages).toEqual(whole);
  });

  test.each(['queued', 'running', 'completed', 'failed', 'timeout', 'cancelled'])(
    'status=%s filters',
    async (status) => {
      const page = await list(`?limit=1000&status=${status}`);
      expect(page.evaluations.filter((item) => item.status !== status)).toEqual([]);
      expect(page.evaluations).toHaveLength(page.count);
    },
  );
});

describe('/ws', () => {
  const connect = async (query = ''): Promise<Socket<SocketMessage>> =>
    Socket.open<SocketMessage>(server.url, `/ws${query}`, { 'x-api-key': server.credentials.apiKey });
  const about = (socket: Socket<SocketMessage>, id: string): SocketMessage[] =>
    socket.messages.filter(({ eval_id }) => eval_id === id);

  test('a WebSocket is told of a status change in the format of the seed', async () => {
    expect(seedBlock('Real-time Updates')).toMatch(/\/ws$/);
    using socket = await connect();
    const id = await submit(await newClient(), { code: 'print(1)' });
    const message = await socket.message(
      'it runs',
      ({ type, eval_id, data }) => eval_id === id && type === 'status_update' && data['status'] === 'running',
    );
    expectAsShown(message, seedJson('WebSocket Endpoints', 'Message Format'));
  });

  test('status_update, output_chunk and completed tell the life of an evaluation in order', async () => {
    using socket = await connect();
    const code = 'import time\nfor n in range(3):\n  print(n, flush=True)\n  time.sleep(0.3)';
    const id = await submit(await newClient(), { code });
    await socket.message('its end', ({ type, eval_id }) => eval_id === id && type === 'completed');
    const told = about(socket, id);
    expect(told.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1])).toEqual([
      'status_update',
      'output_chunk',
      'completed',
    ]);
    expect(told.filter(({ type }) => type === 'status_update').map(({ data }) => data['status'])).toEqual([
      'queued',
      'running',
    ]);
    expect(told.at(-1)?.data).toMatchObject({ status: 'completed', success: true, exit_code: 0 });
    const output = told
      .filter(({ type }) => type === 'output_chunk')
      .map(({ data }) => data['output'])
      .join('');
    expect('0\n1\n2\n').toContain(output);
    expect(output).toMatch(/^0\n/);
  });

  test('an error is told as a message of the type error', async () => {
    using socket = await connect();
    socket.send('nonsense');
    const message = await socket.message('an error', ({ type }) => type === 'error');
    expect(message.data).toEqual({ error: expect.any(String) });
  });

  test('a WebSocket that comes back with ?after= misses nothing and sees nothing twice', async () => {
    const client = await newClient();
    const first = await connect();
    const id = await submit(client, { code: 'print(1)' });
    await first.message('its end', ({ type, eval_id }) => eval_id === id && type === 'completed');
    first[Symbol.dispose]();
    const told = about(first, id);
    const missed = await submit(client, { code: 'print(2)' });
    await ended(client, missed);

    using again = await connect(`?after=${told[0]?.id}`);
    await again.message('the end of the other', ({ type, eval_id }) => eval_id === missed && type === 'completed');
    expect(about(again, id)).toEqual(told.slice(1));
    expect(about(again, missed).map(({ type }) => type)).toContain('status_update');
    const ids = again.messages.map((message) => message.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('?eval_id= and a subscribe message narrow a WebSocket to one evaluation', async () => {
    const client = await newClient();
    const watched = await submit(client, { code: LONG });
    using byQuery = await connect(`?eval_id=${watched}`);
    using byMessage = await connect();
    byMessage.send({ type: 'subscribe', eval_id: watched });
    // The server has taken the subscription once it has answered what came after it.
    byMessage.send('nonsense');
    await byMessage.message('the answer', ({ type }) => type === 'error');
    const other = await submit(client, { code: 'print(1)' });
    await ended(client, other);
    await client.post(`/api/eval/${watched}/kill`);
    for (const socket of [byQuery, byMessage]) {
      await socket.message(
        'the end of the watched one',
        ({ type, eval_id }) => eval_id === watched && type === 'completed',
      );
      expect(about(socket, other)).toEqual([]);
    }
  });
});

describe('errors', () => {
  const shown = seedJson('Error Handling');

  test('a missing code field answers word for word as the seed shows', async () => {
    const answer = await server.as().post('/api/eval', {});
    expect(answer).toMatchObject({ status: 400, body: shown });
  });

  test('400, 401, 403 and 404 have the format of the seed', async () => {
    const { raw_key } = await server.sdk().apiKeys.create({ name: 'Reads only', permission_set: 'read_only' });
    const answers = [
      [400, 'Validation error', await server.as().post('/api/eval', '{')],
      [401, 'Unauthorized', await server.anonymous.post('/api/eval', { code: 'print(1)' })],
      [403, 'Forbidden', await server.as(raw_key).post('/api/eval', { code: 'print(1)' })],
      [404, 'Not found', await server.as().get('/api/eval-status/eval_20250629_123456_abc123')],
    ] as const;
    for (const [status, error, answer] of answers) {
      expectAsShown(answer.body, shown);
      expect(answer).toMatchObject({ status, body: { error, status_code: status } });
      expect(Object.keys(answer.body as object)).toHaveLength(3);
    }
  });

  test('a fault of ours is 500 in the format of the seed, and says nothing of its cause', async () => {
    await inDatabase(server, (sql) => sql.query('revoke select on evaluations from assay_app'));
    try {
      const answer = await server.as().get('/api/evaluations');
      expectAsShown(answer.body, shown);
      expect(answer).toMatchObject({ status: 500, body: { error: 'Internal server error', status_code: 500 } });
      expect(answer.text).not.toMatch(/permission|relation|evaluations|select/i);
    } finally {
      await inDatabase(server, (sql) => sql.query('grant select on evaluations to assay_app'));
    }
  });
});

describe('rate limits', () => {
  const limitOf = ({ headers }: { headers: Headers }) => ({
    limit: Number(headers.get('x-ratelimit-limit')),
    remaining: Number(headers.get('x-ratelimit-remaining')),
    resetIn: Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000,
  });

  /** Makes as many requests as are left, and gives the refusal of one more. */
  async function exhaust(limit: number, request: () => ReturnType<Client['get']>, used = 0) {
    for (let left = limit - used - 1; left >= 0; left--) {
      const answer = await request();
      expect(answer.status).toBe(200);
      expect(limitOf(answer)).toMatchObject({ limit, remaining: left });
    }
    const refused = await request();
    expectAsShown(refused.body, seedJson('Error Handling'));
    expect(refused).toMatchObject({ status: 429, body: { error: 'Rate limit exceeded', status_code: 429 } });
    expect(limitOf(refused)).toMatchObject({ limit, remaining: 0 });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    return refused;
  }

  test('an authenticated caller has 100 requests a minute, counted in the headers of every answer', async () => {
    const client = await newClient();
    const refused = await exhaust(100, () => client.get('/api/queue-status'));
    expect(limitOf(refused).resetIn).toBeGreaterThan(0);
    expect(limitOf(refused).resetIn).toBeLessThanOrEqual(61);
    expect(refused.headers.get('ratelimit')).toMatch(/r=0;t=\d+$/);
    expect((await server.as().get('/api/queue-status')).status).toBe(200);
  });

  test('batches are limited to 10 a minute', async () => {
    const client = await newClient();
    const items = { evaluations: [{ code: 'print(1)' }] };
    await exhaust(10, () => client.post('/api/eval-batch', items));
    expect((await client.get('/api/queue-status')).status).toBe(200);
  });

  test('an anonymous caller has 10 requests a minute', async () => {
    const { remaining } = limitOf(await server.anonymous.get('/api/status'));
    await exhaust(10, () => server.anonymous.get('/api/status'), 10 - remaining);
    expect((await server.as().get('/api/status')).status).toBe(200);
  });
});

test('a correlation id comes back in the answer, also when that is a refusal', async () => {
  const headers = { 'X-Request-Id': 'order-4711/step.2' };
  for (const path of ['/api/queue-status', '/api/eval-status/none']) {
    expect((await server.as().get(path, headers)).headers.get('x-request-id')).toBe('order-4711/step.2');
  }
  expect((await server.as().get('/api/queue-status')).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

describe('documents', () => {
  test('GET /api/openapi.yaml is OpenAPI 3.0, names every route of the seed, and passes a linter', async () => {
    const { status, headers, text } = await sendAsWritten(server.anonymous, seedBlock('OpenAPI Specification'));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/yaml/);
    const document = parse(text) as { openapi: string; paths: Record<string, Record<string, unknown>> };
    expect(document.openapi).toMatch(/^3\.0\.\d$/);
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const ofTheSeed = SEED_ROUTES.map((route) => route.split('?')[0]).filter(
      (route) => !/openapi|docs/.test(route ?? ''),
    );
    expect(described).toEqual(expect.arrayContaining(ofTheSeed));
    expect(await lint(text)).toEqual([]);
  });

  test('GET /openapi.json is OpenAPI 3.1 and passes a linter', async () => {
    const { status, text, body } = await server.anonymous.get('/openapi.json');
    expect(status).toBe(200);
    expect(body).toMatchObject({ openapi: expect.stringMatching(/^3\.1\.\d$/) });
    expect(await lint(text)).toEqual([]);
  });

  const lint = async (source: string): Promise<string[]> => {
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({ source, config });
    return problems
      .filter(({ severity }) => severity === 'error')
      .map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`);
  };

  test('GET /docs is an interactive page that loads nothing from elsewhere', async () => {
    const page = await server.anonymous.get('/docs');
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining('swagger') });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, source]) => new URL(source ?? '', `${server.url}/docs/`),
    );
    expect(sources.length).toBeGreaterThan(2);
    for (const source of sources) {
      expect(source.origin).toBe(server.url);
      expect((await server.anonymous.get(source.pathname)).status).toBe(200);
    }
  });
});
