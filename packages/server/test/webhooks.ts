import type { LoggedWebhookDelivery, Webhook, WebhookDelivery } from '@assay/contract';
import { insertEvent } from '../src/modules/events/index.ts';
import type { TestDatabase } from './database.ts';
import type { Answer, ServedApi } from './served-api.ts';
import { until } from './until.ts';

/** Events show when every older transaction of the whole server has ended, those of other test files included. */
export const DEADLINE_MS = 25_000;

export type MadeWebhook = Webhook & { secret: string };

/** The routes of webhooks as one caller uses them. */
export function webhooksOf(api: ServedApi, key: string) {
  const data = async <Data>(line: string, body?: unknown): Promise<Data> => {
    const answer = await api.ask(line, { key, body });
    if (answer.status >= 300) throw new Error(`${line} was answered with ${answer.status}: ${answer.text}`);
    return (answer.body as { data: Data }).data;
  };
  const deliveries = async (id: string): Promise<WebhookDelivery[]> =>
    (await data<{ deliveries: WebhookDelivery[] }>(`GET /v1/webhooks/${id}/deliveries`)).deliveries;
  return {
    ask: (line: string, body?: unknown): Promise<Answer> => api.ask(line, { key, body }),
    async make(body: object): Promise<MadeWebhook> {
      const { webhook, secret } = await data<{ webhook: Webhook; secret: string }>('POST /v1/webhooks', body);
      return { ...webhook, secret };
    },
    get: async (id: string): Promise<Webhook> => (await data<{ webhook: Webhook }>(`GET /v1/webhooks/${id}`)).webhook,
    deliveries,
    logged: async (id: string, deliveryId: string): Promise<LoggedWebhookDelivery> =>
      (await data<{ delivery: LoggedWebhookDelivery }>(`GET /v1/webhooks/${id}/deliveries/${deliveryId}`)).delivery,
    /** Waits until the newest delivery fits. */
    newest: (id: string, fits: (delivery: WebhookDelivery) => boolean): Promise<WebhookDelivery> =>
      until('the delivery gets there', async () => (await deliveries(id)).slice(0, 1).find(fits), DEADLINE_MS),
  };
}

/** Something happens in an organization. */
export async function happens(
  db: TestDatabase,
  api: ServedApi,
  event: { orgId: string; type?: string; subject: string; data?: Record<string, unknown> },
): Promise<void> {
  const { orgId, type = 'budget.threshold', subject, data = {} } = event;
  await db.app.transaction({ orgId }, async (tx) => insertEvent(tx, orgId, { type, subject, data }));
  api.app.core.told();
}

/** Lets what waits for a later attempt be due now. */
export async function becomesDue(db: TestDatabase, api: ServedApi, webhookId: string): Promise<void> {
  await db.owner.query(
    `with open as (update webhook_progress set paused_until = null where webhook_id = $1)
     update webhook_deliveries set due_at = now() where webhook_id = $1 and state = 'pending'`,
    [webhookId],
  );
  api.app.core.wakeups.raise('webhooks');
}
