import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { requireWebhook } from '../endpoints/operations.ts';
import { deliveryErrors, webhookErrors } from '../errors.ts';
import type { WebhookServices } from '../services.ts';
import { type Attempt, type Delivery, type DeliveryState, TEST_TYPE } from './model.ts';
import * as store from './store.ts';

type OfWebhook = { id: string };
type OneDelivery = OfWebhook & { deliveryId: string };
export type ListDeliveries = OfWebhook & { state: DeliveryState | null; limit: number; cursor: string | null };
/** A delivery, its newest attempts, and the message; null for who may not see the event that it tells of. */
export type LoggedDelivery = { delivery: Delivery; attempts: Attempt[]; body: string | null };

/** Of one delivery: two whole schedules, and some by hand. */
const MOST_ATTEMPTS_SHOWN = 50;

const WRITE = { scope: 'webhooks:write', effect: 'create', rate: 'control' } as const;
const READ = { scope: 'webhooks:read', effect: 'read', rate: 'control', audit: null } as const;

export const deliveryOperations = (services: WebhookServices) =>
  ({
    testWebhook: testWebhook(services),
    listDeliveries,
    getDelivery: getDelivery(services),
    redeliver: redeliver(services),
  }) satisfies Record<string, AnyOperation>;

const testWebhook = ({ queued }: WebhookServices) =>
  operation({
    ...WRITE,
    name: 'webhooks.webhook.test',
    summary: 'Send a test message to a webhook, also to a disabled one. It is tried once.',
    audit: {
      action: 'webhook.tested',
      target: ({ id }: OfWebhook) => ({ type: 'webhook', id }),
    },
    async run(context, { id }): Promise<Delivery> {
      const { webhook } = await requireWebhook(context, id);
      const body = JSON.stringify({
        type: TEST_TYPE,
        timestamp: new Date().toISOString(),
        organization_id: webhook.orgId,
        subject: id,
        data: { webhook_id: id, message: 'This is a test. Messages about events look like it.' },
      });
      const message = { id: `test_${newId()}`, eventType: TEST_TYPE, subject: id, body };
      const delivery = await store.insertTestDelivery(context.tx, webhook, message);
      context.tx.onCommit(queued);
      return delivery;
    },
  });

const listDeliveries = operation({
  ...READ,
  name: 'webhooks.delivery.list',
  summary: 'List what was and is on its way to a webhook, and what came of it.',
  async run(context, { id, state, limit, cursor }: ListDeliveries): Promise<Page<Delivery>> {
    const [after = null] = cursor === null ? [] : decodeCursor(cursor, [isUuid]);
    const { webhook } = await requireWebhook(context, id);
    const of = { orgId: webhook.orgId, webhookId: id, state, after, limit: limit + 1 };
    const found = await store.listDeliveries(context.tx, of);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return { items, nextCursor: found.length > limit && last ? encodeCursor([last.id]) : null };
  },
});

const getDelivery = ({ shows }: WebhookServices) =>
  operation({
    ...READ,
    name: 'webhooks.delivery.get',
    summary: 'Get a delivery with each attempt, and the message if you may see the event that it tells of.',
    async run(context, { id, deliveryId }: OneDelivery): Promise<LoggedDelivery> {
      const { webhook } = await requireWebhook(context, id);
      const { orgId } = webhook;
      const name = { orgId, webhookId: id, id: deliveryId };
      const found = isUuid(deliveryId) ? await store.findDelivery(context.tx, name) : null;
      if (!found) throw noSuchDelivery();
      const { delivery } = found;
      const attempts = await store.listAttempts(context.tx, orgId, delivery.id, MOST_ATTEMPTS_SHOWN);
      const told = { orgId, type: delivery.eventType, subject: delivery.subject };
      const isShown = delivery.kind === 'test' || (await shows(context.by, told));
      return { delivery, attempts, body: isShown ? found.body : null };
    },
  });

const redeliver = ({ queued }: WebhookServices) =>
  operation({
    ...WRITE,
    name: 'webhooks.delivery.redeliver',
    summary: 'Send a message once more, under the same id; if it fails, it is tried by the whole schedule again.',
    audit: {
      action: 'webhook.redelivered',
      target: ({ id }: OneDelivery) => ({ type: 'webhook', id }),
      detail: ({ deliveryId }) => ({ delivery_id: deliveryId }),
    },
    async run(context, { id, deliveryId }): Promise<Delivery> {
      const { webhook } = await requireWebhook(context, id);
      const delivery = await lockDelivery(context, { orgId: webhook.orgId, webhookId: id, id: deliveryId });
      if (webhook.disabled !== null && delivery.kind === 'event')
        throw webhookErrors.disabled('The webhook is disabled. Enable it first.');
      if (delivery.isSending)
        throw deliveryErrors.in_flight('It is being sent right now. See what comes of it.', { retryAfterMs: 1_000 });
      const again = await store.sendAgain(context.tx, delivery);
      context.tx.onCommit(queued);
      return again;
    },
  });

const noSuchDelivery = (): Error => deliveryErrors.not_found('There is no delivery with this id.');

async function lockDelivery({ tx }: Pick<Context, 'tx'>, name: store.DeliveryName): Promise<Delivery> {
  const delivery = isUuid(name.id) ? await store.lockDelivery(tx, name) : null;
  if (!delivery) throw noSuchDelivery();
  return delivery;
}
