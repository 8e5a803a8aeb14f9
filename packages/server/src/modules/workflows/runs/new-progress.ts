import type { Graph } from '../engine/model.ts';
import { RunProgress } from '../engine/run-progress.ts';
import type { JsonObject } from '../model.ts';

/** A run that is being made: nothing of it has ended, and `input` is what its context begins with. */
export function newProgress(
  graph: Graph,
  { orgId, id, priority, input }: { orgId: string; id: string; priority: number; input: JsonObject },
): RunProgress {
  const { definitionId } = graph;
  const [context, nodesLeft] = [{ input }, graph.nodes.size];
  const run = {
    orgId,
    id,
    definitionId,
    state: 'created',
    priority,
    context,
    nodesLeft,
    parent: null,
    failedAt: null,
  } as const;
  return new RunProgress({ graph, run, nodes: [], now: new Date() });
}
