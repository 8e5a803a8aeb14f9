import { randomInt } from 'node:crypto';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { type WebhookReceiver, webhookReceiver } from '../../../../test/fakes/webhook-receiver.ts';
import { until } from '../../../../test/until.ts';
import { keyShelf, openVault, type TestVault } from '../../../../test/vault.ts';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { AddressRules, HttpClient } from '../../../platform/http-client/index.ts';
import { insertEvents } from '../../events/index.ts';
import { moveToNewestKeys } from '../../vault/index.ts';
import { addSecret, webhookSecretResealer } from '../endpoints/secrets.ts';
import { insertWebhook } from '../endpoints/store.ts';
import { Deliverer } from './deliverer.ts';
import { FanOut } from './fan-out.ts';
import { claimDeliveries, settleDelivery } from './store-queue.ts';

const db = testDatabase();
const log = pino({ level: 'silent' });
type Work = TestVault['statements'];
let vault: TestVault;
beforeAll(async () => {
  vault = await openVault(db, keyShelf());
});
const client = new HttpClient({ rules: new AddressRules(['loopback']) });
afterAll(() => client[Symbol.asyncDispose]());

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposables.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await db.owner.query('delete from webhooks');
  await db.owner.query('delete from webhook_deliveries');
});
async function aReceiver(answer?: WebhookReceiver['answer']): Promise<WebhookReceiver> {
  const receiver = await webhookReceiver();
  disposables.push(receiver);
  if (answer) receiver.answer = answer;
  return receiver;
}

/** A webhook that hears everything of its organization. */
async function aWebhook(orgId: string, url = 'https://nobody.example/'): Promise<{ id: string; secret: string }> {
  const id = newId();
  const maker = { kind: 'user' as const, id: newId(), userId: null, scopes: [] };
  return db.system.transaction({ orgId: null }, async (tx) => {
    await insertWebhook(tx, {
      orgId,
      id,
      url,
      description: '',
      filter: { types: [], subjects: [] },
      createdBy: '',
      maker,
    });
    return { id, secret: await addSecret(tx, { orgId, webhookId: id, overlapSeconds: 0 }, vault.dataKeys) };
  });
}

const happen = (orgId: string, subjects: readonly string[]): Promise<void> =>
  db.system.transaction({ orgId: null }, async (tx) =>
    insertEvents(
      tx,
      subjects.map((subject) => ({ orgId, event: { type: 'test.happened', subject, data: { subject } } })),
    ),
  );

const fanOutOver = (statements: Work = vault.statements): FanOut =>
  new FanOut({
    statements,
    findPerson: async () => null,
    scopesWithin: () => new Set(),
    shows: () => true,
    queued: () => {},
    onWake: () => () => {},
    log,
  });

function delivererOver(statements: Work = vault.statements): Deliverer {
  const deliverer = new Deliverer({
    statements,
    dataKeys: vault.dataKeys,
    client,
    userAgent: 'Assay/test',
    onQueued: () => () => {},
    disable: async () => {},
    observe: () => {},
    log,
  });
  disposables.push(deliverer);
  return deliverer;
}

const subjectsOf = ({ received }: WebhookReceiver): Set<string> => new Set(received.map(({ body }) => body.subject));
const counted = async (sql: string, values: readonly unknown[]): Promise<number> =>
  Number((await db.owner.query<{ count: string }>(sql, [...values])).rows[0]?.count);
const pendingOf = (id: string): Promise<number> =>
  counted(`select count(*) from webhook_deliveries where webhook_id = $1 and state = 'pending'`, [id]);
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index}`);

/** Looks until everything that happened has been read: events show once older transactions of the whole server have ended. */
const readAll = (fanOut: FanOut, isRead: () => Promise<boolean>): Promise<unknown> =>
  until(
    'all was read',
    async () => {
      await fanOut.look();
      return isRead();
    },
    25_000,
  );

test('each event reaches each webhook at least once and under one id, whatever fails or is killed', async () => {
  const organizations = await Promise.all([db.organization(), db.organization()]);
  const flaky: WebhookReceiver['answer'] = (_request, response) => {
    const turn = randomInt(4);
    if (turn === 0) response.destroy();
    else response.writeHead(turn === 1 ? 500 : 204).end();
  };
  const receivers = await Promise.all([aReceiver(flaky), aReceiver(flaky), aReceiver(flaky)]);
  const [one, other, third] = receivers.map(({ url }) => url);
  const webhooks = [
    await aWebhook(organizations[0], one),
    await aWebhook(organizations[0], other),
    await aWebhook(organizations[1], third),
  ];
  // As a process sees it that is killed, or loses the database, before or after the commit of a statement.
  const failing: Work = async (work) => {
    const turn = randomInt(5);
    if (turn === 0) throw new Error('killed before the commit');
    const result = await vault.statements(work);
    if (turn === 1) throw new Error('killed after the commit');
    return result;
  };
  const fanOuts = [fanOutOver(failing), fanOutOver(failing), fanOutOver(failing)];
  for (const deliverer of [delivererOver(failing), delivererOver(failing)]) deliverer.start();
  const subjects = numbered(40);
  for (let from = 0; from < subjects.length; from += 8)
    for (const orgId of organizations) await happen(orgId, subjects.slice(from, from + 8));
  const isTold = (): boolean => receivers.every((receiver) => subjectsOf(receiver).size === subjects.length);
  await until(
    'all have heard of everything',
    async () => {
      await Promise.allSettled(fanOuts.map((fanOut) => fanOut.look()));
      // What waits for its next attempt, and holds of those that were killed, come to their end.
      await db.owner.query(`update webhook_progress set paused_until = null`);
      await db.owner.query(`update webhook_deliveries set due_at = now() where state = 'pending'`);
      return isTold();
    },
    25_000,
  );
  for (const { received } of receivers) {
    const ids = new Map<string, Set<string>>();
    for (const { id, body } of received) ids.set(body.subject, (ids.get(body.subject) ?? new Set()).add(id));
    expect([...ids.values()].every(({ size }) => size === 1)).toBe(true);
  }
  for (const { id } of webhooks)
    expect(await counted('select count(*) from webhook_deliveries where webhook_id = $1', [id])).toBe(subjects.length);
});

describe('reading', () => {
  test('by several workers at once makes one delivery of each event', async () => {
    const orgId = await db.organization();
    const { id } = await aWebhook(orgId);
    await happen(orgId, numbered(500));
    const fanOuts = Array.from({ length: 4 }, () => fanOutOver());
    await until(
      'all was read',
      async () => {
        await Promise.all(fanOuts.map((fanOut) => fanOut.look()));
        return (await pendingOf(id)) >= 500;
      },
      25_000,
    );
    await Promise.all(fanOuts.map((fanOut) => fanOut.look()));
    expect(await pendingOf(id)).toBe(500);
  });

  test('goes no further while very many messages wait, and then goes on where it stopped', async () => {
    const orgId = await db.organization();
    const { id } = await aWebhook(orgId);
    await happen(orgId, numbered(3_000));
    const fanOut = fanOutOver();
    await readAll(fanOut, async () => (await pendingOf(id)) >= 2_000);
    for (let look = 0; look < 5; look++) await fanOut.look();
    expect(await pendingOf(id)).toBeLessThan(2_400);
    await db.owner.query(`update webhook_deliveries set state = 'delivered', ended_at = now() where webhook_id = $1`, [
      id,
    ]);
    const all = (): Promise<number> => counted('select count(*) from webhook_deliveries where webhook_id = $1', [id]);
    await readAll(fanOut, async () => (await all()) === 3_000);
  });
});

test('a webhook of a database that was brought back from a dump, where transactions are numbered anew, hears again', async () => {
  const orgId = await db.organization();
  const { id } = await aWebhook(orgId);
  await db.owner.query(`update webhook_progress set read_xid = '9000000000000' where webhook_id = $1`, [id]);
  await happen(orgId, ['a']);
  await readAll(fanOutOver(), async () => (await pendingOf(id)) === 1);
  await happen(orgId, ['b']);
  await readAll(fanOutOver(), async () => (await pendingOf(id)) === 2);
});

describe('claiming', () => {
  const claim = (max: number, { failing = false, places = 10 } = {}) =>
    vault.statements((tx: Tx) => claimDeliveries(tx, { max, leaseSeconds: 30, failing, places }));
  const waiting = (orgId: string, webhookId: string, count: number): Promise<unknown> =>
    db.owner.query(
      `insert into webhook_deliveries (org_id, webhook_id, message_id, kind, event_type, subject, body, due_at)
       select $1, $2, gen_random_uuid(), 'event', 'test.happened', '', '{}', now() - interval '1 minute' from generate_series(1, $3)`,
      [orgId, webhookId, count],
    );

  test('gives each organization its share, and each webhook no more than its places', async () => {
    const [many, few] = [await db.organization(), await db.organization()];
    for (let index = 0; index < 3; index++) await waiting(many, (await aWebhook(many)).id, 100);
    const lone = await aWebhook(few);
    await waiting(few, lone.id, 2);
    const first = await claim(4);
    expect(first.filter(({ orgId }) => orgId === few)).toHaveLength(2);
    const rest = await claim(100);
    expect(rest).toHaveLength(28);
    expect(await claim(100)).toHaveLength(0);
  });

  test('under a hold that has ended gives the delivery to another, and what the first one reports has no effect', async () => {
    const orgId = await db.organization();
    const { id } = await aWebhook(orgId);
    await waiting(orgId, id, 1);
    const [held] = await claim(1);
    if (!held) throw new Error('Nothing was claimed.');
    expect(await claim(1)).toEqual([]);
    await db.owner.query('update webhook_deliveries set due_at = now() where id = $1', [held.id]);
    const [taken] = await claim(1);
    expect(taken).toMatchObject({ id: held.id, fence: held.fence + 1, messageId: held.messageId });
    const took = { at: new Date(), durationMs: 1, status: 200, error: null, answer: '', retryAfterSeconds: null };
    expect(await vault.statements((tx) => settleDelivery(tx, held, took))).toBeNull();
    if (taken)
      expect(await vault.statements((tx) => settleDelivery(tx, taken, took))).toMatchObject({ state: 'delivered' });
    expect(await counted('select count(*) from webhook_attempts where delivery_id = $1', [held.id])).toBe(1);
  });

  test('keeps webhooks that fail to a lane of their own, one message at a time', async () => {
    const orgId = await db.organization();
    const { id } = await aWebhook(orgId);
    await waiting(orgId, id, 5);
    await db.owner.query(
      'update webhook_progress set consecutive_failures = 5, failing_since = now() where webhook_id = $1',
      [id],
    );
    expect(await claim(10)).toEqual([]);
    expect(await claim(10, { failing: true, places: 1 })).toHaveLength(1);
    expect(await claim(10, { failing: true, places: 1 })).toEqual([]);
    await db.owner.query('update webhook_deliveries set is_sending = false, due_at = now() where webhook_id = $1', [
      id,
    ]);
    await db.owner.query(
      `update webhook_progress set paused_until = now() + interval '1 minute' where webhook_id = $1`,
      [id],
    );
    expect(await claim(10, { failing: true, places: 1 })).toEqual([]);
  });

  test('leaves what belongs to a deleted organization', async () => {
    const orgId = await db.organization();
    await waiting(orgId, (await aWebhook(orgId)).id, 1);
    await db.owner.query('update organizations set deleted_at = now(), erase_after = now() where id = $1', [orgId]);
    expect(await claim(10)).toEqual([]);
  });
});

test('a message is signed with the same secret after the data keys of the organization were replaced', async () => {
  const orgId = await db.organization();
  const receiver = await aReceiver();
  const { id, secret } = await aWebhook(orgId, receiver.url);
  await vault.dataKeys.rotate(orgId);
  const resealers = [webhookSecretResealer(vault.dataKeys)];
  await moveToNewestKeys({ ...vault, resealers, log });
  const { rows } = await db.owner.query('select key_version from webhook_secrets where webhook_id = $1', [id]);
  expect(rows).toEqual([{ key_version: 2 }]);
  await happen(orgId, ['a']);
  const deliverer = delivererOver();
  await readAll(fanOutOver(), async () => (await pendingOf(id)) === 1);
  deliverer.start();
  await until('it arrives', () => receiver.received.length === 1);
  const [message] = receiver.received;
  if (message) expect(receiver.verify(message, secret)).toMatchObject({ subject: 'a' });
});

test('what a process that stops has under way is given back, and not counted as an attempt', async () => {
  const orgId = await db.organization();
  const receiver = await aReceiver(() => {});
  const { id } = await aWebhook(orgId, receiver.url);
  await happen(orgId, ['a']);
  await readAll(fanOutOver(), async () => (await pendingOf(id)) === 1);
  const deliverer = delivererOver();
  deliverer.start();
  await until('it is being sent', () => receiver.open === 1);
  await deliverer[Symbol.asyncDispose]();
  const { rows } = await db.owner.query(
    'select state, is_sending, attempts, due_at <= now() as due from webhook_deliveries where webhook_id = $1',
    [id],
  );
  expect(rows).toEqual([{ state: 'pending', is_sending: false, attempts: 0, due: true }]);
});
