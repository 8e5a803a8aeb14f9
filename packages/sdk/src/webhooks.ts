import type { controlRoutes, LoggedWebhookDelivery, Webhook, WebhookDelivery } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import type { Listing } from './listing.ts';
import { type PageQuery, paged } from './paged.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type NewWebhook = BodyOf<Routes['createWebhook']>;
export type WebhookChange = BodyOf<Routes['updateWebhook']>;
/** A webhook with the secret that its messages are signed with, shown this once. */
export type IssuedWebhook = AnswerOf<Routes['createWebhook']>['data'];
export type WebhookPage = { webhooks: Webhook[]; next_cursor: string | null };
export type DeliveryPage = { deliveries: WebhookDelivery[]; next_cursor: string | null };
type DeliveryQuery = PageQuery & { status?: WebhookDelivery['status'] | undefined };

/** Events, posted to addresses of the organization's own. */
export class Webhooks {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Has an address told of events. */
  async create(webhook: NewWebhook, options?: CallOptions): Promise<IssuedWebhook> {
    const call = { method: 'POST', path: '/v1/webhooks', body: webhook } as const;
    return (await this.#caller.call<Routes['createWebhook']>(call, options)).data;
  }

  /** All webhooks, newest first. */
  list(query: PageQuery = {}, options?: CallOptions): Listing<WebhookPage, Webhook> {
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/webhooks', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWebhooks']>(call, options);
      },
      (data) => data.webhooks,
    );
  }

  async get(id: string, options?: CallOptions): Promise<Webhook> {
    const call = { method: 'GET', path: '/v1/webhooks/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['getWebhook']>(call, options)).data.webhook;
  }

  async update(id: string, body: WebhookChange, options?: CallOptions): Promise<Webhook> {
    const call = { method: 'PATCH', path: '/v1/webhooks/{id}', params: { id }, body } as const;
    return (await this.#caller.call<Routes['updateWebhook']>(call, options)).data.webhook;
  }

  async delete(id: string, options?: CallOptions): Promise<Webhook> {
    const call = { method: 'DELETE', path: '/v1/webhooks/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['deleteWebhook']>(call, options)).data.webhook;
  }

  /** Has it sent nothing any more. */
  async disable(id: string, options?: CallOptions): Promise<Webhook> {
    const call = { method: 'POST', path: '/v1/webhooks/{id}/disable', params: { id } } as const;
    return (await this.#caller.call<Routes['disableWebhook']>(call, options)).data.webhook;
  }

  /** Has it sent messages again: from now on, or with what it missed. */
  async enable(id: string, body: BodyOf<Routes['enableWebhook']> = {}, options?: CallOptions): Promise<Webhook> {
    const call = { method: 'POST', path: '/v1/webhooks/{id}/enable', params: { id }, body } as const;
    return (await this.#caller.call<Routes['enableWebhook']>(call, options)).data.webhook;
  }

  /** Gives it a new secret; the one before signs, too, until the overlap is over. */
  async rotateSecret(
    id: string,
    body: BodyOf<Routes['rotateWebhookSecret']> = {},
    options?: CallOptions,
  ): Promise<IssuedWebhook> {
    const call = { method: 'POST', path: '/v1/webhooks/{id}/rotate-secret', params: { id }, body } as const;
    return (await this.#caller.call<Routes['rotateWebhookSecret']>(call, options)).data;
  }

  /** Sends it a test message, once. */
  async test(id: string, options?: CallOptions): Promise<WebhookDelivery> {
    const call = { method: 'POST', path: '/v1/webhooks/{id}/test', params: { id } } as const;
    return (await this.#caller.call<Routes['testWebhook']>(call, options)).data.delivery;
  }

  /** What was and is on its way to it, newest first. */
  deliveries(id: string, query: DeliveryQuery = {}, options?: CallOptions): Listing<DeliveryPage, WebhookDelivery> {
    return paged(
      (cursor = query.cursor) => {
        const path = '/v1/webhooks/{id}/deliveries';
        const call = { method: 'GET', path, params: { id }, query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWebhookDeliveries']>(call, options);
      },
      (data) => data.deliveries,
    );
  }

  /** A delivery with each attempt, and the message. */
  async delivery(id: string, deliveryId: string, options?: CallOptions): Promise<LoggedWebhookDelivery> {
    const path = '/v1/webhooks/{id}/deliveries/{delivery_id}';
    const call = { method: 'GET', path, params: { id, delivery_id: deliveryId } } as const;
    return (await this.#caller.call<Routes['getWebhookDelivery']>(call, options)).data.delivery;
  }

  /** Sends a message once more, under the same id. */
  async redeliver(id: string, deliveryId: string, options?: CallOptions): Promise<WebhookDelivery> {
    const path = '/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver';
    const call = { method: 'POST', path, params: { id, delivery_id: deliveryId } } as const;
    return (await this.#caller.call<Routes['redeliver']>(call, options)).data.delivery;
  }
}
