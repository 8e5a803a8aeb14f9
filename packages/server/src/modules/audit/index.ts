/**
 * Audit owns the log: a leaf for each act, written in its transaction, and one for each refusal, written apart at a
 * bounded rate. A sequencer gives each leaf a place in the Merkle tree of its organization (RFC 6962) and signs a
 * checkpoint, so that nobody, the administrator of the database included, can change the log unseen.
 * Tables: audit_leaves (not yet placed), audit_entries, audit_trees, audit_tiles, audit_anchors; of signing_keys those of
 * purpose audit_checkpoint.
 * Invariants: a leaf is there if and only if its act was committed; indexes are dense; a leaf in the tree never changes,
 * and what is personal can be erased beside it.
 */

export { bucketAnchor } from './anchors/adapters/bucket-anchor.ts';
export { fileAnchor } from './anchors/adapters/file-anchor.ts';
export { webhookAnchor } from './anchors/adapters/webhook-anchor.ts';
export { Anchoring, type AnchoringOptions } from './anchors/anchoring.ts';
export type { AnchorPlace } from './anchors/ports.ts';
export { leafDocument } from './canonical.ts';
export { CheckpointKeys } from './checkpoints/keys.ts';
export { eraseOrganizationFromAudit, erasePersonFromAudit } from './erasure.ts';
export { insertLeaf } from './leaves.ts';
export { insertLeaves } from './leaves-batch.ts';
export { auditLogOperations, type LogExport } from './log-operations.ts';
export { type Entry, INSTALLATION, type Leaf } from './model.ts';
export { auditReadOperations, type ListInput, type Stats, type StatsInput } from './operations.ts';
export { auditProofOperations } from './proof-operations.ts';
export { createRefusalLog } from './refusals.ts';
export { Sequencer, type SequencerOptions } from './sequencer.ts';
export { type Checkpoint, SignedLogs, type VerifierKey } from './signed-logs.ts';
