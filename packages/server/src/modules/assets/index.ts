/**
 * Assets are bytes that outgrow a row: stored once by their SHA-256, referred to by rows that belong to an
 * organization.
 * Table: assets. Invariant: content is written and synced before a row refers to it, and never changes.
 */
export { DiskBlobs } from './adapters/disk-blobs.ts';
export { removeUnreferredContent } from './jobs.ts';
export { assetOperations, readAsset } from './operations.ts';
export type { Blobs } from './ports.ts';
export { existingAssets } from './reads.ts';
export { addAsset } from './references.ts';
