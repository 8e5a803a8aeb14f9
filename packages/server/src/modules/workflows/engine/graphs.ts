import type { Tx } from '../../../platform/db/index.ts';
import { dependentsOf } from '../graph/graph-faults.ts';
import { type Graph, type NodeRef, WHOLE } from './model.ts';
import { readGraph } from './store.ts';

const MOST_KEPT = 500;

/** The nodes that the end of one bears on: itself, and who waits for it, which for an item is its node. */
export const concerned = ({ dependents }: Graph, { key, item }: NodeRef): NodeRef[] => {
  const waiting = item === WHOLE ? (dependents.get(key) ?? []) : [key];
  return [{ key, item }, ...waiting.map((each) => ({ key: each, item: WHOLE }))];
};

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
      isLimited: found.is_limited,
      nodes: new Map(found.nodes.map((node) => [node.key, node])),
      dependents: dependentsOf(found.nodes),
    };
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(definitionId, graph);
    return graph;
  }
}
