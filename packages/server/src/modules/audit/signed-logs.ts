import type { Tx, TxScope } from '../../platform/db/index.ts';
import type { CheckpointKeys } from './checkpoints/keys.ts';
import { originOf, signCheckpoint, verifierKeyOf } from './checkpoints/model.ts';
import { listKeys } from './checkpoints/store.ts';
import { Frontier } from './tree/model.ts';
import { findTree } from './tree/store.ts';

export type SignedLogOptions = {
  /** In the role of requests: statement by statement, in one organization. */
  statements<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  keys: CheckpointKeys;
};

export type Checkpoint = { orgId: string; origin: string; size: number; root: Buffer; frontier: Buffer; note: string };
export type VerifierKey = { id: string; verifier: string; publicKey: Buffer; createdAt: Date; retiredAt: Date | null };

/** What is signed of the logs, and with what. */
export class SignedLogs {
  readonly #options: SignedLogOptions;

  constructor(options: SignedLogOptions) {
    this.#options = options;
  }

  /** The newest checkpoint of an organization; of a log without an entry one that says so. */
  async checkpoint(orgId: string): Promise<Checkpoint> {
    const { statements, systemTransaction, keys } = this.#options;
    const origin = originOf(orgId);
    const tree = await statements({ orgId }, (tx) => findTree(tx, orgId));
    if (tree) return { ...tree, origin, note: tree.checkpoint };
    const empty = { orgId, size: 0, root: new Frontier().root, frontier: Buffer.alloc(0) };
    const note = await systemTransaction(async (tx) => signCheckpoint(await keys.active(tx), empty));
    return { ...empty, origin, note };
  }

  /** Every key that checkpoints of an organization can have been signed with, oldest first. */
  async verifierKeys(orgId: string): Promise<VerifierKey[]> {
    const { systemTransaction, keys } = this.#options;
    const listed = await systemTransaction(async (tx) => {
      await keys.active(tx);
      return listKeys(tx);
    });
    return listed.map((key) => ({ ...key, verifier: verifierKeyOf(originOf(orgId), key.publicKey) }));
  }
}
