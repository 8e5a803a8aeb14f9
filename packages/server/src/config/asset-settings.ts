import { setting } from './setting.ts';
import { integer, mediaTypes } from './setting-readers.ts';

/** Files that callers store, and the store that they go to. */
export const ASSETS = {
  assetMaxBytes: setting({
    flag: 'asset-max-bytes',
    toml: 'assets.max_bytes',
    env: 'ASSAY_ASSET_MAX_BYTES',
    fallback: String(5 * 2 ** 30),
    help: 'Largest file that may be uploaded, bytes.',
    read: integer(1, 5 * 2 ** 40),
  }),
  assetQuotaBytes: setting({
    flag: 'asset-quota-bytes',
    toml: 'assets.quota_bytes',
    env: 'ASSAY_ASSET_QUOTA_BYTES',
    fallback: '0',
    help: 'How much one organization may store, bytes, where it has no quota of its own; 0: as much as there is room for.',
    read: integer(0, Number.MAX_SAFE_INTEGER),
  }),
  assetTypes: setting({
    flag: 'asset-types',
    toml: 'assets.types',
    env: 'ASSAY_ASSET_TYPES',
    fallback: '',
    help: 'Media types that may be uploaded, or families of them (image/*), separated by commas; all when left out.',
    read: mediaTypes,
  }),
} as const;
