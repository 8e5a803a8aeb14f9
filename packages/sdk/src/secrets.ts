import type { controlRoutes, EncryptionKeys, Secret } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import { Listing } from './listing.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type NewSecret = BodyOf<Routes['createSecret']>;
export type SecretReplacement = BodyOf<Routes['replaceSecret']>;
export type SecretPage = { secrets: Secret[]; next_cursor: string | null };
export type DataKeyVersion = AnswerOf<Routes['rotateDataKeys']>['data']['data_keys'][number];

/** Secrets of the organization: values go in, and none comes out. */
export class Secrets {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Keeps a secret under a name that is free. */
  async create(secret: NewSecret, options?: CallOptions): Promise<Secret> {
    const call = { method: 'POST', path: '/v1/secrets', body: secret } as const;
    return (await this.#caller.call<Routes['createSecret']>(call, options)).data.secret;
  }

  /** Gives a secret that is there a new value. */
  async replace(name: string, body: SecretReplacement, options?: CallOptions): Promise<Secret> {
    const call = { method: 'PUT', path: '/v1/secrets/{name}', params: { name }, body } as const;
    return (await this.#caller.call<Routes['replaceSecret']>(call, options)).data.secret;
  }

  /** All secrets, by name. */
  list(query: { limit?: number; cursor?: string } = {}, options?: CallOptions): Listing<SecretPage, Secret> {
    return new Listing({
      fetch: async (from) => {
        const cursor = from ?? query.cursor;
        const { data, links } = await this.#caller.call<Routes['listSecrets']>(
          { method: 'GET', path: '/v1/secrets', query: { ...query, cursor } },
          options,
        );
        const next =
          links.next === undefined ? null : new URL(links.next, 'http://localhost').searchParams.get('cursor');
        return { secrets: data.secrets, next_cursor: next };
      },
      items: (page) => page.secrets,
      next: (page) => page.next_cursor,
    });
  }

  /** Throws a secret away, with every value that it had. */
  async delete(name: string, options?: CallOptions): Promise<Secret> {
    const call = { method: 'DELETE', path: '/v1/secrets/{name}', params: { name } } as const;
    return (await this.#caller.call<Routes['deleteSecret']>(call, options)).data.secret;
  }

  /** Gives the organization new data keys; what is sealed with the ones before follows by itself. */
  async rotateDataKeys(options?: CallOptions): Promise<DataKeyVersion[]> {
    const call = { method: 'POST', path: '/v1/encryption-keys/rotate' } as const;
    return (await this.#caller.call<Routes['rotateDataKeys']>(call, options)).data.data_keys;
  }

  /** How the master key of the installation stands; for its administrators. */
  async encryptionKeys(options?: CallOptions): Promise<EncryptionKeys> {
    const call = { method: 'GET', path: '/v1/encryption-keys' } as const;
    return (await this.#caller.call<Routes['getEncryptionKeys']>(call, options)).data.encryption_keys;
  }

  /** Moves the installation to another master key; for its administrators. */
  async rotateMasterKey(body: BodyOf<Routes['rotateMasterKey']> = {}, options?: CallOptions): Promise<EncryptionKeys> {
    const call = { method: 'POST', path: '/v1/encryption-keys/rotate-master', body } as const;
    return (await this.#caller.call<Routes['rotateMasterKey']>(call, options)).data.encryption_keys;
  }
}
