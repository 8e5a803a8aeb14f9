import type { Tx } from '../../../platform/db/index.ts';
import type { Disabled } from './departures.ts';
import type { DisabledReason, Webhook } from './model.ts';
import * as store from './store.ts';

/** Disables a webhook that takes nothing any more, and tells of it once. */
export async function disableWebhook(
  tx: Tx,
  name: Pick<Webhook, 'orgId' | 'id'>,
  { reason, disabled }: { reason: DisabledReason; disabled: Disabled },
): Promise<void> {
  const webhook = await store.disableWebhook(tx, name, reason);
  if (webhook !== null) disabled(tx, webhook, reason);
}
