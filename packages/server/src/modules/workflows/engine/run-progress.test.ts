import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dependentsOf } from '../graph/graph-faults.ts';
import { isTerminal, type NodeDefinition, type NodePolicy, type NodeState } from '../model.ts';
import type { Graph, NodeRow, Result, RunRow } from './model.ts';
import { RunProgress } from './run-progress.ts';

const POLICY: NodePolicy = {
  timeoutMs: 1_000,
  retries: 0,
  backoff: { kind: 'fixed', firstMs: 100, mostMs: 100 },
  onError: { kind: 'fail' },
};
type Of = { dependsOn?: string[]; policy?: Partial<NodePolicy>; outputs?: NodeDefinition['outputs'] };

function graphOf(nodes: Record<string, Of>): Graph {
  const definitions = Object.entries(nodes).map(
    ([key, { dependsOn = [], policy, outputs }]): NodeDefinition => ({
      key,
      runtime: 'native',
      operation: 'noop',
      dependsOn,
      config: {},
      inputs: [],
      outputs: outputs ?? [{ name: null, path: [key], merge: 'replace' }],
      requires: [],
      policy: { ...POLICY, ...policy },
      when: null,
    }),
  );
  return {
    definitionId: 'd',
    name: 'test',
    nodes: new Map(definitions.map((node) => [node.key, node])),
    dependents: dependentsOf(definitions),
  };
}

/** A run as the tables would have it: each round is locked, decided and written. */
class TestRun {
  readonly graph: Graph;
  readonly events: string[] = [];
  run: RunRow;
  nodes: Map<string, NodeRow & { dueAt: Date | null }>;

  constructor(graph: Graph) {
    this.graph = graph;
    const definitions = [...graph.nodes.values()];
    this.nodes = new Map(
      definitions.map(({ key, dependsOn }) => [
        key,
        { key, state: 'pending', waitsFor: dependsOn.length, reached: 0, attempt: 0, fence: 0, dueAt: null },
      ]),
    );
    const [orgId, id, definitionId] = ['o', 'r', 'd'];
    this.run = { orgId, id, definitionId, state: 'created', priority: 0, context: {}, nodesLeft: definitions.length };
  }

  decide<Answer>(work: (progress: RunProgress) => Answer): Answer {
    const of = { graph: this.graph, run: this.run, nodes: [...this.nodes.values()], now: new Date(1_000) };
    const progress = new RunProgress({ ...of, random: () => 0 });
    const answer = work(progress);
    const { run, nodes, events } = progress.changes;
    this.run = { ...this.run, ...run };
    for (const [key, change] of nodes) this.nodes.set(key, { ...this.#node(key), ...change });
    for (const { type, data } of events) this.events.push('node' in data ? `${type} ${data['node']}` : type);
    const left = [...this.nodes.values()].filter(({ state }) => !isTerminal(state)).length;
    expect(this.run.nodesLeft).toBe(left);
    return answer;
  }

  claim(key: string): number {
    const node = this.#node(key);
    expect(node.dueAt).not.toBeNull();
    const claimed = {
      ...node,
      state: 'running' as const,
      attempt: node.attempt + 1,
      fence: node.fence + 1,
      dueAt: null,
    };
    this.nodes.set(key, claimed);
    return claimed.fence;
  }

  report = (key: string, fence: number, result: Result): boolean =>
    this.decide((progress) => progress.report({ orgId: 'o', runId: 'r', key, fence, result }));

  end = (key: string, result: Result): boolean => this.report(key, this.claim(key), result);

  get due(): string[] {
    return [...this.nodes.values()].filter(({ dueAt }) => dueAt !== null).map(({ key }) => key);
  }

  get states(): Record<string, NodeState> {
    return Object.fromEntries([...this.nodes].map(([key, { state }]) => [key, state]));
  }

  #node(key: string) {
    return this.nodes.get(key) ?? expect.unreachable(`there is a node ${key}`);
  }
}

const done: Result = { kind: 'completed', output: 1, passesOver: [] };
const failed: Result = { kind: 'failed', failure: { code: 'test.failed', message: 'It failed.' }, isFinal: false };
const started = (nodes: Record<string, Of>): TestRun => {
  const run = new TestRun(graphOf(nodes));
  run.decide((progress) => progress.start());
  return run;
};

const waiting: Result = { kind: 'waiting', at: null, resume: {} };
const DIAMOND = { a: {}, b: { dependsOn: ['a'] }, c: { dependsOn: ['a'] }, d: { dependsOn: ['b', 'c'] } };

describe('a run', () => {
  test('goes on to what waits for what has ended, and completes with the last', () => {
    const run = started(DIAMOND);
    expect(run.due).toEqual(['a']);
    run.end('a', done);
    expect(run.due).toEqual(['b', 'c']);
    run.end('c', done);
    expect(run.due).toEqual(['b']);
    run.end('b', done);
    run.end('d', done);
    expect(run.run).toMatchObject({ state: 'completed', context: { a: 1, b: 1, c: 1, d: 1 } });
    expect(run.events.at(-1)).toBe('workflow.run.completed');
  });

  test('fails with the first failure that nothing catches, and cancels the rest', () => {
    const run = started(DIAMOND);
    run.end('a', done);
    const fence = run.claim('c');
    run.end('b', failed);
    expect(run.states).toEqual({ a: 'completed', b: 'failed', c: 'cancelled', d: 'cancelled' });
    expect(run.run).toMatchObject({ state: 'failed', error: { node: 'b', code: 'test.failed' } });
    expect(run.report('c', fence, done)).toBe(false);
  });

  test('takes no report twice, nor one of an attempt before', () => {
    const run = started({ a: { policy: { retries: 1 } } });
    const first = run.claim('a');
    expect(run.report('a', first, failed)).toBe(true);
    expect(run.report('a', first, done)).toBe(false);
    const second = run.claim('a');
    expect(run.report('a', first, done)).toBe(false);
    expect(run.report('a', second, done)).toBe(true);
    expect(run.report('a', second, done)).toBe(false);
    expect(run.run.state).toBe('completed');
  });

  test('takes an answer for a node that waits, once, and for no other', () => {
    const run = started(DIAMOND);
    const answer = (key: string) => run.decide((progress) => progress.answer(key, done));
    expect(answer('a')).toBe(false);
    const fence = run.claim('a');
    run.report('a', fence, waiting);
    expect(run.events).toContain('workflow.node.waiting a');
    expect(run.due).toEqual([]);
    expect([answer('a'), answer('a')]).toEqual([true, false]);
    expect(run.due).toEqual(['b', 'c']);
    expect(run.report('a', fence, done)).toBe(false);
  });

  test('tries a node again as often as its policy says', () => {
    const run = started({ a: { policy: { retries: 2 } } });
    run.end('a', failed);
    run.end('a', failed);
    expect(run.nodes.get('a')?.dueAt).toEqual(new Date(1_100));
    run.end('a', failed);
    expect(run.run.state).toBe('failed');
  });

  test('does not try again what would fail again', () => {
    const run = started({ a: { policy: { retries: 2 } } });
    run.end('a', { ...failed, isFinal: true } as Result);
    expect(run.run.state).toBe('failed');
  });

  test('goes on behind a failure that is let go, or that something stands in for', () => {
    const letGo = started({ a: { policy: { onError: { kind: 'continue' } } }, b: { dependsOn: ['a'] } });
    letGo.end('a', failed);
    letGo.end('b', done);
    expect(letGo.run).toMatchObject({ state: 'completed', context: { b: 1 } });
    const stoodIn = started({ a: { policy: { onError: { kind: 'fallback', value: 7 } } } });
    stoodIn.end('a', failed);
    expect(stoodIn.run).toMatchObject({ state: 'completed', context: { a: 7 } });
  });

  test('skips what only skipped nodes lead to, and joins again where one was not', () => {
    const run = started({
      a: {},
      b: { dependsOn: ['a'] },
      c: { dependsOn: ['a'] },
      behind: { dependsOn: ['b'] },
      join: { dependsOn: ['b', 'c'] },
    });
    run.end('a', { kind: 'completed', output: 1, passesOver: ['b'] });
    expect(run.states).toMatchObject({ b: 'skipped', behind: 'skipped', join: 'pending' });
    run.end('c', done);
    run.end('join', done);
    expect(run.run.state).toBe('completed');
  });

  test('skips what a branch does not go to, also where others lead there', () => {
    const run = started({ a: {}, b: {}, c: { dependsOn: ['a', 'b'] } });
    run.end('a', done);
    run.end('b', { kind: 'completed', output: 1, passesOver: ['c'] });
    expect(run.states['c']).toBe('skipped');
    expect(run.run.state).toBe('completed');
  });

  test('that is paused holds back what becomes ready, and gives it out again', () => {
    const run = started(DIAMOND);
    const fence = run.claim('a');
    run.decide((progress) => progress.pause());
    expect(run.report('a', fence, done)).toBe(true);
    expect([run.run.state, run.due]).toEqual(['paused', []]);
    run.decide((progress) => progress.resume());
    expect(run.due).toEqual(['b', 'c']);
  });

  test('that is cancelled ends at once, and only once', () => {
    const run = started(DIAMOND);
    run.decide((progress) => progress.cancel());
    run.decide((progress) => progress.cancel());
    run.decide((progress) => progress.fail({ node: null, code: 'x', message: 'x' }));
    expect(run.run.state).toBe('cancelled');
    expect(run.events.filter((event) => event.startsWith('workflow.run.'))).toEqual([
      'workflow.run.started',
      'workflow.run.cancelled',
    ]);
  });

  test('that failed is made again from where it failed', () => {
    const run = started({ ...DIAMOND, side: { dependsOn: ['a'], policy: { onError: { kind: 'continue' } } } });
    run.end('a', done);
    run.end('side', failed);
    run.end('b', done);
    run.end('c', failed);
    expect(run.decide((progress) => progress.retry())).toBe(true);
    expect(run.states).toEqual({ a: 'completed', b: 'completed', side: 'failed', c: 'ready', d: 'pending' });
    run.end('c', done);
    run.end('d', done);
    expect(run.run.state).toBe('completed');
    expect(run.decide((progress) => progress.retry())).toBe(false);
  });

  test('gives out again what a lost worker had, but not for ever', () => {
    const run = started({ a: {} });
    for (let attempt = 1; attempt <= 5; attempt++) {
      expect(run.run.state).toBe('running');
      const fence = run.claim('a');
      run.decide((progress) => progress.lose({ key: 'a', fence: fence - 1 }));
      run.decide((progress) => progress.lose({ key: 'a', fence }));
    }
    expect(run.run).toMatchObject({ state: 'failed', error: { code: 'workflow_node.lost' } });
  });

  test('fails where an output cannot be written', () => {
    const outputs = [{ name: 'gone', path: ['x'], merge: 'replace' }] as const;
    const run = started({ a: { outputs } });
    run.end('a', done);
    expect(run.run).toMatchObject({ state: 'failed', error: { node: 'a', code: 'workflow_context.no_such_path' } });
  });
});

/* The same by a model so simple that it can be seen to be right: nodes in the order in which they were written down. */

type Script = 'done' | 'skip' | 'fail' | 'let_go' | 'stand_in';
type Scripted = { dependsOn: string[]; script: Script; retries: number; passesOver: string[] };

const scripted = fc
  .array(
    fc.record({
      earlier: fc.array(fc.nat({ max: 30 }), { maxLength: 4 }),
      script: fc.constantFrom<Script>('done', 'done', 'done', 'done', 'skip', 'let_go', 'stand_in', 'fail'),
      retries: fc.nat({ max: 2 }),
      isBranch: fc.boolean(),
      taken: fc.array(fc.boolean(), { minLength: 31, maxLength: 31 }),
    }),
    { minLength: 1, maxLength: 31 },
  )
  .map((rows) => {
    const nodes = new Map<string, Scripted>();
    for (const [index, { earlier, script, retries }] of rows.entries()) {
      const dependsOn = [...new Set(earlier.filter((each) => each < index))].map((each) => `n${each}`);
      nodes.set(`n${index}`, { dependsOn, script, retries, passesOver: [] });
    }
    for (const [index, { isBranch, taken }] of rows.entries()) {
      const node = nodes.get(`n${index}`) as Scripted;
      const dependents = [...nodes].filter(([, { dependsOn }]) => dependsOn.includes(`n${index}`)).map(([key]) => key);
      if (isBranch && node.script === 'done') node.passesOver = dependents.filter((_, at) => !taken[at]);
    }
    return nodes;
  });

function expected(nodes: ReadonlyMap<string, Scripted>): Record<string, NodeState> {
  const states: Record<string, NodeState> = {};
  for (const [key, { dependsOn, script }] of nodes) {
    const isPassedOver = dependsOn.some((dependency) => {
      const { passesOver } = nodes.get(dependency) as Scripted;
      return states[dependency] === 'completed' && passesOver.includes(key);
    });
    const isReached = dependsOn.length === 0 || dependsOn.some((dependency) => states[dependency] !== 'skipped');
    if (isPassedOver || !isReached || script === 'skip') states[key] = 'skipped';
    else states[key] = script === 'let_go' ? 'failed' : 'completed';
  }
  return states;
}

const resultOf = ({ script, passesOver, retries }: Scripted, attempt: number): Result => {
  if (script === 'skip') return { kind: 'skipped' };
  if (script !== 'done' || attempt <= retries) return failed;
  return { kind: 'completed', output: null, passesOver };
};

const ON_ERROR = { let_go: { kind: 'continue' }, stand_in: { kind: 'fallback', value: null } } as const;

test('any graph, walked in any order, ends as the model says', () => {
  fc.assert(
    fc.property(scripted, fc.array(fc.nat(), { minLength: 1, maxLength: 50 }), (nodes, order) => {
      const run = started(
        Object.fromEntries(
          [...nodes].map(([key, { dependsOn, script, retries }]) => {
            const onError = ON_ERROR[script as keyof typeof ON_ERROR] ?? { kind: 'fail' };
            return [key, { dependsOn, policy: { retries, onError } }];
          }),
        ),
      );
      for (let step = 0; run.due.length > 0; step++) {
        const { due } = run;
        const key = due[(order[step % order.length] as number) % due.length] as string;
        const fence = run.claim(key);
        const attempt = (run.nodes.get(key) as NodeRow).attempt;
        expect(run.report(key, fence, resultOf(nodes.get(key) as Scripted, attempt))).toBe(true);
      }
      const ends = run.events.filter((event) => /run\.(completed|failed|cancelled)$/.test(event));
      expect(ends).toHaveLength(1);
      const nodeEnds = run.events.filter((event) => /node\.(completed|failed|skipped) /.test(event));
      expect(new Set(nodeEnds.map((event) => event.split(' ')[1])).size).toBe(nodeEnds.length);
      const isFatal = (key: string): boolean => nodes.get(key)?.script === 'fail';
      const model = expected(nodes);
      if (run.run.state === 'failed') {
        const failures = Object.entries(run.states).filter(([key, state]) => state === 'failed' && isFatal(key));
        expect(failures).toHaveLength(1);
        expect(Object.values(run.states).every(isTerminal)).toBe(true);
      } else {
        expect(run.states).toEqual(model);
        expect(Object.keys(model).filter((key) => isFatal(key) && model[key] !== 'skipped')).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});
