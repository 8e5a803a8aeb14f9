import type { Micros } from '../../../kernel/money.ts';
import type { Principal } from '../../../kernel/principal.ts';
import type { Failure, RunError } from '../engine/model.ts';
import type { JsonObject, NodeState, RunState } from '../model.ts';

/** Who made a run; `:own` scopes reach what they made. */
export type Maker = { kind: string; id: string };

/** A maker, with the scopes that their credential was cut to; null where it had all that they have. */
export type Actor = Maker & { limitedTo: readonly string[] | null };

export const actorOf = ({ kind, id, limitedTo }: Principal): Actor => ({ kind, id, limitedTo: limitedTo ?? null });

/** The node that has a run made, and how many runs are above that one, and whose budgets hold it. */
export type Parent = { runId: string; key: string; item: number; depth: number; budgetedBy: readonly string[] };

export type WorkflowRun = {
  orgId: string;
  id: string;
  definition: { id: string; name: string; version: number };
  state: RunState;
  /** Of those with the same one only so many are under way at once; null where that is not limited. */
  concurrencyKey: string | null;
  priority: number;
  /** What it and the runs below it may cost; null does not bound it. */
  budget: Micros | null;
  input: JsonObject;
  /** Null where it is kept as an asset. */
  context: JsonObject | null;
  /** Where it is too large for the row. */
  contextAsset: { id: string; bytes: number } | null;
  error: RunError | null;
  /** The node of another run that had it made. */
  parent: { runId: string; node: string } | null;
  createdBy: Maker;
  /** The schedule that made it, if one did. */
  scheduleId: string | null;
  createdAt: Date;
  startedAt: Date | null;
  deadlineAt: Date | null;
  completedAt: Date | null;
};

/** A node of a run, as it stands. */
export type RunNode = {
  /** The last one that it asked for; null for a node that runs no program. */
  evaluationId: string | null;
  /** Of an item, `key#0`. */
  key: string;
  state: NodeState;
  attempt: number;
  dueAt: Date | null;
  output: unknown;
  /** Of a node that runs for each of a list. */
  items: { total: number; left: number } | null;
  error: Failure | null;
  startedAt: Date | null;
  completedAt: Date | null;
};
