import { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { secretErrors } from '../errors.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { placeOf, type Secret } from './model.ts';
import * as store from './store.ts';

/** Who uses a secret, and for what: it goes into the audit log. */
export type SecretUse = { actor: { kind: string; id: string }; reason: string };

export type SecretReaderServices = {
  dataKeys: DataKeys;
  /** Writes the leaf of a use, in its transaction. */
  used(tx: Tx, secret: Secret, use: SecretUse): void;
};

/** Gives modules of this process the values of secrets. There is no other way to one. */
export class SecretReader {
  readonly #services: SecretReaderServices;

  constructor(services: SecretReaderServices) {
    this.#services = services;
  }

  /** What is known of a secret; null when the organization has none of this name. */
  find(tx: Tx, { orgId, name }: { orgId: string; name: string }): Promise<Secret | null> {
    return store.findSecret(tx, orgId, name);
  }

  /**
   * Reads the newest value of a secret, and writes down that it was used.
   * @param tx a transaction in the organization, which the audit leaf belongs to
   * @throws AppError `not_found` when the organization has no such secret
   */
  async read(tx: Tx, of: { orgId: string; name: string }, use: SecretUse): Promise<Sensitive<Buffer>> {
    const secret = await store.findSecret(tx, of.orgId, of.name);
    const sealed = secret && (await store.findValue(tx, secret, secret.version));
    if (!secret || !sealed) throw secretErrors.not_found('There is no secret of this name.');
    const value = await this.#services.dataKeys.open(placeOf(secret.orgId, secret.id, secret.version), sealed);
    store.noteUse(tx, secret);
    this.#services.used(tx, secret, use);
    return new Sensitive(value);
  }
}
