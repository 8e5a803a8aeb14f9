import type { Graph, NodeRow } from '../engine/model.ts';
import { RunProgress } from '../engine/run-progress.ts';
import type { JsonObject } from '../model.ts';

/** A run that is being made: nothing of it has ended, and `input` is what its context begins with. */
export function newProgress(
  graph: Graph,
  { orgId, id, priority, input }: { orgId: string; id: string; priority: number; input: JsonObject },
): { progress: RunProgress; nodes: NodeRow[] } {
  const nodes = [...graph.nodes.values()].map(
    ({ key, dependsOn }): NodeRow => ({
      key,
      state: 'pending',
      waitsFor: dependsOn.length,
      reached: 0,
      attempt: 0,
      fence: 0,
    }),
  );
  const { definitionId } = graph;
  const context = { input };
  const run = { orgId, id, definitionId, state: 'created', priority, context, nodesLeft: nodes.length } as const;
  return { progress: new RunProgress({ graph, run, nodes, now: new Date() }), nodes };
}
