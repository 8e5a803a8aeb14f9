import type { LoggedWebhookDelivery, Webhook, WebhookDelivery } from '@assay/contract';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { WebhookInbox } from './harness/webhook-inbox.ts';

/*
 * Webhooks from outside: made over the API, received by the unmodified library of Standard Webhooks, on a server that is
 * killed.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off', ASSAY_OUTBOUND_NETWORKS: 'loopback' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
await until('the API answers', async () => (await server.as().get('/v1/me')).status === 200, 60_000);

const inboxes: WebhookInbox[] = [];
afterEach(async () => {
  for (const inbox of inboxes.splice(0)) await inbox[Symbol.asyncDispose]();
});

const dataOf = <Data>(answer: Answer, status = 200): Data => {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Data }).data;
};
const codeOf = ({ status, body }: Answer): string =>
  `${status} ${(body as { error: { code: string } | null }).error?.code}`;
const post = (path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> =>
  server.as().post(path, body, headers);

type Issued = { webhook: Webhook; secret: string };

/** A webhook of these events, and who receives them. */
async function anInbox(event_types: string[]): Promise<{ inbox: WebhookInbox; webhook: Webhook }> {
  const inbox = await WebhookInbox.open();
  inboxes.push(inbox);
  const { webhook, secret } = dataOf<Issued>(await post('/v1/webhooks', { url: inbox.url, event_types }), 201);
  inbox.secret = secret;
  return { inbox, webhook };
}

const deliveriesOf = async (id: string, query = ''): Promise<WebhookDelivery[]> =>
  dataOf<{ deliveries: WebhookDelivery[] }>(await server.as().get(`/v1/webhooks/${id}/deliveries${query}`)).deliveries;

const ended = (id: string, deliveryId: string): Promise<LoggedWebhookDelivery> =>
  until('the delivery ends', async () => {
    const answer = await server.as().get(`/v1/webhooks/${id}/deliveries/${deliveryId}`);
    const { delivery } = dataOf<{ delivery: LoggedWebhookDelivery }>(answer);
    return delivery.status === 'pending' ? null : delivery;
  });

test('a budget tells a webhook of the thresholds that calls reach, and that nothing is left', async () => {
  const { inbox } = await anInbox(['budget.*']);
  const { budget } = dataOf<{ budget: { id: string } }>(
    await post('/v1/budgets', {
      name: 'Webhooks',
      scope: { kind: 'organization' },
      period: 'total',
      limit_micros: 10_000,
      thresholds: [50, 90],
    }),
    201,
  );
  const call = (): Promise<Answer> =>
    post('/v1/chat/completions', {
      model: 'echo@5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'word '.repeat(100) }],
    });
  await until('the budget refuses', async () => (await call()).status !== 200);
  await until('the webhook has heard of it', () => inbox.delivered.some(({ type }) => type === 'budget.exceeded'));
  await until('and of a threshold', () => inbox.delivered.some(({ type }) => type === 'budget.threshold'));
  expect(new Set(inbox.delivered.map(({ type }) => type))).toEqual(new Set(['budget.threshold', 'budget.exceeded']));
  expect(inbox.delivered.every(({ subject }) => subject === budget.id)).toBe(true);
  expect(inbox.refused).toBe(0);
  await server.as().send('DELETE', `/v1/budgets/${budget.id}`);
});

test('what was acted on is told, whenever the server is killed', async () => {
  const { inbox } = await anInbox(['team.created']);
  const made: string[] = [];
  const create = async (name: string): Promise<void> => {
    const answer = await post('/v1/teams', { name }).catch(() => null);
    if (answer?.status === 201) made.push(dataOf<{ team: { id: string } }>(answer, 201).team.id);
  };
  for (let round = 0; round < 2; round++) {
    // The first messages fail and wait; the rest is under way when the server dies.
    inbox.outage = round === 0 ? 500 : null;
    await Promise.all(Array.from({ length: 20 }, (_, index) => create(`Team ${round} ${index}`)));
    server.signal('SIGKILL');
    await server.exited;
    await server.start();
    inbox.outage = null;
  }
  const told = (): Set<string> => new Set(inbox.delivered.map(({ subject }) => subject));
  await until('every team is told of', () => made.every((id) => told().has(id)), 60_000);
  expect(made.length).toBeGreaterThan(20);
  const idsOf = new Map<string, Set<string>>();
  for (const { id, subject } of inbox.delivered) idsOf.set(subject, (idsOf.get(subject) ?? new Set()).add(id));
  expect([...idsOf.values()].every(({ size }) => size === 1)).toBe(true);
});

describe('a webhook over the API', () => {
  test('is made with a secret that is shown once, also to a caller who repeats the request', async () => {
    const body = { url: 'https://example.com/hook', description: 'Of a test.', event_types: ['budget.*', '*.failed'] };
    const headers = { 'idempotency-key': 'make-a-webhook-once' };
    const { webhook, secret } = dataOf<Issued>(await post('/v1/webhooks', body, headers), 201);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const again = await post('/v1/webhooks', body, headers);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(dataOf<Issued>(again, 201)).toEqual({ webhook, secret });
    const path = `/v1/webhooks/${webhook.id}`;
    for (const answer of [await server.as().get(path), await server.as().get('/v1/webhooks')]) {
      expect(answer.text).toContain(webhook.id);
      expect(answer.text).not.toContain(secret);
    }
    expect(webhook).toMatchObject({ ...body, subjects: [], status: 'enabled', disabled_reason: null });
    expect(dataOf<{ webhook: Webhook }>(await server.as().send('DELETE', path)).webhook.id).toBe(webhook.id);
    expect(codeOf(await server.as().get(path))).toBe('404 not_found');
  });

  test('is changed only as it was read', async () => {
    const { inbox, webhook } = await anInbox(['team.*']);
    const path = `/v1/webhooks/${webhook.id}`;
    const change = (headers: Record<string, string>, body: object): Promise<Answer> =>
      server.as().send('PATCH', path, { headers, body });
    const read = await server.as().get(path);
    const etag = read.headers.get('etag') ?? '';
    const changed = await change({ 'if-match': etag }, { event_types: ['team.deleted'], description: 'Changed.' });
    expect(dataOf<{ webhook: Webhook }>(changed).webhook).toMatchObject({
      url: inbox.url,
      description: 'Changed.',
      event_types: ['team.deleted'],
    });
    expect(codeOf(await change({ 'if-match': etag }, { description: 'Late.' }))).toBe('412 precondition_failed');
    expect(codeOf(await change({}, {}))).toBe('400 validation_failed');
    expect(codeOf(await change({}, { url: 'https://192.168.0.1/' }))).toBe('400 destination_refused');
    expect(codeOf(await change({}, { event_types: ['nothing.happened'] }))).toBe('400 validation_failed');
  });

  test('is tested, shows what came of it in pages, and sends a message once more', async () => {
    const { inbox, webhook } = await anInbox(['team.*']);
    const path = `/v1/webhooks/${webhook.id}`;
    inbox.outage = 503;
    const { delivery } = dataOf<{ delivery: WebhookDelivery }>(await post(`${path}/test`), 202);
    const failed = await ended(webhook.id, delivery.id);
    expect(failed).toMatchObject({ status: 'failed', attempts: 1, response_status: 503, error: 'It answered 503.' });
    expect(failed.attempt_log).toHaveLength(1);
    inbox.outage = null;
    const again = await post(`${path}/deliveries/${delivery.id}/redeliver`);
    expect(dataOf<{ delivery: WebhookDelivery }>(again, 202).delivery.status).toBe('pending');
    expect(await ended(webhook.id, delivery.id)).toMatchObject({ status: 'delivered', attempts: 2, error: null });
    expect(inbox.delivered).toMatchObject([{ id: delivery.message_id, type: 'webhook.test', subject: webhook.id }]);

    await post(`${path}/test`);
    const first = await server.as().get(`${path}/deliveries?limit=1`);
    const { links } = first.body as { links: { next: string } };
    const [older] = dataOf<{ deliveries: WebhookDelivery[] }>(await server.as().get(links.next)).deliveries;
    expect(older?.id).toBe(delivery.id);
    expect((await deliveriesOf(webhook.id, '?status=delivered')).map(({ id }) => id)).toContain(delivery.id);
    expect(codeOf(await server.as().get(`${path}/deliveries?cursor=nonsense`))).toBe('400 invalid_cursor');
    expect(codeOf(await post(`${path}/deliveries/${webhook.id}/redeliver`))).toBe('404 not_found');
  });

  test('gets a new secret beside the one that it has, or in its place', async () => {
    const { inbox, webhook } = await anInbox(['team.*']);
    const path = `/v1/webhooks/${webhook.id}`;
    const old = inbox.secret;
    const { secret } = dataOf<Issued>(await post(`${path}/rotate-secret`));
    expect(secret).not.toBe(old);
    const tested = async (): Promise<string> => {
      const { delivery } = dataOf<{ delivery: WebhookDelivery }>(await post(`${path}/test`), 202);
      return (await ended(webhook.id, delivery.id)).status;
    };
    expect(await tested()).toBe('delivered');
    inbox.secret = secret;
    expect(await tested()).toBe('delivered');
    inbox.secret = dataOf<Issued>(await post(`${path}/rotate-secret`, { overlap_seconds: 0 })).secret;
    expect(await tested()).toBe('delivered');
    inbox.secret = secret;
    expect(await tested()).toBe('failed');
  });

  test('is disabled and enabled, and sends nothing in between', async () => {
    const { inbox, webhook } = await anInbox(['team.created']);
    const path = `/v1/webhooks/${webhook.id}`;
    const disabled = dataOf<{ webhook: Webhook }>(await post(`${path}/disable`)).webhook;
    expect(disabled).toMatchObject({ status: 'disabled', disabled_reason: 'by_hand', disabled_at: expect.any(String) });
    const team = async (name: string): Promise<string> =>
      dataOf<{ team: { id: string } }>(await post('/v1/teams', { name }), 201).team.id;
    const missed = await team('While it was disabled');
    const enabled = dataOf<{ webhook: Webhook }>(await post(`${path}/enable`, { missed: 'deliver' })).webhook;
    expect(enabled).toMatchObject({ status: 'enabled', disabled_reason: null });
    const later = await team('After it was enabled');
    await until('both are told of', () => inbox.delivered.length >= 2);
    expect(inbox.delivered.map(({ subject }) => subject).sort()).toEqual([missed, later].sort());
    expect(codeOf(await post(`${path}/enable`, { missed: 'perhaps' }))).toBe('400 validation_failed');
  });
});
