import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { graphFaults, type Vertex } from './graph-faults.ts';

const graph = (of: Record<string, string[]>): Vertex[] =>
  Object.entries(of).map(([key, dependsOn]) => ({ key, dependsOn }));

describe('a graph', () => {
  test('of a diamond has no faults', () =>
    expect(graphFaults(graph({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] }))).toEqual([]));

  test('names every wrong dependency and key by its path', () => {
    const nodes = [...graph({ a: ['a'], b: ['x', 'a', 'a'] }), { key: 'b', dependsOn: [] }];
    expect(graphFaults(nodes).map(({ field, constraint }) => [field, constraint])).toEqual([
      ['nodes.2.key', 'unique'],
      ['nodes.0.depends_on.0', 'acyclic'],
      ['nodes.1.depends_on.0', 'known'],
      ['nodes.1.depends_on.2', 'unique'],
    ]);
  });

  test('shows each cycle once, in the order in which its nodes would run', () => {
    const faults = graphFaults(graph({ a: ['c'], b: ['a'], c: ['b'], behind: ['c'], x: ['y'], y: ['x'], free: [] }));
    expect(faults.map(({ message }) => message)).toEqual([
      expect.stringMatching(/: (a → b → c → a|b → c → a → b|c → a → b → c)\.$/),
      expect.stringMatching(/: (x → y → x|y → x → y)\.$/),
    ]);
  });

  test('with a cycle has a fault, and one without has none', () => {
    const forward = fc.array(fc.array(fc.nat({ max: 40 }), { maxLength: 5 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(forward, fc.boolean(), (wanted, isClosed) => {
        const nodes = wanted.map((earlier, index) => ({
          key: `n${index}`,
          dependsOn: [...new Set(earlier.filter((each) => each < index))].map((each) => `n${each}`),
        }));
        expect(graphFaults(nodes)).toEqual([]);
        const last = nodes.at(-1) as Vertex;
        const [begin] = last.dependsOn;
        if (!isClosed || begin === undefined) return;
        const closed = nodes.map((node) =>
          node.key === begin ? { ...node, dependsOn: [...node.dependsOn, last.key] } : node,
        );
        expect(graphFaults(closed).map(({ constraint }) => constraint)).toEqual(['acyclic']);
      }),
    );
  });

  test('of a hundred thousand nodes in a row is looked through at once', () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) => ({
      key: `n${index}`,
      dependsOn: index === 0 ? [] : [`n${index - 1}`],
    }));
    expect(graphFaults(nodes)).toEqual([]);
  });
});
