import { createHmac } from 'node:crypto';
import type { AnchorPlace } from '../ports.ts';

/** @param options `secret` are the bytes that the receiver checks signatures with */
export type WebhookAnchorOptions = { url: string; secret: Buffer };

/** Posts checkpoints, signed as Standard Webhooks say. The id is that of the log and its size: a repeat is no news. */
export const webhookAnchor = ({ url, secret }: WebhookAnchorOptions): AnchorPlace => ({
  destination: 'webhook',
  async write({ orgId, origin, size, note }, signal) {
    const id = `audit_${orgId}_${size}`;
    const now = new Date();
    const seconds = Math.floor(now.getTime() / 1000);
    const body = JSON.stringify({
      type: 'audit.checkpoint',
      timestamp: now.toISOString(),
      data: { org_id: orgId, origin, size, note },
    });
    const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64');
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': `v1,${signature}`,
    };
    const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`The webhook for checkpoints answered ${answer.status}.`);
  },
});
