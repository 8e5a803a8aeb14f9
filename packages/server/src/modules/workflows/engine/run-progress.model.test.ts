import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  done,
  failed,
  gives,
  type NodeOf,
  outOfBudget,
  over,
  started,
  type TestRun,
} from '../../../../test/test-run.ts';
import { isTerminal, type NodeState } from '../model.ts';
import { type Result, WHOLE } from './model.ts';

/* Runs by a model so simple that it can be seen to be right: nodes in the order in which they were written down. */

const RUNS = Number(process.env['ASSAY_PROPERTY_RUNS'] ?? 300);
const LONGEST_MS = 5_000 + RUNS * 20;

type Script = 'done' | 'skip' | 'fail' | 'let_go' | 'stand_in' | 'spend';
type Scripted = {
  dependsOn: string[];
  script: Script;
  retries: number;
  passesOver: string[];
  /** How many items it has, of which every second does what the script says and the others end well; null for one without. */
  items: number | null;
  atOnce: number;
  /** Whether it needs no worker. */
  isInstant: boolean;
};

const scripted = fc
  .array(
    fc.record({
      earlier: fc.array(fc.nat({ max: 30 }), { maxLength: 4 }),
      script: fc.constantFrom<Script>('done', 'done', 'done', 'done', 'skip', 'let_go', 'stand_in', 'fail', 'spend'),
      retries: fc.nat({ max: 2 }),
      isBranch: fc.boolean(),
      taken: fc.array(fc.boolean(), { minLength: 31, maxLength: 31 }),
      items: fc.option(fc.nat({ max: 6 })),
      atOnce: fc.integer({ min: 1, max: 4 }),
      isQuick: fc.boolean(),
    }),
    { minLength: 1, maxLength: 31 },
  )
  .map((rows) => {
    const nodes = new Map<string, Scripted>();
    for (const [index, { earlier, isBranch, isQuick, ...of }] of rows.entries()) {
      const dependsOn = [...new Set(earlier.filter((each) => each < index))].map((each) => `n${each}`);
      const { script, retries, atOnce } = of;
      const items = isBranch ? null : of.items;
      const isInstant = isQuick && items === null;
      nodes.set(`n${index}`, { dependsOn, script, retries, passesOver: [], items, atOnce, isInstant });
    }
    for (const [index, { isBranch, taken }] of rows.entries()) {
      const node = nodes.get(`n${index}`) as Scripted;
      const dependents = [...nodes].filter(([, { dependsOn }]) => dependsOn.includes(`n${index}`)).map(([key]) => key);
      if (isBranch && node.script === 'done') node.passesOver = dependents.filter((_, at) => !taken[at]);
    }
    return nodes;
  });
type Nodes = ReadonlyMap<string, Scripted>;

/** Whether a node itself, or one of its items, goes wrong. */
const goesWrong = ({ script, items }: Scripted): boolean =>
  script !== 'done' && script !== 'skip' && (items === null || items > 1);

function expected(nodes: Nodes): Record<string, NodeState> {
  const states: Record<string, NodeState> = {};
  for (const [key, { dependsOn, script, items }] of nodes) {
    const isPassedOver = dependsOn.some((dependency) => {
      const { passesOver } = nodes.get(dependency) as Scripted;
      return states[dependency] === 'completed' && passesOver.includes(key);
    });
    const isReached = dependsOn.length === 0 || dependsOn.some((dependency) => states[dependency] !== 'skipped');
    if (isPassedOver || !isReached || script === 'skip') states[key] = 'skipped';
    else states[key] = script === 'let_go' && items === null ? 'failed' : 'completed';
    if (states[key] !== 'skipped') Object.assign(states, itemsExpected(key, { script, items }));
  }
  return states;
}

const itemsExpected = (key: string, { script, items }: Pick<Scripted, 'script' | 'items'>): Record<string, NodeState> =>
  Object.fromEntries(
    Array.from({ length: items ?? 0 }, (_, item) => [
      `${key}#${item}`,
      script === 'let_go' && isOdd(item) ? 'failed' : 'completed',
    ]),
  );

const isOdd = (item: number): boolean => item % 2 === 1;

const WRONG: Record<Script, Result> = {
  done: failed,
  skip: failed,
  fail: failed,
  let_go: failed,
  stand_in: failed,
  spend: outOfBudget,
};
const ON_ERROR = {
  let_go: { kind: 'continue' },
  stand_in: { kind: 'fallback', value: null },
  // It ends the run all the same.
  spend: { kind: 'continue' },
} as const;
/** Each writes what it gives behind what was given before: twice would be seen. */
const definitionsOf = (nodes: Nodes): Record<string, NodeOf> =>
  Object.fromEntries(
    [...nodes].map(([key, { dependsOn, script, retries, items, atOnce, isInstant }]) => {
      const onError = ON_ERROR[script as keyof typeof ON_ERROR] ?? { kind: 'fail' };
      const outputs = [{ name: null, path: [key], merge: 'append' }] as const;
      const of = { dependsOn, isInstant, outputs, policy: { retries, onError } };
      return [key, { ...of, ...(items === null ? {} : { atOnce }) }];
    }),
  );

/** Ends a claimed attempt as its script says. */
function endAsScripted(run: TestRun, name: string, { nodes, fence }: { nodes: Nodes; fence: number }): boolean {
  const { key, item, attempt, spread } = run.rowOf(name);
  const { script, passesOver, retries, items } = nodes.get(key) as Scripted;
  if (script === 'skip') return run.report(name, fence, { kind: 'skipped' });
  if (item === WHOLE && items !== null)
    return run.report(name, fence, spread === null ? over(items) : gatheredOf(run, key));
  const isWrong = script !== 'done' && (item === WHOLE || isOdd(item));
  const wrong = isWrong ? WRONG[script] : failed;
  const right: Result = item === WHOLE ? { kind: 'completed', output: null, passesOver } : gives(item);
  return run.report(name, fence, isWrong || attempt <= retries ? wrong : right);
}

/** What a node comes to that ends with what makes it ready. */
const instantly =
  (nodes: Nodes) =>
  (key: string): Result | null => {
    const { script, passesOver, retries, isInstant } = nodes.get(key) as Scripted;
    if (!isInstant) return null;
    if (script === 'skip') return { kind: 'skipped' };
    if (script === 'spend') return outOfBudget;
    return script !== 'done' || retries > 0 ? failed : { kind: 'completed', output: null, passesOver };
  };

function gatheredOf(run: TestRun, key: string): Result {
  const items = [...run.rows.values()].filter((row) => row.key === key && row.item !== WHOLE);
  return gives([items.map(({ output }) => output)]);
}

const chosen = <Of>(all: readonly Of[], by: number): Of => all[by % all.length] as Of;

test(
  'any graph, walked in any order, ends as the model says',
  () => {
    fc.assert(
      fc.property(scripted, fc.array(fc.nat(), { minLength: 1, maxLength: 50 }), (nodes, order) => {
        const run = started(definitionsOf(nodes));
        run.instantly = instantly(nodes);
        for (let step = 0; run.due.length > 0; step++) {
          const name = chosen(run.due, order[step % order.length] as number);
          expect(endAsScripted(run, name, { nodes, fence: run.claim(name) })).toBe(true);
        }
        const ends = run.events.filter((event) => /run\.(completed|failed|cancelled)$/.test(event));
        expect(ends).toHaveLength(1);
        const nodeEnds = run.events.filter((event) => /node\.(completed|failed|skipped) /.test(event));
        expect(new Set(nodeEnds.map((event) => event.split(' ')[1])).size).toBe(nodeEnds.length);
        const isFatal = (key: string): boolean => {
          const node = nodes.get(key);
          return node !== undefined && ['fail', 'spend'].includes(node.script) && goesWrong(node);
        };
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
      { numRuns: RUNS },
    );
  },
  LONGEST_MS,
);

type Move = { what: 'work' | 'lose' | 'stale' | 'pause' | 'resume' | 'cancel' | 'retry' | 'let_in'; at: number };
const moves = fc.array(
  fc.record({
    what: fc.constantFrom<Move['what']>(
      'work',
      'work',
      'work',
      'work',
      'work',
      'lose',
      'stale',
      'pause',
      'resume',
      'cancel',
      'retry',
      'let_in',
    ),
    at: fc.nat(),
  }),
  { maxLength: 120 },
);

/** Attempts that nobody has reported yet, the lost ones among them. */
type Attempt = { name: string; fence: number };

test(
  'whatever befalls a run, it ends, and what each node gave is written once',
  () => {
    fc.assert(
      fc.property(scripted, moves, fc.nat(), fc.nat({ max: 3 }), fc.boolean(), (nodes, befalls, ...of) => {
        const [order, handsOver, isLimited] = of;
        const run = started(definitionsOf(nodes), handsOver, isLimited);
        run.instantly = instantly(nodes);
        const stale: Attempt[] = [];
        let underWay: Attempt[] = [];
        const takeOver = (): void => void underWay.push(...run.handed.splice(0));
        takeOver();
        const claim = (by: number): void => {
          const name = chosen(run.due, by);
          underWay.push({ name, fence: run.claim(name) });
        };
        const end = (by: number): void => {
          const attempt = chosen(underWay, by);
          underWay = underWay.filter((each) => each !== attempt);
          endAsScripted(run, attempt.name, { nodes, fence: attempt.fence });
          stale.push(attempt);
        };
        const MOVES: Record<Move['what'], (by: number) => void> = {
          work(by) {
            if (run.due.length > 0 && (underWay.length === 0 || by % 3 > 0)) claim(by);
            else if (underWay.length > 0) end(by);
          },
          lose(by) {
            if (underWay.length === 0) return;
            const { name, fence } = chosen(underWay, by);
            run.lose(name, fence);
          },
          stale(by) {
            if (stale.length === 0) return;
            const { name, fence } = chosen(stale, by);
            expect(run.report(name, fence, done)).toBe(false);
          },
          pause: () => run.decide((progress) => progress.pause()),
          resume: () => run.decide((progress) => progress.resume()),
          cancel: () => run.decide((progress) => progress.cancel()),
          retry: () => void run.retry(),
          let_in: () => run.letIn(),
        };
        for (const { what, at } of befalls) {
          MOVES[what](at);
          takeOver();
          expectAtMostAtOnce(run, nodes);
          if (run.run.state === 'queued') expect(run.due).toEqual([]);
        }
        MOVES.let_in(0);
        MOVES.resume(0);
        takeOver();
        for (let step = order; run.due.length + underWay.length > 0; step++) {
          MOVES.work(step);
          takeOver();
        }
        expect(isTerminal(run.run.state)).toBe(true);
        expect(Object.values(run.states).every(isTerminal)).toBe(true);
        if (run.run.state !== 'completed') return;
        for (const [key, state] of Object.entries(expected(nodes))) {
          expect([key, run.states[key]]).toEqual([key, state]);
          if (key.includes('#') || state !== 'completed') continue;
          expect(run.run.context[key]).toHaveLength(1);
        }
      }),
      { numRuns: RUNS },
    );
  },
  LONGEST_MS,
);

function expectAtMostAtOnce(run: TestRun, nodes: Nodes): void {
  const begun = [...run.rows.values()].filter(
    ({ item, state }) => item !== WHOLE && state !== 'pending' && !isTerminal(state),
  );
  for (const [key, of] of Map.groupBy(begun, (row) => row.key))
    expect(of.length).toBeLessThanOrEqual((nodes.get(key) as Scripted).atOnce);
}
