import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { dataOf, native, refusalOf, WorkflowClient } from './harness/workflow-client.ts';

/* Nodes that ask other services: one on loopback that the operator opened, and addresses that nobody opened. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_OUTBOUND_NETWORKS: '127.0.0.1/32' },
  awaitReady: false,
});
type Asked = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & { body: string };
const asked: Asked[] = [];
let behave: (response: ServerResponse, asked: Asked) => void = (response) => response.end();
const service = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { method, url, headers } = request;
  asked.push({ method, url, headers, body });
  behave(response, { method, url, headers, body });
});
service.listen(0, '127.0.0.1');
await once(service, 'listening');
const port = (service.address() as AddressInfo).port;
const base = `http://127.0.0.1:${port}`;
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  service.closeAllConnections();
  service.close();
});
const root = server.as();
const workflows = new WorkflowClient(server);
const SECRET = 'not/for everybody "at all"';
dataOf(await root.post('/v1/secrets', { name: 'their-key', value: SECRET }), 201);

const json = (response: ServerResponse, status: number, body: unknown): void =>
  void response.writeHead(status, { 'content-type': 'application/json', 'x-inner': 'x' }).end(JSON.stringify(body));

/** Runs one node, with what the service does. */
async function ran(name: string, config: object, more: object = {}, input: object = {}) {
  asked.length = 0;
  await workflows.define({ name, nodes: [native('ask', 'http', config, more)] });
  const id = await workflows.start(name, input);
  return { id, run: await workflows.ended(id) };
}

describe('a node that asks another service', () => {
  test('sends what its inputs say, a secret in a header, and gives the answer on without it', async () => {
    behave = (response, { headers }) => json(response, 201, { id: 7, heard: headers.authorization });
    const config = {
      method: 'POST',
      url: `${base}/orders/{{id}}?of={{who}}`,
      query: { page: '{{page}}' },
      headers: { Authorization: 'Bearer {{secret:their-key}}', 'X-Who': '{{who}}' },
    };
    const inputs = { id: 'a/../b', who: 'tea & co', page: 2, body: { lines: '$context.input.lines' } };
    const { id, run } = await ran('send', config, { inputs: { ...inputs, body: '$context.input' } }, { lines: [1] });
    expect(run).toMatchObject({
      state: 'completed',
      context: { ask: { status: 201, body: { id: 7, heard: 'Bearer [secret]' } } },
    });
    expect(asked).toEqual([
      {
        method: 'POST',
        url: '/orders/a%2F..%2Fb?of=tea%20%26%20co&page=2',
        body: '{"lines":[1]}',
        headers: expect.objectContaining({
          authorization: `Bearer ${SECRET}`,
          'x-who': 'tea & co',
          'content-type': 'application/json',
          'idempotency-key': `${id}:ask`,
          'user-agent': expect.stringMatching(/^Assay\//),
        }),
      },
    ]);
    expect(JSON.stringify(run)).not.toContain('x-inner');
    const everything = JSON.stringify([
      run,
      await workflows.node(id, 'ask'),
      await workflows.events(id, 'workflow.node.completed'),
    ]);
    expect(everything).not.toContain('for everybody');
    expect(server.stderr).not.toContain('for everybody');
    await until('the use of the secret is audited', async () => {
      const answer = await root.get('/v1/audit-logs?filter=event_type=secret.used');
      const { audit_logs } = dataOf<{ audit_logs: { principal: { id: string } }[] }>(answer);
      return audit_logs.some(({ principal }) => principal.id === id);
    });
  });

  test('tries again what another attempt may mend, under the same key, and nothing else', async () => {
    const again = { policy: { retries: 3, backoff: { first_ms: 1 } } };
    behave = (response) => (asked.length < 3 ? json(response, 503, {}) : json(response, 200, []));
    const mended = await ran('mended', { method: 'PUT', url: base }, again);
    expect(mended.run).toMatchObject({ state: 'completed', context: { ask: { body: [] } } });
    expect(new Set(asked.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(asked).toHaveLength(3);

    behave = (response) => json(response, 422, { why: 'no such line' });
    const { run } = await ran('lasting', { method: 'POST', url: base }, again);
    expect(run).toMatchObject({
      state: 'failed',
      error: { code: 'workflow_node.http_status', message: expect.stringContaining('422: {"why":"no such line"}') },
    });
    expect(asked).toHaveLength(1);
    const expected = await ran('expected', { url: base, expect: [422] }, again);
    expect(expected.run).toMatchObject({ state: 'completed', context: { ask: { status: 422 } } });
    expect(asked[0]?.headers['idempotency-key']).toBeUndefined();
  });

  test('waits as long as the service asks for, and no longer than its policy lets it', async () => {
    const answering = (retryAfter: string) => (response: ServerResponse) =>
      asked.length === 1 ? void response.writeHead(429, { 'retry-after': retryAfter }).end() : json(response, 200, {});
    const began = Date.now();
    behave = answering('1');
    const patient = await ran('patient', { url: base }, { policy: { retries: 1, backoff: { first_ms: 1 } } });
    expect(patient.run.state).toBe('completed');
    expect(asked).toHaveLength(2);
    expect(Date.now() - began).toBeGreaterThanOrEqual(1_000);
    behave = answering('3600');
    const bounded = { retries: 1, backoff: { first_ms: 1, most_ms: 20 } };
    expect((await ran('impatient', { url: base }, { policy: bounded })).run.state).toBe('completed');
  });

  test('takes no redirect, no endless answer, and no service that is silent', async () => {
    const again = { policy: { retries: 1, backoff: { first_ms: 1 } } };
    behave = (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    expect((await ran('redirected', { url: base }, again)).run).toMatchObject({
      error: { code: 'destination.redirected' },
    });
    behave = (response) => {
      const more = setInterval(() => response.write('x'.repeat(10_000)), 1);
      response.on('close', () => clearInterval(more));
    };
    expect((await ran('endless', { url: base, most_bytes: 100_000 }, again)).run).toMatchObject({
      error: { code: 'destination.too_large' },
    });
    expect(asked).toHaveLength(1);
    behave = () => {};
    const silent = await ran('silent', { url: base }, { policy: { timeout_ms: 50 } });
    expect(silent.run).toMatchObject({ state: 'failed', error: { code: expect.stringMatching(/timed_out|too_late/) } });
  });

  test('is given up when its run is cancelled', async () => {
    behave = () => {};
    asked.length = 0;
    await workflows.define({ name: 'cancelled', nodes: [native('ask', 'http', { url: base })] });
    const id = await workflows.start('cancelled');
    await until('the service is asked', () => asked.length === 1);
    const open = (): Promise<number> =>
      new Promise((resolve, reject) =>
        service.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    dataOf(await workflows.act(id, 'cancel'));
    await until('the connection is closed', async () => (await open()) === 0);
  });
});

describe('what may be asked', () => {
  const refused = (config: object, inputs: object = {}) =>
    root.post('/v1/workflow-definitions', { name: 'refused', nodes: [native('ask', 'http', config, { inputs })] });

  test('is no address inside, neither when a definition is made nor when a name leads there', async () => {
    for (const url of [
      'http://10.0.0.1/',
      'http://[::1]/',
      'https://{{host}}/',
      'ftp://x.example/',
      'http://2130706434/',
    ])
      expect(await refused({ url }, { host: 'x' }), url).toMatchObject({
        status: 400,
        body: { error: { details: { fields: [{ field: 'nodes.0.config.url' }] } } },
      });
    const { run } = await ran('by-name', { url: `http://localhost.localdomain:${port}/`, headers: {} });
    expect(run).toMatchObject({ state: 'failed', error: { code: expect.stringMatching(/^destination\./) } });
    expect(asked).toEqual([]);
  });

  test('names only inputs that there are, and secrets in headers alone, as those may who may replace them', async () => {
    const fields = {
      status: 400,
      body: { error: { details: { fields: [{ constraint: 'secret' }, { constraint: 'input' }] } } },
    };
    expect(await refused({ url: `${base}/{{secret:their-key}}`, headers: { 'X-A': '{{who}}' } })).toMatchObject(fields);
    expect(await refused({ url: base, headers: { Host: 'x' } })).toMatchObject({ status: 400 });
    const key = await root.post('/v1/api-keys', { name: 'Author', scopes: ['workflows:write', 'workflows:read'] });
    const author = server.as(dataOf<{ raw_key: string }>(key, 201).raw_key);
    const nodes = [native('ask', 'http', { url: base, headers: { 'X-Key': '{{secret:their-key}}' } })];
    expect(refusalOf(await author.post('/v1/workflow-definitions', { name: 'theirs', nodes }))).toMatch(/^403 /);
    const { run } = await ran('no-secret', { url: base, headers: { 'X-Key': '{{secret:nobody}}' } });
    expect(run).toMatchObject({ state: 'failed', error: { code: 'workflow_node.no_secret' } });
  });

  test('is nothing that an input could turn elsewhere', async () => {
    const path = await ran('dots', { url: `${base}/a/{{x}}/b` }, { inputs: { x: '..' } });
    expect(path.run).toMatchObject({ error: { code: 'workflow_node.not_in_address' } });
    const header = await ran('lines', { url: base, headers: { 'X-A': '{{x}}' } }, { inputs: { x: 'a\r\nX-B: b' } });
    expect(header.run).toMatchObject({ error: { code: 'workflow_node.not_in_header' } });
    expect(asked).toEqual([]);
  });
});
