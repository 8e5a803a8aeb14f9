import type { DataKeys, Resealer } from '../vault/index.ts';
import { contentPlace } from './content.ts';
import * as store from './store.ts';

export { deleteExpired as deleteExpiredCaptures } from './store.ts';

/** Seals captured content anew. */
export const captureResealer = (dataKeys: DataKeys): Resealer => ({
  purpose: 'captured_content',
  async reseal(tx, { orgId, version: keyVersion }, limit) {
    const captures = await store.lockSealedBefore(tx, orgId, { keyVersion, limit });
    for (const { id, sealed } of captures) {
      const place = contentPlace(orgId, id);
      const plain = await dataKeys.open(place, sealed);
      store.replaceSealed(tx, orgId, { id, sealed: await dataKeys.seal(place, plain) });
    }
    return captures.length;
  },
});
