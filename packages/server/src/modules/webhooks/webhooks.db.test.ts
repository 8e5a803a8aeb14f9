import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { type WebhookReceiver, webhookReceiver } from '../../../test/fakes/webhook-receiver.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type ServedApi, servedApi } from '../../../test/served-api.ts';
import { until } from '../../../test/until.ts';
import { becomesDue, DEADLINE_MS, happens, webhooksOf } from '../../../test/webhooks.ts';
import { ROLE_SCOPES } from '../access/index.ts';

const db = testDatabase();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--role', 'api,worker', '--outbound-networks', 'loopback']);
});
afterAll(() => api[Symbol.asyncDispose]());

const receivers: WebhookReceiver[] = [];
afterEach(async () => {
  for (const one of receivers.splice(0)) await one[Symbol.asyncDispose]();
});
async function aReceiver(answer?: WebhookReceiver['answer']): Promise<WebhookReceiver> {
  const receiver = await webhookReceiver();
  receivers.push(receiver);
  if (answer) receiver.answer = answer;
  return receiver;
}

/** An organization with a key that holds all that an operator does, or less. */
async function anOrganization(scopes: readonly string[] = [...ROLE_SCOPES.operator]) {
  const { orgId, userId } = await aPerson(db, { role: 'operator' });
  const { raw, id } = await aKey(db, { orgId, createdBy: userId, scopes });
  return { orgId, userId, keyId: id, webhooks: webhooksOf(api, raw) };
}

const arrives = (receiver: WebhookReceiver, count: number): Promise<unknown> =>
  until(`${count} messages arrive`, () => receiver.received.length >= count, DEADLINE_MS);
const subjects = ({ received }: WebhookReceiver): string[] => received.map(({ body }) => body.subject).sort();
const statusAnswer =
  (status: number, headers: Record<string, string> = {}): WebhookReceiver['answer'] =>
  (_request, response) =>
    void response.writeHead(status, headers).end(`status ${status}`);

describe('a webhook', () => {
  test('hears what happens after it was made, of its own organization, as its filter says', async () => {
    const { orgId, webhooks } = await anOrganization();
    const other = await anOrganization();
    await happens(db, api, { orgId, subject: 'before' });
    const receiver = await aReceiver();
    const made = await webhooks.make({
      url: receiver.url,
      event_types: ['budget.*', '*.completed'],
      subjects: ['a', 'b', 'c'],
    });
    await happens(db, api, { orgId: other.orgId, subject: 'a' });
    await happens(db, api, { orgId, subject: 'a', type: 'budget.exceeded', data: { budget_id: 'a', spent_micros: 7 } });
    await happens(db, api, { orgId, subject: 'a', type: 'evaluation.queued' });
    await happens(db, api, { orgId, subject: 'b', type: 'evaluation.completed' });
    await happens(db, api, { orgId, subject: 'd', type: 'budget.exceeded' });
    await happens(db, api, { orgId, subject: 'c' });
    await arrives(receiver, 3);
    expect(subjects(receiver)).toEqual(['a', 'b', 'c']);
    const [exceeded] = receiver.received.filter(({ body }) => body.type === 'budget.exceeded');
    if (!exceeded) throw new Error('The event did not arrive.');
    expect(receiver.verify(exceeded, made.secret)).toEqual({
      type: 'budget.exceeded',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      organization_id: orgId,
      subject: 'a',
      data: { budget_id: 'a', spent_micros: 7 },
    });
    const delivered = await webhooks.newest(made.id, ({ status }) => status === 'delivered');
    expect(delivered).toMatchObject({ attempts: 1, response_status: 204, error: null, next_attempt_at: null });
  });

  test('hears each event once, and two webhooks hear of it under the same id', async () => {
    const { orgId, webhooks } = await anOrganization();
    const [one, other] = [await aReceiver(), await aReceiver()];
    await webhooks.make({ url: one.url, event_types: ['budget.*'] });
    await webhooks.make({ url: other.url, event_types: ['budget.*'] });
    await Promise.all(Array.from({ length: 30 }, (_, index) => happens(db, api, { orgId, subject: `s${index}` })));
    await Promise.all([arrives(one, 30), arrives(other, 30)]);
    const ids = ({ received }: WebhookReceiver): string[] => received.map(({ id }) => id).sort();
    expect(new Set(ids(one)).size).toBe(30);
    expect(ids(other)).toEqual(ids(one));
  });

  test('hears no more than who made it may see, and no more than they may see now', async () => {
    const without = [...ROLE_SCOPES.operator].filter((scope) => scope !== 'budgets:read' && scope !== 'audit:read');
    const { orgId, userId, webhooks } = await anOrganization(without);
    const receiver = await aReceiver();
    const denied = await webhooks.ask('POST /v1/webhooks', { url: receiver.url, event_types: ['budget.*'] });
    expect(denied.status).toBe(403);
    expect(denied.text).toContain('do not reach events of the type budget.*');
    const { id } = await webhooks.make({ url: receiver.url, subjects: ['a', 'b', 'c'] });
    await happens(db, api, { orgId, subject: 'a', type: 'budget.exceeded' });
    await happens(db, api, { orgId, subject: 'b', type: 'provider.created' });
    await arrives(receiver, 1);
    await db.owner.query(`update memberships set role = 'viewer' where org_id = $1 and user_id = $2`, [orgId, userId]);
    await happens(db, api, { orgId, subject: 'a', type: 'credential.created' });
    await happens(db, api, { orgId, subject: 'c', type: 'provider.created' });
    await arrives(receiver, 2);
    expect(subjects(receiver)).toEqual(['b', 'c']);
    expect(await db.owner.query('select 1 from webhook_deliveries where webhook_id = $1', [id])).toMatchObject({
      rowCount: 2,
    });
  });

  test('whose maker sees only their own hears only of that', async () => {
    const own = ['webhooks:write', 'webhooks:read', 'evaluations:read:own', 'evaluations:write'];
    const { orgId, keyId, webhooks } = await anOrganization(own);
    const receiver = await aReceiver();
    await webhooks.make({ url: receiver.url });
    const evaluation = async (by: string): Promise<void> => {
      const id = `eval_20260101_000000_${Math.random().toString(36).slice(2, 8).padEnd(6, '0')}`;
      await db.owner.query(
        `insert into evaluations (org_id, id, language, engine_asked, engine, code, code_preview, limits, created_by_kind,
           created_by, queue_deadline) values ($1, $2, 'python', 'auto', 'x', '', '', '{}', 'api_key', $3, now())`,
        [orgId, id, by],
      );
      await happens(db, api, { orgId, subject: id, type: 'evaluation.queued', data: { by } });
    };
    await evaluation('11111111-1111-4111-8111-111111111111');
    await evaluation(keyId);
    await arrives(receiver, 1);
    expect(receiver.received.map(({ body }) => body.data['by'])).toEqual([keyId]);
  });

  test('refuses types that there are not, addresses that may not be called, and one too many', async () => {
    const { orgId, webhooks } = await anOrganization();
    const codeOf = async (body: object): Promise<string> => {
      const { status, body: answer } = await webhooks.ask('POST /v1/webhooks', body);
      return `${status} ${(answer as { error: { code: string } | null }).error?.code}`;
    };
    const url = 'https://example.com/hook';
    expect(await codeOf({ url, event_types: ['budgets.exceeded'] })).toBe('400 validation_failed');
    expect(await codeOf({ url, event_types: ['Budget'] })).toBe('400 validation_failed');
    for (const inside of ['https://10.0.0.1/', 'https://169.254.169.254/', 'http://192.0.2.1/'])
      expect(await codeOf({ url: inside })).toBe('400 destination_refused');
    expect(await codeOf({ url: 'ftp://example.com/' })).toBe('400 validation_failed');
    expect(await codeOf({ url: 'https://user:password@example.com/' })).toMatch(/^400/);
    await db.owner.query(
      `insert into webhooks (org_id, id, url, created_by, maker_kind, maker_id, maker_scopes)
       select $1, gen_random_uuid(), $2, '', 'user', '', '{}' from generate_series(1, 50)`,
      [orgId, url],
    );
    expect(await codeOf({ url })).toBe('409 conflict');
  });

  test('keeps what it hears when its maker leaves, and ends with the service account that made it', async () => {
    const { orgId, userId, webhooks } = await anOrganization();
    const receiver = await aReceiver();
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    const { raw } = await aKey(db, {
      orgId,
      createdBy: (await aPerson(db, { orgId, role: 'owner' })).userId,
      scopes: [...ROLE_SCOPES.owner],
    });
    const owner = webhooksOf(api, raw);
    expect((await owner.ask(`DELETE /v1/organizations/${orgId}/memberships/${userId}`)).status).toBe(200);
    await happens(db, api, { orgId, subject: 'later' });
    await arrives(receiver, 1);
    expect((await owner.get(id)).status).toBe('enabled');

    const account = await owner.ask('POST /v1/service-accounts', { name: 'Robot', role: 'operator' });
    const accountId = (account.body as { data: { service_account: { id: string } } }).data.service_account.id;
    const keyed = await owner.ask('POST /v1/api-keys', {
      name: 'k',
      permission_set: 'full_access',
      service_account_id: accountId,
    });
    const robot = webhooksOf(api, (keyed.body as { data: { raw_key: string } }).data.raw_key);
    const theirs = await robot.make({ url: receiver.url });
    expect((await owner.ask(`DELETE /v1/service-accounts/${accountId}`)).status).toBe(200);
    expect(await owner.get(theirs.id)).toMatchObject({ status: 'disabled', disabled_reason: 'maker_removed' });
    await until('the other webhook hears of it', () => receiver.received.length === 1, DEADLINE_MS);
  });
});

describe('a delivery', () => {
  test('that fails is tried again after a while, under the same id and with the same body, until it is taken', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver(statusAnswer(500));
    const { id, secret } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a' });
    const failed = await webhooks.newest(id, ({ attempts }) => attempts === 1);
    expect(failed).toMatchObject({ status: 'pending', response_status: 500, error: 'It answered 500.' });
    const wait = Date.parse(failed.next_attempt_at ?? '') - Date.now();
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThan(6_000);
    receiver.answer = statusAnswer(200);
    await becomesDue(db, api, id);
    await webhooks.newest(id, ({ status }) => status === 'delivered');
    const [first, second] = receiver.received;
    if (!first || !second) throw new Error('It did not arrive twice.');
    expect([second.id, second.text]).toEqual([first.id, first.text]);
    expect(receiver.verify(second, secret)).toMatchObject({ type: 'budget.threshold' });
    const log = await webhooks.logged(id, failed.id);
    expect(log.attempt_log).toMatchObject([
      { number: 2, response_status: 200, error: null, response_body: 'status 200' },
      { number: 1, response_status: 500, error: 'It answered 500.', response_body: 'status 500' },
    ]);
    expect(log.request_body).toBe(first.text);
    expect((await webhooks.get(id)).failing_since).toBeNull();
  });

  test('is put off for as long as the receiver asks', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver(statusAnswer(429, { 'retry-after': '3600' }));
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a' });
    const put = await webhooks.newest(id, ({ attempts }) => attempts === 1);
    expect(Date.parse(put.next_attempt_at ?? '') - Date.now()).toBeGreaterThan(3_500_000);
  });

  test('is given up after the tenth attempt, and sent again by hand', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver(statusAnswer(500));
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a' });
    await webhooks.newest(id, ({ attempts }) => attempts === 1);
    await db.owner.query('update webhook_deliveries set failures = 9, attempts = 9 where webhook_id = $1', [id]);
    await becomesDue(db, api, id);
    const failed = await webhooks.newest(id, ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ attempts: 10, next_attempt_at: null, ended_at: expect.any(String) });
    receiver.answer = statusAnswer(204);
    const again = await webhooks.ask(`POST /v1/webhooks/${id}/deliveries/${failed.id}/redeliver`);
    expect(again.status).toBe(202);
    await webhooks.newest(id, ({ status }) => status === 'delivered');
    expect(new Set(receiver.received.map(({ id: messageId }) => messageId)).size).toBe(1);
  });

  test('is signed with both secrets while a rotation overlaps, and with the new one after it', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver();
    const { id, secret } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    const rotate = async (body?: object): Promise<string> => {
      const answer = await webhooks.ask(`POST /v1/webhooks/${id}/rotate-secret`, body);
      return (answer.body as { data: { secret: string } }).data.secret;
    };
    const next = await rotate();
    await happens(db, api, { orgId, subject: 'during' });
    await arrives(receiver, 1);
    const [during] = receiver.received;
    if (!during) throw new Error('Nothing arrived.');
    expect(String(during.headers['webhook-signature']).split(' ')).toHaveLength(2);
    for (const known of [secret, next]) expect(receiver.verify(during, known)).toMatchObject({ subject: 'during' });

    await db.owner.query('update webhook_secrets set expires_at = now() where webhook_id = $1 and version = 1', [id]);
    const last = await rotate({ overlap_seconds: 0 });
    await happens(db, api, { orgId, subject: 'after' });
    await arrives(receiver, 2);
    const [, after] = receiver.received;
    if (!after) throw new Error('Nothing arrived.');
    expect(receiver.verify(after, last)).toMatchObject({ subject: 'after' });
    for (const ended of [secret, next]) expect(() => receiver.verify(after, ended)).toThrow();
  });

  test('is not shown to who may not see the event', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver();
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a', data: { secret: 'kestrel' } });
    const delivery = await webhooks.newest(id, ({ status }) => status === 'delivered');
    const { userId } = await aPerson(db, { orgId, role: 'owner' });
    const { raw } = await aKey(db, { orgId, createdBy: userId, scopes: ['webhooks:read'] });
    expect((await webhooksOf(api, raw).logged(id, delivery.id)).request_body).toBeNull();
  });
});

describe('a receiver', () => {
  test('that is gone for good is told nothing any more, and others hear of that', async () => {
    const { orgId, webhooks } = await anOrganization();
    const watcher = await aReceiver();
    await webhooks.make({ url: watcher.url, event_types: ['webhook.disabled'] });
    const receiver = await aReceiver(statusAnswer(410));
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a' });
    await arrives(watcher, 1);
    expect(watcher.received[0]?.body).toMatchObject({
      type: 'webhook.disabled',
      subject: id,
      data: { reason: 'gone', host: new URL(receiver.url).host },
    });
    expect(await webhooks.get(id)).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    const leaves = await db.owner.query(
      `select 1 from audit_entries where org_id = $1 and action = 'webhook.disabled'
       union all select 1 from audit_leaves where org_id = $1 and action = 'webhook.disabled'`,
      [orgId],
    );
    expect(leaves.rowCount).toBeGreaterThan(0);
  });

  test('that took nothing for five days is disabled, and hears again what it missed if that is asked for', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver(statusAnswer(500));
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a' });
    await webhooks.newest(id, ({ attempts }) => attempts === 1);
    await db.owner.query(
      `update webhook_progress set consecutive_failures = 9, failing_since = now() - interval '5 days' where webhook_id = $1`,
      [id],
    );
    await becomesDue(db, api, id);
    await until('it is disabled', async () => (await webhooks.get(id)).status === 'disabled', DEADLINE_MS);
    expect((await webhooks.get(id)).disabled_reason).toBe('failing');
    await happens(db, api, { orgId, subject: 'b' });
    receiver.answer = statusAnswer(204);
    const before = receiver.received.length;
    const enabled = await webhooks.ask(`POST /v1/webhooks/${id}/enable`, { missed: 'deliver' });
    expect(enabled.status).toBe(200);
    await becomesDue(db, api, id);
    await arrives(receiver, before + 2);
    expect(
      receiver.received
        .slice(before)
        .map(({ body }) => body.subject)
        .sort(),
    ).toEqual(['a', 'b']);
    expect(await webhooks.get(id)).toMatchObject({ status: 'enabled', consecutive_failures: 0 });
  });

  test('that was disabled by hand hears nothing of what happened meanwhile unless that is asked for', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver(statusAnswer(500));
    const { id } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'waits' });
    await webhooks.newest(id, ({ attempts }) => attempts === 1);
    expect((await webhooks.ask(`POST /v1/webhooks/${id}/disable`)).status).toBe(200);
    await happens(db, api, { orgId, subject: 'meanwhile' });
    receiver.answer = statusAnswer(204);
    expect((await webhooks.ask(`POST /v1/webhooks/${id}/enable`)).status).toBe(200);
    await happens(db, api, { orgId, subject: 'after' });
    await arrives(receiver, 2);
    expect(receiver.received.map(({ body }) => body.subject)).toEqual(['waits', 'after']);
    const [, skipped] = await webhooks.deliveries(id);
    expect(skipped).toMatchObject({
      subject: 'waits',
      status: 'failed',
      error: expect.stringContaining('was disabled'),
    });
  });

  test('is tested also while it is disabled, once, before whatever waits', async () => {
    const { orgId, webhooks } = await anOrganization();
    const receiver = await aReceiver(statusAnswer(500));
    const { id, secret } = await webhooks.make({ url: receiver.url, event_types: ['budget.*'] });
    await happens(db, api, { orgId, subject: 'a' });
    await webhooks.newest(id, ({ attempts }) => attempts === 1);
    await webhooks.ask(`POST /v1/webhooks/${id}/disable`);
    const tested = await webhooks.ask(`POST /v1/webhooks/${id}/test`);
    expect(tested.status).toBe(202);
    const failed = await webhooks.newest(id, ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ event_type: 'webhook.test', attempts: 1, response_status: 500 });
    receiver.answer = statusAnswer(204);
    await webhooks.ask(`POST /v1/webhooks/${id}/test`);
    await webhooks.newest(id, ({ status }) => status === 'delivered');
    const last = receiver.received.at(-1);
    if (!last) throw new Error('Nothing arrived.');
    expect(receiver.verify(last, secret)).toMatchObject({ type: 'webhook.test', data: { webhook_id: id } });
    expect(receiver.received).toHaveLength(3);
  });

  test('that does not answer keeps nobody waiting, and is asked by one at a time once it is known', async () => {
    const { orgId, webhooks } = await anOrganization();
    const dead = await aReceiver(() => {});
    const good = await aReceiver();
    const { id } = await webhooks.make({ url: dead.url, event_types: ['budget.*'] });
    await webhooks.make({ url: good.url, event_types: ['budget.*'] });
    for (let index = 0; index < 60; index++) await happens(db, api, { orgId, subject: `s${index}` });
    const began = performance.now();
    await arrives(good, 60);
    expect(performance.now() - began).toBeLessThan(10_000);
    await until('all its places are taken', () => dead.open === 10);
    expect(dead.mostOpen).toBe(10);
    await db.owner.query(
      `update webhook_progress set consecutive_failures = 5, failing_since = now() where webhook_id = $1`,
      [id],
    );
    dead.answer = statusAnswer(500);
    await db.owner.query(`update webhook_deliveries set is_sending = false, due_at = now() where webhook_id = $1`, [
      id,
    ]);
    const before = dead.received.length;
    await until('it is asked again', () => dead.received.length > before);
    await until('it is left alone for a while', async () => {
      const { rows } = await db.owner.query(
        'select 1 from webhook_progress where webhook_id = $1 and paused_until > now()',
        [id],
      );
      return rows.length === 1;
    });
  });
});
