import type { Tx } from '../../../platform/db/index.ts';
import type { WebhookServices } from '../services.ts';
import { listenerOf } from './maker.ts';
import type { DisabledReason, Webhook } from './model.ts';
import * as store from './store.ts';

export type Disabled = (tx: Tx, webhook: Webhook, reason: DisabledReason) => void;

/**
 * Makes final what the webhooks of a person may hear, for when that person leaves the organization: what they may be told
 * right now. Call it before the membership goes, in the same transaction.
 */
export async function freezeWebhooksOf(
  tx: Tx,
  { orgId, userId }: { orgId: string; userId: string },
  services: Pick<WebhookServices, 'findPerson' | 'scopesWithin'>,
): Promise<void> {
  for (const webhook of await store.lockWebhooksBoundBy(tx, orgId, userId)) {
    const { scopes } = await listenerOf(webhook, services);
    store.freezeMaker(tx, webhook, [...scopes].sort());
  }
}

/** Disables the webhooks of a service account that is deleted. */
export async function disableWebhooksOf(
  tx: Tx,
  { orgId, userId }: { orgId: string; userId: string },
  disabled: Disabled,
): Promise<void> {
  for (const webhook of await store.lockWebhooksBoundBy(tx, orgId, userId)) {
    store.freezeMaker(tx, webhook, []);
    if (await store.disableWebhook(tx, webhook, 'maker_removed')) disabled(tx, webhook, 'maker_removed');
  }
}
