import type { Json } from '../../../kernel/json.ts';
import type { Result } from '../engine/model.ts';
import type { Item, JsonObject, NodeDefinition } from '../model.ts';
import type { Actor } from '../runs/model.ts';

/** One attempt of a node, ready to be made. */
export type Task = {
  orgId: string;
  runId: string;
  /** In whose name it is done, and the request that the run was made by. */
  maker: Actor;
  requestId: string;
  /** Runs whose budgets hold what it costs. */
  budgetedBy: readonly string[];
  node: NodeDefinition;
  /** Which of the list that the node runs for; null for one that runs once. */
  item: Item | null;
  input: JsonObject;
  /** What conditions can speak of. */
  variables: { context: JsonObject; input: Json };
  attempt: number;
  /** What a report of this attempt must name. */
  fence: number;
  /** What this attempt left when it began to wait; null the first time. */
  resume: JsonObject | null;
  /** Aborted when the attempt takes too long, its lease is lost, or the run has ended. */
  signal: AbortSignal;
};

/**
 * Does what a node says. What it throws is a failure; only an AppError tells the caller why. Null: it has reported by
 * itself already, in the transaction of what it set going.
 */
export type Handler = (task: Task) => Promise<Result | null>;

export const completed = (output: Json): Result => ({ kind: 'completed', output, passesOver: [] });
