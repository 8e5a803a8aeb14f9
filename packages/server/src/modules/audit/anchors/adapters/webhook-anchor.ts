import { webhookHeaders } from '../../../../platform/crypto/standard-webhook.ts';
import type { AnchorPlace } from '../ports.ts';

/** @param options `secret` are the bytes that the receiver checks signatures with */
export type WebhookAnchorOptions = { url: string; secret: Buffer };

/** Posts checkpoints, signed as Standard Webhooks say. The id is that of the log and its size: a repeat is no news. */
export const webhookAnchor = ({ url, secret }: WebhookAnchorOptions): AnchorPlace => ({
  destination: 'webhook',
  async write({ orgId, origin, size, note }, signal) {
    const at = new Date();
    const body = JSON.stringify({
      type: 'audit.checkpoint',
      timestamp: at.toISOString(),
      data: { org_id: orgId, origin, size, note },
    });
    const headers = webhookHeaders({ id: `audit_${orgId}_${size}`, at, body }, [secret]);
    const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`The webhook for checkpoints answered ${answer.status}.`);
  },
});
