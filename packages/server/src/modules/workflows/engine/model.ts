import type { FieldFault } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import type { JsonObject, NodeDefinition, NodeState, RunState } from '../model.ts';

/** A definition as the engine walks it: immutable, so it is read once and kept. */
export type Graph = {
  definitionId: string;
  name: string;
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
};

export type NodeRow = {
  key: string;
  state: NodeState;
  waitsFor: number;
  reached: number;
  attempt: number;
  fence: number;
};

/** What an attempt came to. */
export type Result =
  /** `passesOver` are those behind it that a branch does not go to. */
  | { kind: 'completed'; output: Json; passesOver: readonly string[] }
  | { kind: 'failed'; failure: Failure; isFinal: boolean }
  | { kind: 'skipped' }
  /**
   * The same attempt goes on at `at`, or when somebody wakes it (null), with what it leaves in `resume`. `tells` is said
   * in the event.
   */
  | { kind: 'waiting'; at: Date | null; resume: JsonObject; tells?: JsonObject };

/** The report of an attempt. */
export type Report = { orgId: string; runId: string; key: string; fence: number; result: Result };

/** A node as it is to be written. What is undefined stays. */
export type NodeChange = {
  state: NodeState;
  waitsFor: number;
  reached: number;
  attempt?: number;
  /** Null: nobody may claim it. */
  dueAt: Date | null;
  resume?: JsonObject | null;
  output?: Json;
  error?: Failure | null;
};
