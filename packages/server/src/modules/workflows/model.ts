import type { Json } from '../../kernel/json.ts';

/*
 * definition  a graph of nodes, one immutable version of a name
 * run         one walk through a definition, over one shared JSON context
 * node        a step of a run
 * binding     what a node reads from the context, or writes to it
 * item        one of the list that a node runs for each of; written `key#0`, `key#1`, …
 */

export const RUNTIMES = ['native', 'provider', 'code', 'tool', 'wasm'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** The only node of a job. No definition of a user's can have a node of this name. */
export const JOB_NODE = '$job';

export type JsonObject = { [key: string]: Json };

/** Steps into the context: `$context.order.lines.0` is `['order', 'lines', '0']`. */
export type ContextPath = readonly string[];

/** Where a node's input comes from; the item and its index are there in a node that runs for each of a list. */
export type Source =
  | { kind: 'context'; path: ContextPath }
  | { kind: 'item'; path: ContextPath }
  | { kind: 'index' }
  | { kind: 'literal'; value: Json };
export type InputBinding = { name: string; source: Source };

/** What happens to a value that the context has at the path already. */
export const MERGES = ['replace', 'append', 'deep_merge', 'keep_first'] as const;
export type Merge = (typeof MERGES)[number];
/** `name` picks a field of the output; null is the whole of it. */
export type OutputBinding = { name: string | null; path: ContextPath; merge: Merge };

export type Backoff = { kind: 'fixed' | 'exponential'; firstMs: number; mostMs: number };
export type NodePolicy = {
  /** Longest that one attempt may take. */
  timeoutMs: number;
  /** Attempts after the first. */
  retries: number;
  backoff: Backoff;
  /** What a node that failed for good means for the run. `fallback` gives its value as the output. */
  onError: { kind: 'fail' } | { kind: 'continue' } | { kind: 'fallback'; value: Json };
};

/** A node that runs for each of a list, and gives the list of their outputs. */
export type ForEach = {
  items: Source;
  /** Items under way at once. */
  concurrency: number;
  /** How it was written: as `for_each` of a node, or as a node `fan_out` around it. */
  writtenAs: 'for_each' | 'fan_out';
};
/** One of them. */
export type Item = { index: number; value: Json };

export type NodeDefinition = {
  key: string;
  runtime: Runtime;
  operation: string;
  dependsOn: readonly string[];
  config: JsonObject;
  inputs: readonly InputBinding[];
  outputs: readonly OutputBinding[];
  /** Capabilities that must be there when it runs, e.g. `provider:tools`, `tool:jq`. */
  requires: readonly string[];
  policy: NodePolicy;
  /** A CEL expression; false skips the node. */
  when: string | null;
  forEach: ForEach | null;
};

/** Ends of a node. What depends on a skipped or failed one: see `graph/readiness.ts`. */
export const NODE_STATES = [
  'pending',
  'ready',
  'running',
  'waiting',
  'completed',
  'failed',
  'skipped',
  'cancelled',
] as const;
export type NodeState = (typeof NODE_STATES)[number];

export const RUN_STATES = ['created', 'queued', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
export type RunState = (typeof RUN_STATES)[number];

const ENDED: ReadonlySet<NodeState | RunState> = new Set(['completed', 'failed', 'skipped', 'cancelled']);
export const isTerminal = (state: NodeState | RunState): boolean => ENDED.has(state);
