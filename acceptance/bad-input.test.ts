import { randomUUID } from 'node:crypto';
import { EvaluationsError, evaluationRoutes, SubmitAnswer } from '@assay/contract';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { RawConnection } from './harness/raw-connection.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { addTenant } from './harness/tenant.ts';

/* What callers and programs send by mistake or in bad faith: each is answered in the seed's shape, with what to change. */
const server = await Server.start({ env: { ASSAY_RATE_LIMITS: 'off' } });
afterAll(() => server[Symbol.asyncDispose]());
const me = server.as();
const { evaluations } = server.sdk();

const MEBIBYTE = 1 << 20;
const CODE = "print('good')";

/** Holds an answer to the shape of the seed's errors, and to naming what is wrong. */
function expectRefusal(answer: Answer, status: number, detail: string | RegExp): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error: expect.any(String), detail: expect.stringMatching(detail), status_code: status },
  });
  expect(EvaluationsError.parse(answer.body).detail).not.toMatch(/undefined|\[object|Error:|\bat \w+ \(/);
}

const submitted = async (): Promise<number> =>
  ((await me.get('/api/queue-status')).body as { total_tasks: number }).total_tasks;

describe('a refused request', () => {
  let before = 0;
  beforeEach(async () => {
    before = await submitted();
  });
  afterEach(async () => {
    expect(await submitted()).toBe(before);
  });

  test('without code says what the seed says', async () => {
    const answer = await me.post('/api/eval', { language: 'python' });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'Validation error', detail: 'Code field is required', status_code: 400 },
    });
  });

  const withCode = (fields: object): object => ({ code: CODE, ...fields });
  const withFile = (path: string, content = 'aGk='): object => withCode({ files: [{ path, content }] });

  test.each<[string, object, RegExp]>([
    ['empty code', { code: '' }, /code.*blank/],
    ['blank code', { code: ' \n\t' }, /code.*blank/],
    ['code that is no text', { code: 7 }, /code.*string/],
    ['code over 1 MiB', { code: '#'.repeat(MEBIBYTE + 1) }, /code.*1 MiB/],
    ['code over 1 MiB of UTF-8 in fewer characters', { code: 'ü'.repeat(MEBIBYTE / 2 + 1) }, /code.*1 MiB/],
    ['code with a NUL character', { code: 'print(1)\0' }, /code.*NUL/],
    ['an unknown language', withCode({ language: 'cobol' }), /cobol.*python/],
    ['an unknown engine', withCode({ engine: 'vmware' }), /vmware.*bubblewrap/],
    ['timeout 0', withCode({ timeout: 0 }), /timeout.*1/],
    ['timeout 301', withCode({ timeout: 301 }), /timeout.*300/],
    ['timeout "30"', withCode({ timeout: '30' }), /timeout.*number/],
    ['timeout 1.5', withCode({ timeout: 1.5 }), /timeout.*int/],
    ['timeout null', withCode({ timeout: null }), /timeout.*number/],
    ['negative memory', withCode({ memory_mb: -1 }), /memory_mb.*16/],
    ['more memory than there may be', withCode({ memory_mb: 1_000_000 }), /memory_mb.*4096/],
    ['no processes', withCode({ processes: 0 }), /processes.*1/],
    ['no CPU', withCode({ cpu: 0 }), /cpu.*0\.1/],
    ['a negative priority', withCode({ priority: -1 }), /priority.*0/],
    ['a network', withCode({ network: 'host' }), /network.*none/],
    ['an unknown field', withCode({ timout: 30 }), /timout/],
    ['an argument that is no text', withCode({ args: [1] }), /args\.0/],
    ['too many arguments', withCode({ args: Array(101).fill('x') }), /args.*100/],
    ['an impossible environment name', withCode({ env: { 'A=B': 'x' } }), /env.*name/],
    ['an environment value with a NUL character', withCode({ env: { A: 'x\0' } }), /env\.A.*NUL/],
    ['a file that is not base64', withFile('a.txt', 'not base64!'), /files\.0\.content/],
    ['a file path that climbs out', withFile('../etc/passwd'), /files\.0\.path.*relative/],
    ['a file path that climbs out from inside', withFile('a/../../etc/passwd'), /files\.0\.path.*relative/],
    ['an absolute file path', withFile('/etc/passwd'), /files\.0\.path.*relative/],
    ['a file path that is no file', withFile('a/'), /files\.0\.path.*relative/],
    ['a file path with a backslash', withFile('..\\windows'), /files\.0\.path.*relative/],
    ['a file path with a NUL character', withFile('a\0b'), /files\.0\.path.*relative/],
    ['an output path that climbs out', withCode({ outputs: ['../../root/*'] }), /outputs\.0.*relative/],
    ['metadata over 16 KiB', withCode({ metadata: { a: 'x'.repeat(20_000) } }), /metadata.*16 KiB/],
  ])('with %s says what to change', async (_, body, detail) => {
    expectRefusal(await me.post('/api/eval', body), 400, new RegExp(detail.source, 'is'));
  });

  test.each([
    ['nothing at all', '', /empty/],
    ['half a document', '{"code": "print(', /JSON/],
    ['something that is not JSON', 'code=print(1)', /JSON/],
    ['bytes that are not UTF-8', Buffer.from('{"code":"\xff\xfe"}', 'latin1'), /UTF-8/],
    ['a document that nests too deep', '['.repeat(10_000) + ']'.repeat(10_000), /nest|level/],
    ['a prototype', '{"code":"print(1)","__proto__":{"engine":"none"}}', /__proto__/],
    ['an array', '[]', /object/],
    ['a bare string', '"print(1)"', /object/],
    ['null', 'null', /object/],
    ['a number beyond all numbers', '{"code":"print(1)","timeout":1e999}', /number that is too large/],
  ])('of %s says what is wrong with it', async (_, body, detail) => {
    expectRefusal(await me.post('/api/eval', body), 400, detail);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'with the content type %s says which one to use',
    async (type) => {
      const answer = await me.post('/api/eval', JSON.stringify({ code: CODE }), { 'content-type': type });
      expectRefusal(answer, 415, /application\/json/);
    },
  );

  test.each([true, false])(
    'with a body of 50 MB is answered before it has all been sent (length announced: %s)',
    async (isAnnounced) => {
      await using connection = await RawConnection.open(server.url);
      const answer = await connection.upload('/api/eval', {
        headers: { 'x-api-key': server.credentials.apiKey, 'content-type': 'application/json' },
        bytes: 50_000_000,
        isAnnounced,
      });
      expect(answer.status).toBe(413);
      expect(EvaluationsError.parse(JSON.parse(answer.body))).toMatchObject({ status_code: 413 });
      expect(answer.detail).toMatch(/2 MiB/);
      expect(answer.sent).toBeLessThan(20_000_000);
    },
  );

  test('with a body of 50 MB is answered also when its sender reads nothing before the end', async () => {
    for (let again = 0; again < 3; again++) {
      expectRefusal(await me.post('/api/eval', new Uint8Array(50_000_000)), 413, /2 MiB/);
    }
  });

  test.each([
    ['101 items', { evaluations: Array(101).fill({ code: CODE }) }, /evaluations.*100/],
    ['no items', { evaluations: [] }, /evaluations.*1/],
    ['items that are no list', { evaluations: { code: CODE } }, /evaluations.*array/],
    ['no list', {}, /Evaluations field is required/],
  ])('for a batch of %s says what a batch is', async (_, body, detail) => {
    expectRefusal(await me.post('/api/eval-batch', body), 400, new RegExp(detail.source, 's'));
  });

  const IDS = [
    'eval_20250629_123456_abc123',
    randomUUID(),
    "'; drop table evaluations; --",
    '..%2f..%2fetc%2fpasswd',
    '%F0%9F%92%A9',
    'x'.repeat(64),
  ];
  const ABOUT_ONE = [
    'GET /api/eval-status/ID',
    'GET /api/eval/ID',
    'GET /api/eval/ID/logs',
    'POST /api/eval/ID/kill',
    'POST /api/eval/ID/cancel',
    'POST /api/dead-letters/ID/retry',
  ];
  test.each(ABOUT_ONE)('%s about an unknown id answers that there is none', async (route) => {
    const [method = '', path = ''] = route.split(' ');
    for (const id of IDS) {
      const asPath = id.includes('%') ? id : encodeURIComponent(id);
      expectRefusal(await me.send(method, path.replace('ID', asPath)), 404, /There is no/);
    }
    expectRefusal(await me.send(method, path.replace('ID', 'x'.repeat(65))), 400, /eval_id.*64/);
    expectRefusal(await me.send(method, path.replace('ID', '%00')), 400, /NUL/);
    const absurd = await me.send(method, path.replace('ID', 'x'.repeat(5_000)));
    expect(absurd.status).toBeOneOf([400, 404, 414]);
  });

  test.each([
    ['limit=0', /limit.*1/],
    ['limit=1001', /limit.*1000/],
    ['limit=abc', /limit/],
    ['offset=-1', /offset.*0/],
    ['offset=99999999999999999999', /offset/],
    ['status=done', /status.*completed/],
    ['limit=1&limit=2', /limit/],
  ])('for a list with %s says what may be asked', async (query, detail) => {
    expectRefusal(await me.get(`/api/evaluations?${query}`), 400, new RegExp(detail.source, 's'));
  });

  test.each(['wait=61', 'wait=-1', 'wait=long'])('to wait with %s says how long may be waited', async (query) => {
    expectRefusal(await me.post(`/api/eval?${query}`, { code: CODE }), 400, /wait/);
  });

  test.each(['', 'a b', 'ü'.repeat(3), 'x'.repeat(256)])(
    'with the idempotency key "%s" says what one is',
    async (key) => {
      const header = { 'idempotency-key': Buffer.from(key).toString('latin1') };
      expectRefusal(await me.post('/api/eval', { code: CODE }, header), 400, /Idempotency-Key/);
    },
  );

  test('with an idempotency key of another body says so', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    expect((await me.post('/api/eval?wait=0', { code: CODE }, headers)).status).toBe(200);
    before += 1;
    expectRefusal(await me.post('/api/eval?wait=0', { code: `${CODE} ` }, headers), 422, /another body/);
  });

  test.each(['PUT', 'PATCH', 'DELETE'])(
    'with the method %s is answered in the shape of the surface',
    async (method) => {
      expectRefusal(await me.send(method, '/api/eval', { body: { code: CODE } }), 404, /nothing at/);
    },
  );

  test('with absurd headers is answered, not dropped', async () => {
    const answer = await me.get('/api/evaluations', { 'x-nonsense': 'x'.repeat(40_000) });
    expect(answer.status).toBe(431);
  });
});

test('an unknown path answers in the shape of the surface that it belongs to', async () => {
  expectRefusal(await me.get('/api/nowhere'), 404, /nothing at GET \/api\/nowhere/);
  expect(await me.get('/v1/nowhere')).toMatchObject({
    status: 404,
    body: { data: null, error: { code: 'not_found' } },
  });
  expect(await me.get('/api/v1/nowhere')).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
});

test('one bad item of a batch does not keep the good ones from running', async () => {
  const items = [
    { code: "print('first')" },
    { code: '' },
    { code: CODE, language: 'cobol' },
    7,
    { code: "print('last')" },
  ];
  const answer = await me.post('/api/eval-batch', { evaluations: items });
  expect(answer.status).toBe(200);
  const batch = evaluationRoutes.submitBatch.answers[200].schema.parse(answer.body);
  expect(batch).toMatchObject({ total: 5, queued: 2, failed: 3 });
  expect(batch.evaluations.map(({ status }) => status)).toEqual(['queued', 'failed', 'failed', 'failed', 'queued']);
  expect(batch.evaluations[1]).toMatchObject({ eval_id: null, message: expect.stringMatching(/code.*blank/) });
  expect(batch.evaluations[2]).toMatchObject({ message: expect.stringContaining('cobol') });
  const outputs = [batch.evaluations[0], batch.evaluations[4]].map(async (item) =>
    evaluations.waitForEnd(item?.eval_id ?? '', { within: 30_000 }),
  );
  expect((await Promise.all(outputs)).map(({ output }) => output)).toEqual(['first\n', 'last\n']);
});

test('the id of another organization is not found', async () => {
  const { apiKey } = await addTenant(server, 'other');
  const { eval_id } = SubmitAnswer.parse((await server.as(apiKey).post('/api/eval', { code: CODE })).body);
  for (const path of [`/api/eval/${eval_id}`, `/api/eval-status/${eval_id}`, `/api/eval/${eval_id}/logs`]) {
    expectRefusal(await me.get(path), 404, /There is no evaluation/);
  }
  expectRefusal(await me.post(`/api/eval/${eval_id}/kill`), 404, /There is no evaluation/);
  expect(await server.sdk(apiKey).evaluations.waitForEnd(eval_id)).toMatchObject({ status: 'completed' });
});

describe('output', () => {
  const run = async (code: string, timeout = 60) => {
    const { eval_id } = await evaluations.run({ code, timeout }, { within: 90_000 });
    return evaluations.get(eval_id);
  };
  const download = async (id: string | null): Promise<Buffer> => {
    const response = await fetch(`${server.url}/v1/assets/${id}`, {
      headers: { 'x-api-key': server.credentials.apiKey },
    });
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };

  test('that is binary is shown as text and kept byte for byte', async () => {
    const record = await run('import sys; sys.stdout.buffer.write(bytes(range(256)) * 8)');
    expect(record).toMatchObject({ status: 'completed', exit_code: 0, output_truncated: false });
    const whole = Buffer.from(Array.from({ length: 2048 }, (_, index) => index % 256));
    expect((await download(record.output_asset_id)).equals(whole)).toBe(true);
    expect(record.output).toContain('ABCDEFG');
  });

  test('that is not valid UTF-8 is shown with replacement characters and kept byte for byte', async () => {
    const record = await run(String.raw`import sys; sys.stderr.buffer.write(b'caf\xe9 \xf0\x9f ok \x00')`);
    expect(record).toMatchObject({ status: 'completed', error: expect.stringMatching(/^caf\uFFFD .* ok \uFFFD$/u) });
    expect((await download(record.error_asset_id)).toString('latin1')).toBe('caf\xe9 \xf0\x9f ok \0');
  });

  test('of 1 GB ends the run at its limit, with the start of it kept', async () => {
    const record = await run("import sys\nfor n in range(1024): sys.stdout.write('x' * (1 << 20))");
    expect(record).toMatchObject({ status: 'failed', reason: 'output_limit', output_truncated: true });
    expect(record.message).toMatch(/output/i);
    expect(record.output).toHaveLength(MEBIBYTE);
    const kept = await download(record.output_asset_id);
    expect(kept.length).toBeGreaterThan(MEBIBYTE);
    expect(kept.length).toBeLessThanOrEqual(record.limits['output_bytes'] ?? 0);
  });
});

describe('a WebSocket client', () => {
  test.each([
    ['text that is not JSON', 'hello'],
    ['a message of no type', '{}'],
    ['a message of an unknown type', '{"type":"shout","eval_id":"x"}'],
    ['a subscription to nothing', '{"type":"subscribe"}'],
    ['an array', '[]'],
  ])('that sends %s is told so, and goes on', async (_, message) => {
    using socket = await Socket.open<{ type: string; eval_id: string; data: object }>(server.url, '/ws', {
      'x-api-key': server.credentials.apiKey,
    });
    socket.send(message);
    const error = await socket.message('an error', ({ type }) => type === 'error');
    expect(error).toEqual({ type: 'error', eval_id: null, data: { error: expect.any(String) } });
    const { eval_id } = await evaluations.submit({ code: CODE });
    await socket.message('the evaluation', (told) => told.eval_id === eval_id);
  });

  test('that sends a frame over the limit is closed', async () => {
    const socket = await Socket.open(server.url, '/ws', { 'x-api-key': server.credentials.apiKey });
    socket.send('x'.repeat(200_000));
    expect(await socket.closed).toMatchObject({ code: 1009 });
  });

  test('that never reads is cut off, and others see everything meanwhile', async () => {
    await using deaf = await RawConnection.open(server.url);
    await deaf.upgrade('/ws', { 'x-api-key': server.credentials.apiKey });
    deaf.pause();
    using reader = await Socket.open<{ type: string; eval_id: string }>(server.url, '/ws', {
      'x-api-key': server.credentials.apiKey,
    });
    const flood = "import sys\nfor n in range(7 * 1024): sys.stdout.write('x' * 1024)";
    const floods = [1, 2, 3, 4].map(() => evaluations.run({ code: flood, timeout: 60 }, { within: 90_000 }));
    const ended = await Promise.all(floods);
    for (const { eval_id } of ended) {
      await reader.message(`the end of ${eval_id}`, (told) => told.eval_id === eval_id && told.type === 'completed');
    }
    await deaf.isCut(20_000);
  });
});

test('after all of this the server still does its work', async () => {
  expect(await evaluations.run({ code: CODE }, { within: 30_000 })).toMatchObject({ output: 'good\n' });
  expect(server.stderr).not.toContain('"level":"error"');
});
