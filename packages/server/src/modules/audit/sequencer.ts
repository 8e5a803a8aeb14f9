import { randomBytes } from 'node:crypto';
import { toAppError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Tx } from '../../platform/db/index.ts';
import type { Log } from '../../platform/log.ts';
import type { NewEvent } from '../../platform/operation.ts';
import { leafBytes, leafDocument, personalDigestOf } from './canonical.ts';
import type { CheckpointKeys } from './checkpoints/keys.ts';
import { signCheckpoint } from './checkpoints/model.ts';
import { Floor } from './floor.ts';
import { actorOf, categoryOf, type Entry, INSTALLATION } from './model.ts';
import { elected, placeLeaves, takeUntold, type WaitingLeaf, waitingLeaves } from './store-sequencer.ts';
import { Frontier, hashLeaf, type TileNode } from './tree/model.ts';
import { fillLeafTiles, lockedTrees, type StoredTree, storeTileNodes, storeTrees } from './tree/store.ts';

export type SequencerOptions = {
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  keys: CheckpointKeys;
  emit(tx: Tx, orgId: string, event: NewEvent): void;
  /** Events were committed. */
  told(): void;
  /** Calls back when leaves may have been committed, here or elsewhere. */
  onWake(listener: () => void): () => void;
  log: Log;
};

/** The backstop for a lost signal; with the pause below, far within the second that is promised. */
const POLL_MS = 250;
/** Between two batches that are not full: under load many leaves share one commit and one checkpoint. */
const LEAST_MS = 100;
/** More in one go would hold up the other work of this process for tens of milliseconds. */
const BATCH = 1_000;
/** A holder that hangs is ended after this: with the poll, another one goes on within 5 s. */
const HANG_MS = 3_000;
/** For how long a log that refuses its leaves is left alone. They wait where they are. */
const ASIDE_MS = 30_000;
/** Checkpoints are told of no more often than this per organization: the newest covers the ones before. */
const TELL_SECONDS = 5;

/**
 * Gives leaves their places: one batch is one short transaction that moves them, extends the trees and signs a checkpoint
 * for each, or does nothing at all. Every worker tries; the database lets one at a time.
 */
export class Sequencer implements AsyncDisposable {
  readonly #options: SequencerOptions;
  #poll: NodeJS.Timeout | null = null;
  #next: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #ranAt = 0;
  #unlisten: () => void = () => {};
  #again = false;
  #stopped = false;
  /** Organizations whose log refused a leaf, until when they are left alone. */
  readonly #aside = new Map<string, number>();
  readonly #floor = new Floor();

  constructor(options: SequencerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#poll = setInterval(() => this.#wake(), POLL_MS);
    this.#unlisten = this.#options.onWake(() => this.#wake());
    this.#wake();
  }

  /** Stops after the batch that is under way; what is left waits for another worker, or the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    if (this.#poll) clearInterval(this.#poll);
    if (this.#next) clearTimeout(this.#next);
    await this.#running;
  }

  /**
   * One batch; gives how many leaves got their place. A log that somebody changed can refuse its next leaf: the others
   * then go on without it.
   */
  async sequence(): Promise<number> {
    const orgIds = new Set<string>();
    try {
      return await this.#place(null, orgIds);
    } catch (error) {
      if (orgIds.size === 0 || toAppError(error).kind === 'unavailable') throw error;
      let placed = 0;
      for (const orgId of orgIds)
        placed += await this.#place(orgId, new Set()).catch((fault) => this.#setAside(orgId, fault));
      return placed;
    }
  }

  #setAside(orgId: string, error: unknown): number {
    if (toAppError(error).kind === 'unavailable') throw error;
    this.#aside.set(orgId, Date.now() + ASIDE_MS);
    this.#options.log.error(
      { err: error, org_id: orgId },
      'an audit log takes no more entries: compare it with its checkpoints, somebody may have changed it',
    );
    return 0;
  }

  /** Places what waits, of one organization or of all that are not set aside, and says which those were. */
  #place(only: string | null, orgIds: Set<string>): Promise<number> {
    const { transaction, keys } = this.#options;
    this.#takeBack();
    return transaction(async (tx) => {
      const snapshot = await elected(tx, HANG_MS);
      if (snapshot === null) return 0;
      const behind = only === null ? this.#floor.begin(snapshot, Date.now()) : 0;
      const leaves = await waitingLeaves(tx, { limit: BATCH, only, without: [...this.#aside.keys()], behind });
      for (const { orgId } of leaves) orgIds.add(orgId);
      if (leaves.length > 0) {
        const trees = await lockedTrees(tx, [...orgIds]);
        const key = await keys.active(tx);
        const batch = grow(leaves, trees);
        storeTrees(
          tx,
          [...batch.trees].map(([orgId, tree]) => {
            const { size, root, packed } = tree;
            return { orgId, size, root, frontier: packed, checkpoint: signCheckpoint(key, { orgId, size, root }) };
          }),
        );
        storeTileNodes(tx, batch.nodes);
        await placeLeaves(tx, batch.entries);
        fillLeafTiles(tx, batch.nodes);
      }
      await this.#tell(tx);
      const found = { lastId: leaves.at(-1)?.leafId ?? null, isAll: leaves.length < BATCH };
      if (only === null) tx.onCommit(() => this.#floor.end(found, Date.now()));
      return leaves.length;
    });
  }

  /** Logs that were set aside long enough have leaves waiting below the floor. */
  #takeBack(): void {
    for (const [orgId, until] of this.#aside) {
      if (until > Date.now()) continue;
      this.#aside.delete(orgId);
      this.#floor.reset();
    }
  }

  async #tell(tx: Tx): Promise<void> {
    const { emit, told } = this.#options;
    for (const { orgId, size, root, checkpoint } of await takeUntold(tx, TELL_SECONDS)) {
      if (orgId === INSTALLATION) continue;
      const data = { size, root: root.toString('base64'), checkpoint };
      emit(tx, orgId, { type: 'audit.checkpoint', subject: orgId, data });
      tx.onCommit(told);
    }
  }

  #wake(): void {
    this.#again = true;
    if (this.#running === null) this.#schedule(Math.max(0, this.#ranAt + LEAST_MS - performance.now()));
  }

  #schedule(inMs: number): void {
    if (this.#stopped) return;
    this.#next ??= setTimeout(() => {
      this.#next = null;
      this.#running ??= this.#run();
    }, inMs);
  }

  async #run(): Promise<void> {
    this.#again = false;
    try {
      let placed = BATCH;
      while (placed === BATCH && !this.#stopped) placed = await this.sequence();
    } catch (error) {
      if (!this.#stopped)
        this.#options.log.warn({ err: error }, 'sequencing the audit log failed; trying again at the next poll');
    } finally {
      this.#ranAt = performance.now();
      this.#running = null;
    }
    if (this.#again) this.#schedule(LEAST_MS);
  }
}

type Grown = {
  entries: (Entry & { leafId: number })[];
  trees: Map<string, Frontier>;
  nodes: (TileNode & { orgId: string })[];
};

const SALT_BYTES = 16;

/** Puts leaves behind the trees of their organizations, in their order. */
function grow(leaves: readonly WaitingLeaf[], stored: ReadonlyMap<string, StoredTree>): Grown {
  const grown: Grown = { entries: [], trees: new Map(), nodes: [] };
  const salts = randomBytes(SALT_BYTES * leaves.length);
  for (const [at, leaf] of leaves.entries()) {
    const { orgId } = leaf;
    const before = stored.get(orgId);
    const tree = grown.trees.get(orgId) ?? new Frontier(before?.size, before?.frontier);
    grown.trees.set(orgId, tree);
    const entry = entryOf(leaf, tree.size, salts.subarray(at * SALT_BYTES, (at + 1) * SALT_BYTES));
    grown.entries.push({ ...entry, leafId: leaf.leafId });
    for (const node of tree.append(entry.leafHash)) grown.nodes.push({ ...node, orgId });
  }
  return grown;
}

function entryOf(leaf: WaitingLeaf, index: number, salt: Buffer): Entry {
  const { orgId, at, action, outcome, actor, via, target, requestId, traceId, detail } = leaf;
  const fields = {
    orgId,
    index,
    id: newId(),
    at,
    action,
    category: categoryOf(leaf),
    actor: actorOf(leaf),
    outcome,
    principal: actor,
    credential: leaf.credential ?? 'none',
    via,
    target,
    requestId,
    traceId,
    detail,
  };
  const isPersonal = Object.keys(leaf.personal).length > 0;
  const personalDigest = isPersonal ? personalDigestOf(salt, leaf.personal) : null;
  return {
    ...fields,
    personalDigest,
    personal: isPersonal ? leaf.personal : null,
    salt: isPersonal ? salt : null,
    leafHash: hashLeaf(leafBytes(leafDocument(fields, personalDigest))),
  };
}
