import type { Json } from '../../../kernel/json.ts';
import type { NewEvent } from '../../../platform/operation.ts';
import type { JsonObject, RunState } from '../model.ts';
import type { NodeChange, RunError, Sweep } from './model.ts';

type RunChange = { state: RunState; nodesLeft: number; context: JsonObject; error: RunError | null };
/** What was decided of a run, as it is to be written. */
export type Changes = {
  run: RunChange;
  /** The run itself stays as it is. */
  isRunSame: boolean;
  isContextSame: boolean;
  nodes: ReadonlyMap<string, NodeChange>;
  /** Items to be added, by the key of their node. */
  items: ReadonlyMap<string, readonly Json[]>;
  sweep: Sweep | null;
  /** Of a run that needs a place: whether it asks for one, or leaves the one that it has. */
  place: 'asks' | 'leaves' | null;
  events: readonly NewEvent[];
};
