import { expect } from 'vitest';
import type { Json } from '../src/kernel/json.ts';
import type { Changes } from '../src/modules/workflows/engine/changes.ts';
import { concerned } from '../src/modules/workflows/engine/graphs.ts';
import {
  type Graph,
  type NodeChange,
  type NodeRow,
  nameOf,
  type Result,
  type RunRow,
  type Sweep,
  WHOLE,
} from '../src/modules/workflows/engine/model.ts';
import { UnreadNode } from '../src/modules/workflows/engine/run-nodes.ts';
import { RunProgress } from '../src/modules/workflows/engine/run-progress.ts';
import { dependentsOf } from '../src/modules/workflows/graph/graph-faults.ts';
import { isTerminal, type NodeDefinition, type NodePolicy, type NodeState } from '../src/modules/workflows/model.ts';

const POLICY: NodePolicy = {
  timeoutMs: 1_000,
  retries: 0,
  backoff: { kind: 'fixed', firstMs: 100, mostMs: 100 },
  onError: { kind: 'fail' },
};
/** What of a node a test speaks of. */
export type NodeOf = {
  dependsOn?: string[];
  policy?: Partial<NodePolicy>;
  outputs?: NodeDefinition['outputs'];
  /** Whether it needs no worker. */
  isInstant?: boolean;
  /** For how many items it runs at once. */
  atOnce?: number;
};

function graphOf(nodes: Record<string, NodeOf>, isLimited: boolean): Graph {
  const definitions = Object.entries(nodes).map(
    ([key, { dependsOn = [], policy, outputs, atOnce, isInstant = false }]): NodeDefinition => ({
      key,
      runtime: 'native',
      operation: isInstant ? 'noop' : 'validate',
      dependsOn,
      config: {},
      inputs: [],
      outputs: outputs ?? [{ name: null, path: [key], merge: 'replace' }],
      requires: [],
      policy: { ...POLICY, ...policy },
      when: null,
      forEach: atOnce ? { items: { kind: 'literal', value: [] }, concurrency: atOnce, writtenAs: 'for_each' } : null,
    }),
  );
  return {
    definitionId: 'd',
    name: 'test',
    isLimited,
    nodes: new Map(definitions.map((node) => [node.key, node])),
    dependents: dependentsOf(definitions),
  };
}

type Row = NodeRow & { dueAt: Date | null; output: Json; resume: unknown };
const UNTOUCHED = { reached: 0, attempt: 0, fence: 0, spread: null, dueAt: null, output: null, resume: null };

/** A run as the tables would have it: each round is locked, decided and written. */
export class TestRun {
  readonly graph: Graph;
  readonly events: string[] = [];
  /** How many that become ready are handed over by each decision, and what was. */
  handsOver = 0;
  handed: { name: string; fence: number }[] = [];
  /** What nodes come to that end with what makes them ready; null for one that needs a worker. */
  instantly: (key: string) => Result | null = () => null;
  /** How many of them each decision makes. */
  mostInstant = 3;
  run: RunRow;
  rows: Map<string, Row>;

  constructor(graph: Graph) {
    this.graph = graph;
    const definitions = [...graph.nodes.values()];
    this.rows = new Map(
      definitions.map(({ key, dependsOn }) => [
        key,
        { ...UNTOUCHED, key, item: WHOLE, state: 'pending', waitsFor: dependsOn.length },
      ]),
    );
    const [orgId, id, definitionId] = ['o', 'r', 'd'];
    this.run = {
      orgId,
      id,
      definitionId,
      state: 'created',
      priority: 0,
      context: {},
      nodesLeft: definitions.length,
      parent: null,
      failedAt: null,
    };
  }

  /** Reads no more than what is decided about, as the settler does. */
  decide<Answer>(work: (progress: RunProgress) => Answer, about: readonly string[] = []): Answer {
    try {
      return this.#decideWith(
        work,
        about.map((name) => this.rowOf(name)),
      );
    } catch (thrown) {
      if (!(thrown instanceof UnreadNode)) throw thrown;
      return this.#decideWith(work, [...this.rows.values()]);
    }
  }

  #decideWith<Answer>(work: (progress: RunProgress) => Answer, nodes: readonly NodeRow[]): Answer {
    const of = { graph: this.graph, run: this.run, nodes, now: new Date(1_000) };
    const progress = new RunProgress({ ...of, random: () => 0 });
    const answer = work(progress);
    progress.attemptReady(({ key }) => this.instantly(key), this.mostInstant);
    const handed = progress.handOver(this.handsOver, 10);
    const { run, items, nodes: changes, sweep, place, events } = progress.changes;
    this.#expectPlace(place, run.state);
    this.run = { ...this.run, ...run, failedAt: this.#failedAt(run) };
    for (const [key, of] of items)
      for (const item of of.keys()) {
        const row = { ...UNTOUCHED, key, item, state: 'pending', waitsFor: 0 } as const;
        expect(this.rows.has(nameOf(row))).toBe(false);
        this.rows.set(nameOf(row), row);
      }
    for (const [name, change] of changes) this.#write(name, change);
    for (const { fence, attempt, ...ref } of handed) {
      expect(this.rowOf(nameOf(ref))).toMatchObject({ state: 'running', fence, attempt });
      this.handed.push({ name: nameOf(ref), fence });
    }
    if (sweep !== null) for (const row of this.rows.values()) swept(row, sweep);
    for (const { type, data } of events) this.events.push('node' in data ? `${type} ${data['node']}` : type);
    const left = [...this.rows.values()].filter(({ item, state }) => item === WHOLE && !isTerminal(state)).length;
    expect(this.run.nodesLeft).toBe(left);
    for (const row of this.rows.values()) if (isTerminal(row.state)) expect(row.dueAt).toBeNull();
    return answer;
  }

  #expectPlace(place: Changes['place'], next: RunRow['state']): void {
    const change = next === 'queued' ? 'asks' : isTerminal(next) ? 'leaves' : null;
    expect(place).toBe(this.graph.isLimited && this.run.state !== next ? change : null);
  }

  #failedAt({ state, error }: Changes['run']): string | null {
    return state === 'failed' ? (error?.node ?? this.run.failedAt) : null;
  }

  /** As the tables do it when there is a place. */
  letIn(): void {
    if (this.run.state !== 'queued') return;
    this.run = { ...this.run, state: 'running' };
    for (const row of this.rows.values()) swept(row, 'release');
  }

  #write(name: string, { fence, leaseSeconds, ...change }: NodeChange): void {
    const row = this.rowOf(name);
    if (fence !== null) expect(fence).toBe(row.fence);
    const defined = Object.entries(change).filter(([, value]) => value !== undefined);
    const claimed = leaseSeconds === undefined ? {} : { fence: row.fence + 1 };
    this.rows.set(name, { ...row, ...Object.fromEntries(defined), ...claimed });
  }

  claim(name: string): number {
    const row = this.rowOf(name);
    expect(row.dueAt).not.toBeNull();
    const attempt = row.attempt + (row.resume === null ? 1 : 0);
    this.rows.set(name, { ...row, state: 'running', attempt, fence: row.fence + 1, dueAt: null });
    return row.fence + 1;
  }

  report = (name: string, fence: number, result: Result): boolean =>
    this.decide((progress) => progress.report({ ...this.rowOf(name), fence, result }), this.#concerned(name));

  lose = (name: string, fence: number): void =>
    this.decide((progress) => progress.lose({ ...this.rowOf(name), fence }), this.#concerned(name));

  end = (name: string, result: Result): boolean => this.report(name, this.claim(name), result);

  /** As an operation does it, which reads everything. */
  retry = (): boolean => this.#decideWith((progress) => progress.retry(), [...this.rows.values()]);

  /** The attempt behind the last item. */
  gather(key: string): boolean {
    const items = [...this.rows.values()].filter((row) => row.key === key && row.item !== WHOLE);
    return this.end(key, { kind: 'completed', output: items.map(({ output }) => output), passesOver: [] });
  }

  get due(): string[] {
    return [...this.rows].filter(([, { dueAt }]) => dueAt !== null).map(([name]) => name);
  }

  get states(): Record<string, NodeState> {
    return Object.fromEntries([...this.rows].map(([name, { state }]) => [name, state]));
  }

  rowOf = (name: string): Row => this.rows.get(name) ?? expect.unreachable(`there is a node ${name}`);

  #concerned = (name: string): string[] => concerned(this.graph, this.rowOf(name)).map(nameOf);
}

function swept(row: Row, sweep: Sweep): void {
  if (sweep === 'cancel' && !isTerminal(row.state)) Object.assign(row, { state: 'cancelled', dueAt: null });
  if (sweep === 'hold' && row.state === 'ready') row.dueAt = null;
  if (sweep === 'release' && row.state === 'ready') row.dueAt ??= new Date(1_000);
}

export const done: Result = { kind: 'completed', output: 1, passesOver: [] };
export const failed: Result & { kind: 'failed' } = {
  kind: 'failed',
  failure: { code: 'test.failed', message: 'It failed.' },
  isFinal: false,
};
export const outOfBudget: Result = { ...failed, endsRun: true };
export const gives = (output: Json): Result => ({ kind: 'completed', output, passesOver: [] });
export const over = (items: number): Result => ({ kind: 'spread', items: Array.from({ length: items }, () => null) });
export const started = (nodes: Record<string, NodeOf>, handsOver = 0, isLimited = false): TestRun => {
  const run = new TestRun(graphOf(nodes, isLimited));
  run.handsOver = handsOver;
  run.decide((progress) => progress.start());
  return run;
};
