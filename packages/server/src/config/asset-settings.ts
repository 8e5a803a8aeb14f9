import { setting } from './setting.ts';
import { bucket, flagValue, httpUrl, integer, mediaTypes, optional, text } from './setting-readers.ts';

/** Files that callers store, and the store that they go to. */
export const ASSETS = {
  assetMaxBytes: setting({
    flag: 'asset-max-bytes',
    toml: 'assets.max_bytes',
    env: 'ASSAY_ASSET_MAX_BYTES',
    fallback: String(5 * 2 ** 30),
    help: 'Largest file that may be uploaded, bytes.',
    read: integer(1, 100 * 2 ** 30),
  }),
  assetQuotaBytes: setting({
    flag: 'asset-quota-bytes',
    toml: 'assets.quota_bytes',
    env: 'ASSAY_ASSET_QUOTA_BYTES',
    fallback: '0',
    help: 'How much one organization may store, bytes, where it has no quota of its own; 0: as much as there is room for.',
    read: integer(0, Number.MAX_SAFE_INTEGER),
  }),
  assetSilenceSeconds: setting({
    flag: 'asset-silence-seconds',
    toml: 'assets.silence_seconds',
    env: 'ASSAY_ASSET_SILENCE_SECONDS',
    fallback: '60',
    help: 'How long nothing may come of an upload before it is ended, seconds.',
    read: integer(1, 3_600),
  }),
  assetEncryption: setting({
    flag: 'asset-encryption',
    toml: 'assets.encryption',
    env: 'ASSAY_ASSET_ENCRYPTION',
    fallback: 'off',
    help: 'On: files are sealed before they are stored, each with a key of its own under a data key of its organization.',
    read: flagValue,
  }),
  assetBucket: setting({
    flag: 'asset-bucket',
    toml: 'assets.bucket',
    env: 'ASSAY_ASSET_BUCKET',
    fallback: '',
    help: 'S3 bucket that files are stored in, s3://bucket/prefix; credentials as the AWS tools take them. Without one they are in the data directory.',
    read: optional(bucket),
  }),
  assetBucketEndpoint: setting({
    flag: 'asset-bucket-endpoint',
    toml: 'assets.bucket_endpoint',
    env: 'ASSAY_ASSET_BUCKET_ENDPOINT',
    fallback: '',
    help: "Address of an S3 service other than Amazon's, for that bucket.",
    read: optional(httpUrl),
  }),
  assetBucketRegion: setting({
    flag: 'asset-bucket-region',
    toml: 'assets.bucket_region',
    env: 'ASSAY_ASSET_BUCKET_REGION',
    fallback: 'us-east-1',
    help: 'Region of that bucket.',
    read: text,
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
