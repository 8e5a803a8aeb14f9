import type { FieldFault } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import type { JsonObject, NodeDefinition, NodeState, RunState } from '../model.ts';

/** A definition as the engine walks it: immutable, so it is read once and kept. */
export type Graph = {
  definitionId: string;
  name: string;
  /** Only so many runs of it may be under way at once: they need a place. */
  isLimited: boolean;
  nodes: ReadonlyMap<string, NodeDefinition>;
  /** Who waits for a node, by its key. */
  dependents: ReadonlyMap<string, readonly string[]>;
};

/** Why something ended that should not have. */
export type Failure = { code: string; message: string; faults?: readonly FieldFault[] };
/** Why a run ended: a node's failure, or null for what befell the run itself. */
export type RunError = Failure & { node: string | null };

/** A run that is locked. */
export type RunRow = {
  orgId: string;
  id: string;
  definitionId: string;
  state: RunState;
  priority: number;
  context: JsonObject;
  nodesLeft: number;
  /** The node of another run that waits for its end. */
  parent: (NodeRef & { runId: string }) | null;
  /** The node, or item, whose failure ended it. */
  failedAt: string | null;
};

/** A node of a run, or, from 0 on, an item of one that runs for each of a list. */
export type NodeRef = { key: string; item: number };
/** The item of a node itself. */
export const WHOLE = -1;

/** As events and callers have it: `key`, or `key#0` for an item. */
export const nameOf = ({ key, item }: NodeRef): string => (item === WHOLE ? key : `${key}#${item}`);

/** How far a node is that runs for each of a list. */
export type Spread = {
  total: number;
  /** Items that have not ended. */
  left: number;
  /** How many of those that are to be made have been given out, in the order of the list. */
  next: number;
  /** Which are to be made, where a retry leaves out what was finished; null for all. */
  todo: readonly number[] | null;
};

export type NodeRow = NodeRef & {
  state: NodeState;
  waitsFor: number;
  reached: number;
  attempt: number;
  fence: number;
  spread: Spread | null;
};

/** What an attempt came to. */
export type Result =
  /** `passesOver` are those behind it that a branch does not go to. */
  | { kind: 'completed'; output: Json; passesOver: readonly string[] }
  /**
   * `isFinal` is not tried again; `endsRun` ends the run, whatever the policy of the node says. `retryAfterMs` is how long
   * the other side asks to be left alone.
   */
  | { kind: 'failed'; failure: Failure; isFinal: boolean; endsRun?: boolean; retryAfterMs?: number }
  | { kind: 'skipped' }
  /** The node runs for each of these. */
  | { kind: 'spread'; items: readonly Json[] }
  /**
   * The same attempt goes on at `at`, or when somebody wakes it (null), with what it leaves in `resume`. `tells` is said
   * in the event, null where it was before; `why` is what it waits for against its will.
   */
  | { kind: 'waiting'; at: Date | null; resume: JsonObject; tells?: JsonObject | null; why?: Failure };

/** The report of an attempt. */
export type Report = NodeRef & { fence: number; result: Result };

/** A node as it is to be written. What is undefined stays. */
export type NodeChange = NodeRef & {
  /** What it must have been read with, lest somebody claimed it since; null for what nobody can claim. */
  fence: number | null;
  state: NodeState;
  waitsFor: number;
  reached: number;
  attempt?: number;
  /** Null: nobody may claim it. */
  dueAt: Date | null;
  resume?: JsonObject | null;
  output?: Json;
  error?: Failure | null;
  spread?: Spread;
  /** An attempt begins with what is written. */
  begins?: boolean;
  /** Claimed with what is written: the attempt is made behind the commit. */
  leaseSeconds?: number;
};

/** An attempt that is handed over to whoever made its node ready. */
export type HandedOver = NodeRef & { fence: number; attempt: number; resume: JsonObject | null; spread: Spread | null };

/** What befalls all nodes and items of a run that have not ended, behind what is written of single ones. */
export type Sweep = 'hold' | 'release' | 'cancel';
