import { createHmac } from 'node:crypto';

/** A message as it is sent: the same id at every attempt, and the time of this one. */
export type WebhookMessage = { id: string; at: Date; body: string };

/**
 * The headers of a message as Standard Webhooks 1.0 say: `v1,` and the base64 of HMAC-SHA256 over `id.seconds.body`, one
 * signature for each secret, so that a receiver who knows any of them can check it.
 */
export function webhookHeaders(
  { id, at, body }: WebhookMessage,
  secrets: readonly Buffer[],
): { 'content-type': string; 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string } {
  const seconds = String(Math.floor(at.getTime() / 1000));
  const sign = (secret: Buffer): string =>
    `v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}`;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': secrets.map(sign).join(' '),
  };
}
