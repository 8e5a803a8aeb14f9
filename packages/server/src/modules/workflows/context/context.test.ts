import { describe, expect, test } from 'vitest';
import type { JsonObject, OutputBinding } from '../model.ts';
import { bindInputs, bindOutputs, readPath, valueAt } from './context.ts';

const context: JsonObject = { order: { lines: [{ sku: 'a' }, { sku: 'b' }], note: null }, count: 3 };
const at = (text: string) => readPath(text) ?? expect.unreachable(`${text} is a path`);
const to = (path: string, merge: OutputBinding['merge'] = 'replace', name: string | null = null): OutputBinding => ({
  name,
  path: at(path),
  merge,
});

describe('a path', () => {
  test.each([
    ['$context', []],
    ['$context.a', ['a']],
    ['$context.a.0.b', ['a', '0', 'b']],
  ])('%s has these steps', (text, steps) => expect(readPath(text)).toEqual(steps));

  test.each(['context.a', '$context.', '$context..a', '$contexta', 'a', ''])('%j is none', (text) =>
    expect(readPath(text)).toBeNull(),
  );

  test('leads to a value, null among them', () => {
    expect(valueAt(context, at('$context.order.lines.1.sku'))).toBe('b');
    expect(valueAt(context, at('$context.order.note'))).toBeNull();
    expect(valueAt(context, [])).toBe(context);
  });

  test.each([
    '$context.gone',
    '$context.order.lines.2',
    '$context.order.lines.length',
    '$context.count.digits',
    '$context.constructor',
  ])('to nothing is refused: %s', (text) => expect(() => valueAt(context, at(text))).toThrow(/There is nothing at/));
});

describe('inputs', () => {
  test('come from the context, and what was written down', () => {
    const bound = bindInputs(
      [
        { name: 'sku', source: { kind: 'context', path: at('$context.order.lines.0.sku') } },
        { name: 'limit', source: { kind: 'literal', value: [1] } },
      ],
      context,
      null,
    );
    expect(bound).toEqual({ sku: 'a', limit: [1] });
  });

  test('come from the item that a node runs for, and from its place', () => {
    const bindings = [
      { name: 'all', source: { kind: 'item', path: [] } },
      { name: 'sku', source: { kind: 'item', path: ['sku'] } },
      { name: 'place', source: { kind: 'index' } },
    ] as const;
    const item = { index: 3, value: { sku: 'c' } };
    expect(bindInputs(bindings, context, item)).toEqual({ all: { sku: 'c' }, sku: 'c', place: 3 });
    expect(() => bindInputs(bindings, context, { index: 0, value: 'scalar' })).toThrow(/nothing at \$item.sku/);
  });
});

describe('an output', () => {
  test('makes what is on its way, and leaves the rest as it was', () => {
    const written = bindOutputs([to('$context.result.sum')], 7, context);
    expect(written).toEqual({ ...context, result: { sum: 7 } });
    expect(written['order']).toBe(context['order']);
    expect(context).not.toHaveProperty('result');
  });

  test.each([
    ['replace', 3, 4, 4],
    ['keep_first', 3, 4, 3],
    ['append', [1], [2, 3], [1, 2, 3]],
    ['append', 1, 2, [1, 2]],
    ['deep_merge', { a: { x: 1, y: [1] }, b: 1 }, { a: { y: [2] } }, { a: { x: 1, y: [2] }, b: 1 }],
    ['deep_merge', { a: 1 }, 'text', 'text'],
  ] as const)('%s of %j and %j is %j', (merge, there, value, expected) => {
    const before = { at: structuredClone(there) } as unknown as JsonObject;
    expect(bindOutputs([to('$context.at', merge)], value as never, before)).toEqual({ at: expected });
  });

  test('appended where nothing is begins a list', () =>
    expect(bindOutputs([to('$context.all', 'append')], 'one', {})).toEqual({ all: ['one'] }));

  test('gives a field of itself, and refuses one that it has not', () => {
    expect(bindOutputs([to('$context.n', 'replace', 'n')], { n: 1 }, {})).toEqual({ n: 1 });
    expect(() => bindOutputs([to('$context.n', 'replace', 'm')], { n: 1 }, {})).toThrow('The output has no field "m".');
  });

  test('is not written into a scalar, nor far behind the end of a list', () => {
    expect(() => bindOutputs([to('$context.count.digits')], 1, context)).toThrow('$context.count is no object or list');
    expect(() => bindOutputs([to('$context.order.lines.7')], 1, context)).toThrow('"7" is no place in a list of 2');
    expect(() => bindOutputs([to('$context.order.note.text')], 1, context)).toThrow('$context.order.note is no object');
  });

  test('called __proto__ is a key like any other', () => {
    const written = bindOutputs([to('$context.__proto__.admin')], true, {});
    expect(Object.hasOwn(written, '__proto__')).toBe(true);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});
