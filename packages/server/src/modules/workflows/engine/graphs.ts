import type { Tx } from '../../../platform/db/index.ts';
import { dependentsOf } from '../graph/graph-faults.ts';
import type { Graph } from './model.ts';
import { readGraph } from './store.ts';

const MOST_KEPT = 500;

/** Definitions as the engine walks them. A version never changes, so what was read once is kept. */
export class Graphs {
  readonly #statements: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;
  readonly #kept = new Map<string, Graph>();

  /** @param statements on the system handle */
  constructor(statements: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>) {
    this.#statements = statements;
  }

  async of(orgId: string, definitionId: string): Promise<Graph> {
    const kept = this.#kept.get(definitionId);
    if (kept) return kept;
    const found = await this.#statements((tx) => readGraph(tx, orgId, definitionId));
    if (!found) throw new Error(`Workflow definition ${definitionId} is gone.`);
    const graph: Graph = {
      definitionId,
      name: found.name,
      nodes: new Map(found.nodes.map((node) => [node.key, node])),
      dependents: dependentsOf(found.nodes),
    };
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(definitionId, graph);
    return graph;
  }
}
