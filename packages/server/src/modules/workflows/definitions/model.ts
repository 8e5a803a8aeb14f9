import type { Micros } from '../../../kernel/money.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';

/** How many runs of a name may be under way at once: in all, or of those for which `key`, an expression in CEL, gives the same. */
export type ConcurrencyLimit = { limit: number; key: string | null };

/** What a definition says, apart from who made it and when. */
export type DefinitionContent = {
  name: string;
  description: string;
  nodes: readonly NodeDefinition[];
  /** What the input of a run must fit; null takes any object. */
  inputSchema: JsonObject | null;
  /** Longest that a run may take, milliseconds; null does not bound it. */
  timeoutMs: number | null;
  /** What a run may cost unless it says so itself; null does not bound it. */
  budget: Micros | null;
  /** One in all and one of a key at most. Those of the newest version hold for whoever waits. */
  concurrency: readonly ConcurrencyLimit[];
};

/** One version of a definition. It never changes, but can be archived. */
export type Definition = DefinitionContent & {
  orgId: string;
  id: string;
  version: number;
  createdBy: string;
  createdAt: Date;
  archivedAt: Date | null;
};
