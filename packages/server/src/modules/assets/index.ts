/**
 * Assets are files of an organization. Their bytes are stored once by SHA-256, for all assets of the organization that have
 * them, under a name that is used once.
 * Tables: assets, asset_contents, asset_uploads, asset_usage, asset_garbage.
 * Invariants: content is durable before an asset refers to it, and never changes; what is stored, being stored or to be
 * removed is named by a row at every moment; the bytes of all assets and uploads are within the quota.
 */
export { DiskObjects } from './adapters/disk-objects.ts';
export { S3Objects } from './adapters/s3-objects.ts';
export { assetConstraints } from './constraints.ts';
export { type ContentServices, Contents } from './contents.ts';
export { collectGarbage } from './jobs.ts';
export { type Asset, faultOfName, isMediaType } from './model.ts';
export { assetOperations, type ReceivedFile } from './operations.ts';
export type { Objects } from './ports.ts';
export { type AssetUsage, quotaOperations } from './quota.ts';
export { findAssetOwners, readAsset, readSmallAsset } from './reads.ts';
export { addAssets, deleteAssets, type NewAsset } from './references.ts';
export { assetResealer } from './reseal.ts';
