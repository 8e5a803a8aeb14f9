/**
 * Audit owns the leaves of the log: one for each act, written in its transaction, and one for each refusal, written
 * apart at a bounded rate. The Merkle tree is built over the leaves in the order (xid, id).
 * Table: audit_leaves. Invariant: leaves are only ever added.
 */

export { insertLeaf } from './leaves.ts';
export type { Leaf } from './model.ts';
export { createRefusalLog } from './refusals.ts';
