import { afterAll, describe, expect, test } from 'vitest';
import { Expressions } from './expressions.ts';

const expressions = new Expressions({ deadlineMs: 1_000, threads: 2 });
afterAll(() => expressions[Symbol.asyncDispose]());

const context = { count: 3, share: 0.5, name: 'taco', list: [1, 2, 3] };

describe('a condition', () => {
  test.each([
    ['context.count + 1 == 4', true],
    ['context.share * 2.0 < 1.5 && context.name.startsWith("ta")', true],
    ['context.list.exists(x, x > 3)', false],
    ['has(context.gone)', false],
  ])('%s is %s', async (source, expected) => expect(await expressions.condition(source, { context })).toBe(expected));

  test.each([
    ['context.gone == 1', 'no such|not found'],
    ['context.count', 'must be true or false'],
    ['1 / 0 == 1', 'divide by zero'],
  ])('%s fails in words', async (source, message) =>
    expect(expressions.condition(source, { context })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'expression.failed',
      message: expect.stringMatching(message),
    }),
  );
});

describe('a transformation', () => {
  test('makes JSON of JSON', async () => {
    const made = await expressions.transformed('{ "sum": $sum(list), "names": [name] }', context);
    expect(made).toEqual({ sum: 6, names: ['taco'] });
    expect(await expressions.transformed('gone', context)).toBeNull();
  });

  test('that never ends is ended, and others go on', async () => {
    const endless = expressions.transformed('($f := function($n) { $f($n + 1) }; $f(0))', {});
    const ended = expect(endless).rejects.toMatchObject({ kind: 'invalid', code: 'expression.too_slow' });
    expect(await expressions.transformed('1 + 1', {})).toBe(2);
    await ended;
    expect(await expressions.transformed('2 + 2', {})).toBe(4);
  });

  test('that fills the memory is ended, and the server is not', async () => {
    const bomb = expressions.transformed('($f := function($s) { $f($s & $s) }; $f("xxxxxxxx"))', {});
    await expect(bomb).rejects.toMatchObject({ kind: 'invalid' });
    expect(await expressions.transformed('3', {})).toBe(3);
  });

  test('reaches nothing of the process', async () => {
    for (const source of ['process', '$constructor', 'constructor.constructor("return process")()']) {
      const made = await expressions.transformed(source, {}).catch(() => null);
      expect(made).toBeNull();
    }
  });
});

describe('a schema', () => {
  const schema = { type: 'object', required: ['a'], properties: { a: { type: 'integer' }, 'b/c': { type: 'string' } } };

  test('names what does not fit by its path', async () => {
    expect(await expressions.misfits(schema, { a: 1 }, 'input')).toEqual([]);
    const faults = await expressions.misfits(schema, { a: 'x', 'b/c': 1 }, 'input');
    expect(faults.map(({ field }) => field)).toEqual(['input.a', 'input.b/c']);
  });

  test('that is none is told', async () => {
    expect(await expressions.faultOf({ language: 'json_schema', schema: { type: 'nothing' } })).toMatch(/type/);
    await expect(expressions.misfits({ type: 'nothing' }, 1, 'input')).rejects.toMatchObject({ kind: 'invalid' });
  });

  test('with a pattern that takes for ever is ended', async () => {
    const slow = { type: 'string', pattern: '^(a+)+$' };
    const asked = expressions.misfits(slow, `${'a'.repeat(40)}!`, 'input');
    await expect(asked).rejects.toMatchObject({ code: 'expression.too_slow' });
  });
});

describe('a program that cannot be read', () => {
  test.each([
    { language: 'cel', source: '1 +' },
    { language: 'jsonata', source: '{' },
  ] as const)('$language: why is told', async (program) =>
    expect(await expressions.faultOf(program)).toEqual(expect.any(String)),
  );

  test('is none when it can', async () =>
    expect(await expressions.faultOf({ language: 'cel', source: 'context.a == 1' })).toBeNull());
});
