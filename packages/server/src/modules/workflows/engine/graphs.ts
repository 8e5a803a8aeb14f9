import type { Tx } from '../../../platform/db/index.ts';
import { dependentsOf } from '../graph/graph-faults.ts';
import { isInstant } from '../runtimes/instant.ts';
import { MOST_INSTANT } from './instant.ts';
import { type Graph, type NodeRef, WHOLE } from './model.ts';
import { readGraph } from './store.ts';

const MOST_KEPT = 500;

/**
 * The nodes that the end of one bears on: itself, and who waits for it, which for an item is its node. Where one of those
 * may end in the same transaction, who waits for that one too.
 */
export function concerned({ nodes, dependents }: Graph, { key, item }: NodeRef): NodeRef[] {
  if (item !== WHOLE)
    return [
      { key, item },
      { key, item: WHOLE },
    ];
  const found = new Set([key]);
  let followed = 0;
  for (const each of found) {
    const node = nodes.get(each);
    const isFollowed = each === key || (node !== undefined && isInstant(node) && followed++ < MOST_INSTANT);
    if (isFollowed) for (const dependent of dependents.get(each) ?? []) found.add(dependent);
  }
  return [...found].map((each) => ({ key: each, item: WHOLE }));
}

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
