import type { Tx, TxScope } from '../../platform/db/index.ts';
import { insertLeaf } from './leaves.ts';
import type { Leaf } from './model.ts';

export type RefusalLog = {
  /** Writes a refusal in a transaction of its own, unless the organization's allowance is used up. */
  record(leaf: Leaf): Promise<void>;
};

export type RefusalLogOptions = {
  transaction<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Refusals per organization and second that are written; more are only counted. An attacker must not fill the disk. */
  perSecond: number;
  onDropped(): void;
  onFailure(error: unknown): void;
};

/** Audits refusals at a bounded rate. */
export function createRefusalLog(options: RefusalLogOptions): RefusalLog {
  let second = 0;
  let written = new Map<string, number>();
  const mayWrite = (orgId: string): boolean => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      written = new Map();
    }
    const count = (written.get(orgId) ?? 0) + 1;
    written.set(orgId, count);
    return count <= options.perSecond;
  };
  return {
    async record(leaf) {
      if (!mayWrite(leaf.orgId)) return options.onDropped();
      try {
        await options.transaction({ orgId: leaf.orgId }, async (tx) => insertLeaf(tx, leaf));
      } catch (error) {
        options.onFailure(error);
      }
    },
  };
}
