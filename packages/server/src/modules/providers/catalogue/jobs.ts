import type { DataKeys, Resealer } from '../../vault/index.ts';
import { keyPlace } from './keys.ts';
import * as store from './store.ts';

/** Seals the keys of providers anew. */
export const providerKeyResealer = (dataKeys: DataKeys): Resealer => ({
  purpose: 'provider_keys',
  async reseal(tx, { orgId, version: keyVersion }, limit) {
    const keys = await store.lockKeysBefore(tx, orgId, { keyVersion, limit });
    for (const { id, sealed } of keys) {
      const plain = await dataKeys.open(keyPlace(orgId, id), sealed);
      store.replaceSealedKey(tx, orgId, { id, sealed: await dataKeys.seal(keyPlace(orgId, id), plain) });
    }
    return keys.length;
  },
});
