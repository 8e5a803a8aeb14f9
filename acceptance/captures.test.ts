import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { Collector } from './harness/collector.ts';
import { Server } from './harness/server.ts';
import { storedForms } from './harness/stored-rows.ts';
import { addTenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/*
 * Prompts and answers hold a word that is searched for afterwards in all that the server has stored, logged and handed on:
 * with capture off it is nowhere, and with capture on it is nowhere in clear.
 */
const canary = (): string => `canary-${randomBytes(12).toString('hex')}`;
const [OFF, ON] = [canary(), canary()];

/** Answers in a stream that breaks off after its first words. */
const vendor = createServer(async (request, response) => {
  for await (const _chunk of request);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = { id: 'chatcmpl-1', model: 'm', choices: [{ index: 0, delta: { content: `Half of ${ON}` } }] };
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  setImmediate(() => response.destroy());
});
vendor.listen(0, '127.0.0.1');
await once(vendor, 'listening');

const collector = await Collector.start();
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: {
    ASSAY_OUTBOUND_NETWORKS: 'loopback',
    ASSAY_GRPC_PORT: 'off',
    ASSAY_LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  },
  awaitReady: false,
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  vendor.closeAllConnections();
  vendor.close();
});

type Capture = {
  id: string;
  model: string;
  provider: string;
  outcome: string;
  failure: string | null;
  request_id: string;
  redactions: number;
  content: { request: { messages: { content: { text: string }[] }[] }; answer: unknown; tries: unknown };
};
const client = server.as();
const orgId = String((await server.sdk().me()).organization_id);
const base = `/v1/organizations/${orgId}`;
const dataOf = <Data>({ body, text, status }: Answer): Data => {
  if (status >= 300) throw new Error(`It was answered with ${status}: ${text}`);
  return (body as { data: Data }).data;
};
const policy = (body: object): Promise<Answer> => client.send('PUT', `${base}/capture-policy`, { body });
const ask = (text: string, requestId: string, more: object = {}): Promise<Answer> =>
  client.post(
    '/v1/chat/completions',
    { model: 'echo', messages: [{ role: 'user', content: text }], ...more },
    { 'x-request-id': requestId },
  );
/** Reads the answer to its end, as one that only wants its beginning does not. */
const hearOut = async (text: string, requestId: string, more: object): Promise<string> => {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'x-api-key': server.credentials.apiKey, 'content-type': 'application/json', 'x-request-id': requestId },
    body: JSON.stringify({ messages: [{ role: 'user', content: text }], ...more }),
  });
  return response.text();
};
const list = async (query = ''): Promise<Capture[]> =>
  dataOf<{ captures: Capture[] }>(await client.get(`${base}/captures?${query}`)).captures;
const captured = (requestId: string): Promise<Capture> =>
  until(`the capture of ${requestId}`, async () => (await list(`request=${requestId}`))[0]);
const read = async (id: string): Promise<Capture> =>
  dataOf<{ capture: Capture }>(await client.get(`${base}/captures/${id}`)).capture;
const audited = async (action: string): Promise<{ target: unknown }[]> =>
  dataOf<{ audit_logs: { event_type: string; target: unknown }[] }>(
    await client.get(`/v1/organizations/${orgId}/audit-logs?limit=200`),
  ).audit_logs.filter((entry) => entry.event_type === action);

const expectNowhere = async (word: string): Promise<void> => {
  expect(await storedForms(server, word)).toEqual([]);
};

describe('without a policy', () => {
  test('nothing is captured, and nothing of what was said is stored', async () => {
    expect(dataOf<{ capture_policy: object }>(await client.get(`${base}/capture-policy`)).capture_policy).toMatchObject(
      {
        is_on: false,
        updated_by: null,
      },
    );
    expect((await ask(`Say ${OFF}`, 'off-1')).text).toContain(OFF);
    await expectNowhere(OFF);
    expect(await list()).toEqual([]);
  });
});

describe('with a policy', () => {
  test('calls are captured as they were asked and answered, and read by those who may', async () => {
    expect((await policy({ is_on: true, retention_days: 7 })).status).toBe(200);
    expect((await ask(`Say ${ON}`, 'on-1')).status).toBe(200);
    const { id, ...known } = await captured('on-1');
    expect(known).toMatchObject({ provider: 'echo', model: 'echo', outcome: 'completed', failure: null });
    const { content } = await read(id);
    expect(content.request).toMatchObject({ messages: [{ role: 'user', content: [{ text: `Say ${ON}` }] }] });
    expect(content.answer).toMatchObject({ content: [{ type: 'text', text: `Say ${ON}` }], stop_reason: 'stop' });
    const records = await client.get(`${base}/usage/records?limit=1`);
    expect(records.text).toContain(id);
    const leaf = await until('the reading is audited', async () => (await audited('capture.read'))[0]);
    expect(leaf.target).toEqual({ type: 'capture', id });
    expect(JSON.stringify(leaf)).not.toContain(ON);
  });

  test('what a stream said before it broke off is captured, with why it did', async () => {
    const { port } = vendor.address() as AddressInfo;
    const provider = { name: 'brittle', kind: 'openai', base_url: `http://127.0.0.1:${port}/v1`, api_key: 'key' };
    expect((await client.post('/v1/providers', provider)).status).toBe(201);
    expect(await hearOut(`Say ${ON}`, 'on-2', { model: 'brittle/m', stream: true })).toContain('broke off');
    const { id, ...known } = await captured('on-2');
    expect(known).toMatchObject({ provider: 'brittle', model: 'm', outcome: 'failed', failure: 'interrupted' });
    expect((await read(id)).content).toMatchObject({
      answer: { content: [{ type: 'text', text: `Half of ${ON}` }], stop_reason: null },
      tries: [{ provider: 'brittle', model: 'm', failure: 'interrupted' }],
    });
  });

  test('what the redactors find is never stored, in what is asked and what is answered', async () => {
    const patterns = [{ name: 'ticket', pattern: 'PROJ-[0-9]+' }];
    expect((await policy({ is_on: true, patterns })).status).toBe(200);
    await ask('Mail ann@example.com about PROJ-42, card 4111 1111 1111 1111.', 'on-3');
    const { id, redactions } = await captured('on-3');
    expect(redactions).toBe(6);
    const { request } = (await read(id)).content;
    expect(request.messages[0]?.content[0]?.text).toBe(
      'Mail [redacted: email] about [redacted: ticket], card [redacted: card_number].',
    );
  });

  test('one of a pattern that cannot be used is refused, with what is wrong with it', async () => {
    for (const pattern of ['(?=a)', '(a', 'a*', '(.{1,200}x){1,5}']) {
      const refused = await policy({ is_on: true, patterns: [{ name: 'bad', pattern }] });
      expect(refused.status).toBe(400);
      expect(refused.text).toContain('patterns[0].pattern');
    }
  });

  test('of some keys, other calls are not captured', async () => {
    const made = await client.post('/v1/api-keys', { name: 'Watched', permission_set: 'full_access' });
    const { api_key, raw_key } = dataOf<{ api_key: { id: string }; raw_key: string }>(made);
    await policy({ is_on: true, api_key_ids: [api_key.id] });
    await ask('Not this one.', 'on-4');
    await server
      .as(raw_key)
      .post(
        '/v1/chat/completions',
        { model: 'echo', messages: [{ role: 'user', content: 'This one.' }] },
        { 'x-request-id': 'on-5' },
      );
    await captured('on-5');
    expect(await list('request=on-4')).toEqual([]);
  });
});

describe('captures', () => {
  test('are nowhere in clear', () => expectNowhere(ON));

  test('are nobody else’s: not of another organization, and not of a key that may read all else', async () => {
    const [capture] = await list();
    const tenant = await addTenant(server, 'neighbour');
    for (const path of [`${base}/captures`, `${base}/captures/${capture?.id}`])
      expect((await server.as(tenant.apiKey).get(path)).status).toBe(404);
    expect(
      (await server.as(tenant.apiKey).get(`/v1/organizations/${tenant.orgId}/captures/${capture?.id}`)).status,
    ).toBe(404);
    const reader = await client.post('/v1/api-keys', { name: 'Reader', permission_set: 'read_only' });
    const { raw_key } = dataOf<{ raw_key: string }>(reader);
    expect((await server.as(raw_key).get(`${base}/captures/${capture?.id}`)).status).toBe(403);
    expect((await server.as(raw_key).get(`${base}/capture-policy`)).status).toBe(200);
  });

  test('are listed page by page, newest first', async () => {
    const all = await list();
    const first = await client.get(`${base}/captures?limit=1`);
    const { links } = first.body as { links: { next: string } };
    const second = dataOf<{ captures: Capture[] }>(await client.get(links.next)).captures;
    expect([dataOf<{ captures: Capture[] }>(first).captures[0]?.id, second[0]?.id]).toEqual([all[0]?.id, all[1]?.id]);
  });

  test('are deleted one by one, and all at once, also when capture is off', async () => {
    expect((await policy({ is_on: false })).status).toBe(200);
    const [one, ...others] = await list();
    expect((await client.send('DELETE', `${base}/captures/${one?.id}`)).status).toBe(200);
    expect((await client.get(`${base}/captures/${one?.id}`)).status).toBe(404);
    expect(dataOf(await client.send('DELETE', `${base}/captures`))).toEqual({ deleted: others.length });
    expect(await list()).toEqual([]);
  });

  test('that wait to be written at a stop are written before it ends', async () => {
    await policy({ is_on: true });
    await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`Say ${ON}`, `last-${n}`)));
    await server.stop();
    await server.start();
    expect(await list('limit=200')).toHaveLength(20);
  });
});

describe('what was said', () => {
  test('is in no log line, no span and no metric', async () => {
    const metrics = (await server.anonymous.get('/metrics')).text;
    await server.stop();
    expect(server.stderr).toContain('"level":"debug"');
    expect(collector.received.length).toBeGreaterThan(0);
    for (const word of [OFF, ON])
      for (const text of [server.stderr, server.stdout, collector.received.join(''), metrics])
        expect(text.includes(word)).toBe(false);
  });
});
