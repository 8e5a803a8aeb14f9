import type { DataKeys } from '../keys/data-keys.ts';
import type { Resealer } from '../keys/jobs.ts';
import { placeOf } from './model.ts';
import * as store from './store.ts';

/** Seals values of secrets anew. */
export const secretResealer = (dataKeys: DataKeys): Resealer => ({
  purpose: 'secrets',
  async reseal(tx, { orgId, version: keyVersion }, limit) {
    const values = await store.lockValuesBefore(tx, orgId, { keyVersion, limit });
    for (const { secretId, version, sealed } of values) {
      const place = placeOf(orgId, secretId, version);
      const plain = await dataKeys.open(place, sealed);
      store.replaceSealed(tx, orgId, { secretId, version, sealed: await dataKeys.seal(place, plain) });
    }
    return values.length;
  },
});
