import type { Webhook, WebhookDelivery } from '@assay/contract';
import { fields, type Human, table } from './view.ts';

const list = (items: readonly string[]): string => (items.length === 0 ? 'all' : items.join(','));
const standing = ({ status, disabled_reason }: Webhook): string =>
  disabled_reason === null ? status : `${status} (${disabled_reason})`;

/** A webhook for people, with its secret where one was made. */
export const webhookFields = (webhook: Webhook, secret?: string): Human =>
  fields(
    ['id', webhook.id],
    ['url', webhook.url],
    ['events', list(webhook.event_types)],
    ['about', list(webhook.subjects)],
    ['status', standing(webhook)],
    ...(secret === undefined ? [] : ([['secret', secret]] as const)),
  );

export const webhookTable = (webhooks: readonly Webhook[]): Human =>
  table(
    ['id', 'url', 'events', 'status', 'failing since'],
    webhooks.map((webhook) => [
      webhook.id,
      webhook.url,
      list(webhook.event_types),
      standing(webhook),
      webhook.failing_since ?? '-',
    ]),
    'There are no webhooks here. Make one: assay webhooks create',
  );

export const deliveryTable = (deliveries: readonly WebhookDelivery[]): Human =>
  table(
    ['id', 'event', 'about', 'status', 'attempts', 'answer', 'next attempt', 'error'],
    deliveries.map((delivery) => [
      delivery.id,
      delivery.event_type,
      delivery.subject,
      delivery.status,
      String(delivery.attempts),
      delivery.response_status === null ? '-' : String(delivery.response_status),
      delivery.next_attempt_at ?? '-',
      delivery.error ?? '-',
    ]),
    'Nothing was sent yet. Try it: assay webhooks test',
  );
