import type { DataKeys, Place, Resealer } from '../vault/index.ts';
import { lockSealedBefore, replaceSealedKey } from './store-contents.ts';

/** Where the key of an object lies. It never changes, so it has one version. */
export const placeOfKey = (orgId: string, object: string): Place => ({
  orgId,
  purpose: 'assets',
  id: object,
  version: 1,
});

/** Seals the keys of objects anew; the objects stay as they are. */
export const assetResealer = (dataKeys: Pick<DataKeys, 'seal' | 'open'>): Resealer => ({
  purpose: 'assets',
  async reseal(tx, { orgId, version }, limit) {
    const found = await lockSealedBefore(tx, orgId, { keyVersion: version, limit });
    for (const { digest, object, seal } of found) {
      const place = placeOfKey(orgId, object);
      replaceSealedKey(tx, orgId, { digest, seal: await dataKeys.seal(place, await dataKeys.open(place, seal)) });
    }
    return found.length;
  },
});
