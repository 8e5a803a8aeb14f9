/**
 * Webhooks tell addresses of an organization's own of its events: which are told of what, and the sending of messages as
 * Standard Webhooks 1.0 say.
 * Tables: webhooks, webhook_secrets, webhook_progress, webhook_deliveries, webhook_attempts.
 * Invariants: each event that a webhook wants, and its maker may see, becomes one delivery, and is sent until it is taken
 * or given up: at least once, always under the same id; messages go to public addresses only, or to those that the operator
 * opened; a receiver that is slow or gone keeps no other waiting.
 */

export { retainDeliveries } from './deliveries/jobs.ts';
export type { Attempt, Delivery } from './deliveries/model.ts';
export { deliveryOperations, type LoggedDelivery } from './deliveries/operations.ts';
export { type Disabled, disableWebhooksOf, freezeWebhooksOf } from './endpoints/departures.ts';
export { disableWebhook } from './endpoints/jobs.ts';
export type { Health, Webhook } from './endpoints/model.ts';
export { endpointOperations } from './endpoints/operations.ts';
export { webhookSecretResealer } from './endpoints/secrets.ts';
export { Deliverer, type DelivererOptions } from './sending/deliverer.ts';
export { FanOut, type FanOutOptions } from './sending/fan-out.ts';
export type { Audibility, WebhookServices } from './services.ts';
