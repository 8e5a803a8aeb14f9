import { isUuid } from '../../kernel/ids.ts';
import type { Tx, TxScope } from '../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import { auditErrors } from './errors.ts';
import { type LogName, treeOfRequest } from './reach.ts';
import { findIndex } from './reads.ts';
import type { SignedLogs } from './signed-logs.ts';
import { consistencyProof, inclusionProof } from './tree/proofs.ts';
import { readNodes } from './tree/store.ts';

export type ProofOptions = {
  /** In the role of requests: statement by statement, in one organization. */
  statements<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  logs: SignedLogs;
};

const READ = { scope: 'audit:read', effect: 'read', rate: 'control', audit: null, transaction: 'none' } as const;

/** Proofs that an entry is in the log, and that the log only grew. */
export function auditProofOperations({ statements, logs }: ProofOptions) {
  const proveInclusion = operation({
    name: 'audit.inclusion.prove',
    summary: 'Prove that an entry is in the audit log.',
    ...READ,
    async run(context, input: { log: LogName; index: number | null; leaf: string | null; size: number | null }) {
      const checkpoint = await logs.checkpoint(treeOfRequest(context, input.log));
      const { orgId } = checkpoint;
      const size = sizeWithin(input.size, checkpoint, 'size');
      const index = input.index ?? (await indexOf(orgId, input.leaf));
      if (index >= size) {
        throw auditErrors.index_beyond_tree(`A tree of ${size} entries has no entry ${index}.`, {
          faults: [{ field: 'index', constraint: 'within_tree', message: `Must be below ${size}.` }],
        });
      }
      const proof = await statements({ orgId }, (tx) =>
        inclusionProof(index, size, (nodes) => readNodes(tx, checkpoint, nodes)),
      );
      return { index, size, checkpoint, ...proof };
    },
  });

  const proveConsistency = operation({
    name: 'audit.consistency.prove',
    summary: 'Prove that the audit log of a later size begins with that of an earlier one.',
    ...READ,
    async run(context, input: { log: LogName; from: number; to: number | null }) {
      const checkpoint = await logs.checkpoint(treeOfRequest(context, input.log));
      const { orgId } = checkpoint;
      const to = sizeWithin(input.to, checkpoint, 'to');
      const from = sizeWithin(input.from, { size: to }, 'from');
      const proof = await statements({ orgId }, (tx) =>
        consistencyProof(from, to, (nodes) => readNodes(tx, checkpoint, nodes)),
      );
      return { from, to, checkpoint, ...proof };
    },
  });

  async function indexOf(orgId: string, leaf: string | null): Promise<number> {
    const found = leaf && isUuid(leaf) ? await statements({ orgId }, (tx) => findIndex(tx, orgId, leaf)) : null;
    if (found === null) throw auditErrors.leaf_not_found('There is no entry with this id in this log.');
    return found;
  }

  return { proveInclusion, proveConsistency } satisfies Record<string, AnyOperation>;
}

function sizeWithin(asked: number | null, { size }: { size: number }, field: string): number {
  if (asked === null || asked <= size) return asked ?? size;
  throw auditErrors.index_beyond_tree(`The log has ${size} entries, not ${asked}.`, {
    faults: [{ field, constraint: 'within_tree', message: `Must not be above ${size}.` }],
  });
}
