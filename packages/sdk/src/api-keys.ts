import type { ApiKey, controlRoutes } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import { cursorOf } from './cursor-of.ts';
import { Listing } from './listing.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type NewApiKey = BodyOf<Routes['createApiKey']>;
/** A new key. `raw_key` is the secret itself, shown this once. */
export type CreatedApiKey = AnswerOf<Routes['createApiKey']>['data'];
export type ApiKeyPage = { api_keys: ApiKey[]; next_cursor: string | null };

/** Keys of the organization. */
export class ApiKeys {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Makes a key. Its scopes are within those of the caller. */
  async create(key: NewApiKey, options?: CallOptions): Promise<CreatedApiKey> {
    return (
      await this.#caller.call<Routes['createApiKey']>({ method: 'POST', path: '/v1/api-keys', body: key }, options)
    ).data;
  }

  /** All keys, newest first; without their secrets. */
  list(query: { limit?: number; cursor?: string } = {}, options?: CallOptions): Listing<ApiKeyPage, ApiKey> {
    return new Listing({
      fetch: async (from) => {
        const cursor = from ?? query.cursor;
        const { data, links } = await this.#caller.call<Routes['listApiKeys']>(
          { method: 'GET', path: '/v1/api-keys', query: { ...query, cursor } },
          options,
        );
        return { api_keys: data.api_keys, next_cursor: cursorOf(links.next) };
      },
      items: (page) => page.api_keys,
      next: (page) => page.next_cursor,
    });
  }

  async get(id: string, options?: CallOptions): Promise<ApiKey> {
    return (
      await this.#caller.call<Routes['getApiKey']>(
        { method: 'GET', path: '/v1/api-keys/{id}', params: { id } },
        options,
      )
    ).data.api_key;
  }

  /** Ends a key. Requests with it are refused from this moment. */
  async revoke(id: string, options?: CallOptions): Promise<ApiKey> {
    return (
      await this.#caller.call<Routes['revokeApiKey']>(
        { method: 'DELETE', path: '/v1/api-keys/{id}', params: { id } },
        options,
      )
    ).data.api_key;
  }
}
