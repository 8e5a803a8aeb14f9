import { randomBytes } from 'node:crypto';
import type { Tx } from '../../../platform/db/index.ts';
import type { DataKeys, Place, Resealer } from '../../vault/index.ts';
import { MOST_SECRETS, writeSecret } from './model.ts';
import * as store from './store-secrets.ts';

/** As long as the digest that it makes; the standard allows 24 to 64. */
const SECRET_BYTES = 32;

const placeOf = ({ orgId, webhookId, version }: store.SecretName): Place => ({
  orgId,
  purpose: 'webhook_secrets',
  id: webhookId,
  version,
});

/** Gives a webhook a new secret beside those that it has; the earlier ones sign on for the overlap. */
export async function addSecret(
  tx: Tx,
  { orgId, webhookId, overlapSeconds }: { orgId: string; webhookId: string; overlapSeconds: number },
  dataKeys: DataKeys,
): Promise<string> {
  const bytes = randomBytes(SECRET_BYTES);
  const name = { orgId, webhookId, version: (await store.newestSecret(tx, orgId, webhookId)) + 1 };
  const sealed = await dataKeys.seal(placeOf(name), bytes);
  store.endEarlierSecrets(tx, name, { overlapSeconds, most: MOST_SECRETS });
  store.insertSecret(tx, name, sealed);
  return writeSecret(bytes);
}

export const openSecret = (dataKeys: DataKeys, { sealed, ...name }: store.StoredSecret): Promise<Buffer> =>
  dataKeys.open(placeOf(name), sealed);

/** Seals the secrets of webhooks anew. */
export const webhookSecretResealer = (dataKeys: DataKeys): Resealer => ({
  purpose: 'webhook_secrets',
  async reseal(tx, { orgId, version: keyVersion }, limit) {
    const secrets = await store.lockSecretsBefore(tx, orgId, { keyVersion, limit });
    for (const secret of secrets) {
      const sealed = await dataKeys.seal(placeOf(secret), await openSecret(dataKeys, secret));
      store.replaceSealedSecret(tx, { ...secret, sealed });
    }
    return secrets.length;
  },
});
