import {
  type Graph,
  type NodeChange,
  type NodeRef,
  type NodeRow,
  nameOf,
  type RunRow,
  type Spread,
  WHOLE,
} from './model.ts';

/** A decision that needs to know more nodes of the run than were read. */
export class UnreadNode extends Error {}

/** The nodes of a locked run: as they were read, and as they are to be written. */
export class RunNodes {
  readonly #graph: Graph;
  readonly #run: RunRow;
  readonly #read: ReadonlyMap<string, NodeRow>;
  readonly #changes = new Map<string, NodeChange>();

  constructor(of: { graph: Graph; run: RunRow; nodes: readonly NodeRow[] }) {
    this.#graph = of.graph;
    this.#run = of.run;
    this.#read = new Map(of.nodes.map((node) => [nameOf(node), node]));
  }

  /** By the names of what is changed. */
  get changes(): ReadonlyMap<string, NodeChange> {
    return this.#changes;
  }

  /** Items of a node that were read. */
  itemsOf(key: string): NodeRow[] {
    return [...this.#read.values()].filter((each) => each.key === key && each.item !== WHOLE);
  }

  isRead(key: string): boolean {
    return this.#read.has(key);
  }

  /** What was read and nothing has been decided of since; null for anything else. */
  undecided(ref: NodeRef): NodeRow | null {
    return this.#changes.has(nameOf(ref)) ? null : (this.#read.get(nameOf(ref)) ?? null);
  }

  /** A node as it was read. Before a run starts they all stand as they were made. @throws UnreadNode */
  rowOf(key: string): NodeRow {
    const node = this.#read.get(key);
    if (node) return node;
    if (this.#run.state !== 'created') throw new UnreadNode(`${key} of run ${this.#run.id} was not read.`);
    const waitsFor = this.#graph.nodes.get(key)?.dependsOn.length ?? 0;
    return { ...UNTOUCHED, key, item: WHOLE, waitsFor };
  }

  /** An item that waits for its turn. */
  itemOf({ key }: NodeRow, item: number): NodeRow {
    return this.#read.get(nameOf({ key, item })) ?? { ...UNTOUCHED, key, item };
  }

  /** How a node stands with all that was decided. */
  standing(node: NodeRow): Pick<NodeRow, 'state' | 'waitsFor' | 'reached'> {
    return this.#changes.get(nameOf(node)) ?? node;
  }

  spreadOf(node: NodeRow): Spread {
    const spread = this.#changes.get(node.key)?.spread ?? node.spread;
    if (!spread) throw new Error(`${node.key} of run ${this.#run.id} has no items.`);
    return spread;
  }

  change(node: NodeRow, change: Partial<NodeChange>): void {
    const name = nameOf(node);
    const { key, item, state, waitsFor, reached } = { ...node, ...this.standing(node) };
    const fence = this.#read.has(name) ? node.fence : null;
    const before = this.#changes.get(name) ?? { key, item, fence, state, waitsFor, reached, dueAt: null };
    this.#changes.set(name, { ...before, ...change });
  }
}

const UNTOUCHED = { state: 'pending', waitsFor: 0, reached: 0, attempt: 0, fence: 0, spread: null } as const;
