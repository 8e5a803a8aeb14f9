import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../kernel/errors.ts';
import { parseJsonBody } from './json-body.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));
const refusalOf = (bytes: Buffer | string): string => {
  try {
    parseJsonBody(Buffer.from(bytes));
  } catch (error) {
    if (error instanceof AppError && error.code === 'body.malformed') return error.message;
    throw error;
  }
  return 'accepted';
};
const nested = (depth: number, [open, close]: [string, string] = ['[', ']']): string =>
  open.repeat(depth) + close.repeat(depth);

describe('a body', () => {
  test('is what JSON says it is', () => {
    const documents = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });
    fc.assert(
      fc.property(documents, fc.nat(3), (value, spaces) => {
        const text = JSON.stringify(value, null, spaces);
        fc.pre(!text.includes('"__proto__":'));
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test('is understood or refused, and never fails otherwise, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }), fc.json()), (given) => {
        refusalOf(Buffer.from(given as string));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['nothing', '', 'The body is empty. Send a JSON document.'],
    ['half a document', '{"a":', 'The body is not valid JSON:'],
    ['two documents', '{}{}', 'The body is not valid JSON:'],
    ['a trailing comma', '[1,]', 'The body is not valid JSON:'],
    ['a comment', '{/* hello */}', 'The body is not valid JSON:'],
    ['NaN', '{"a": NaN}', 'The body is not valid JSON:'],
    ['a NUL', '\0', 'The body is not valid JSON:'],
    ['a string that does not end', '"abc', 'The body is not valid JSON:'],
    ['a string that ends in a backslash', '"abc\\', 'The body is not valid JSON:'],
  ])('of %s is refused', (_name, text, message) => {
    expect(refusalOf(text).startsWith(message)).toBe(true);
  });

  test.each([
    ['a lone continuation', [0x22, 0x80, 0x22]],
    ['a cut character', [0x22, 0xe2, 0x82, 0x22]],
    ['an overlong form', [0x22, 0xc0, 0xaf, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('with %s is not UTF-8', (_name, bytes) => {
    expect(refusalOf(Buffer.from(bytes))).toBe('The body is not valid UTF-8.');
  });

  test('may begin with a byte order mark', () => {
    expect(parse('\ufeff{"a":1}')).toEqual({ a: 1 });
    expect(refusalOf('\ufeff\ufeff{}')).toMatch(/not valid JSON/);
  });

  test('has of a key given twice the last', () => {
    expect(parse('{"role":"viewer","role":"owner"}')).toEqual({ role: 'owner' });
  });
});

describe('a nested body', () => {
  test.each([
    ['lists', ['[', ']']],
    ['objects', ['{"a":', '}']],
  ] as [string, [string, string]][])('of %s may be 64 levels deep and no deeper', (_name, pair) => {
    const fill = pair[0] === '[' ? '' : '1';
    const at = (depth: number): string => pair[0].repeat(depth) + fill + pair[1].repeat(depth);
    expect(refusalOf(at(64))).toBe('accepted');
    expect(refusalOf(at(65))).toBe('The body nests deeper than 64 levels. Send a flatter document.');
  });

  test('is not confused by brackets in strings, nor by quotes and backslashes around them', () => {
    const strings = fc.array(fc.string({ unit: fc.constantFrom('[', '{', '"', '\\', ']', 'a', '\n') }));
    fc.assert(
      fc.property(strings, (value) => {
        expect(parse(JSON.stringify(value))).toEqual(value);
      }),
      { numRuns: 1_000 },
    );
    expect(refusalOf(JSON.stringify({ code: nested(5_000) }))).toBe('accepted');
    expect(refusalOf(`["\\\\",${nested(65)}]`)).toMatch(/nests deeper/);
    expect(refusalOf(`["\\"",${nested(65)}]`)).toMatch(/nests deeper/);
  });

  test('that only closes is not deep, and not JSON', () => {
    expect(refusalOf(']'.repeat(1_000))).toMatch(/not valid JSON/);
  });
});

describe('what a body may not hold', () => {
  test.each(['{"__proto__":{}}', '{"a":[{"__proto__":null}]}', '{"\\u005f_proto__":1}', '{"__pr\\u006fto__":1}'])(
    'is a key named __proto__: %s',
    (text) => {
      expect(refusalOf(text)).toBe('The body has a key named __proto__. Leave it out.');
    },
  );

  test('is not the word itself, nor keys that only sound like it', () => {
    const value = { code: '__proto__', constructor: 1, prototype: 2, proto: 3 };
    expect(parse(JSON.stringify(value))).toEqual(value);
  });

  test.each(['1e309', '-1e309', '1E+400', `1${'0'.repeat(309)}`, `[1, {"a": ${'9'.repeat(400)}}]`, '123456e304'])(
    'is a number that would become infinite: %s',
    (text) => {
      expect(refusalOf(text)).toBe('The body has a number that is too large. Send it as a string.');
    },
  );

  test.each(['1e308', '1e-400', '-0.5E-3', `0.${'0'.repeat(400)}1`, `"${'9'.repeat(400)}"`, '"1e999"'])(
    'is not a number that can be kept: %s',
    (text) => {
      expect(refusalOf(text)).toBe('accepted');
    },
  );

  test.each(['"\\ud800"', '"\\udc00\\ud800"', '{"a":["x\\uDFFF"]}', '{"\\ud83d":1}'])(
    'is half a surrogate pair: %s',
    (text) => {
      expect(refusalOf(text)).toMatch(/half a surrogate pair/);
    },
  );

  test('is not a whole pair, escaped or not', () => {
    expect(parse('"\\ud83d\\ude00 😀"')).toBe('😀 😀');
  });
});

describe('two megabytes', () => {
  const SIZE = 2 << 20;
  const fill = (unit: string, around: [string, string] = ['', '']): string =>
    around[0] + unit.repeat(Math.floor((SIZE - around[0].length - around[1].length) / unit.length)) + around[1];

  const quickest = (text: string): number => {
    const bytes = Buffer.from(text);
    const times = Array.from({ length: 5 }, () => {
      const began = performance.now();
      refusalOf(bytes);
      return performance.now() - began;
    });
    return Math.min(...times);
  };

  test.each([
    ['opening brackets', fill('[')],
    ['pairs of brackets', fill('[]')],
    ['brackets that nest', nested(SIZE / 2)],
    ['quotes', fill('"')],
    ['escaped quotes', fill('\\"', ['"', ''])],
    ['backslashes', fill('\\', ['"', '"'])],
    ['digits', fill('9')],
    ['exponents', fill('1e9,', ['[', '1]'])],
  ])('of %s are dealt with in less than 100 ms', (_name, text) => {
    expect(text.length).toBeLessThanOrEqual(SIZE);
    expect(quickest(text)).toBeLessThan(100);
  });

  test.each([
    ['numbers', fill('1,', ['[', '1]'])],
    ['objects', fill('{},', ['[', '{}]'])],
    ['strings', fill('"",', ['[', '""]'])],
    ['escapes', fill('"\\u0061",', ['[', '""]'])],
  ])('of small %s take no more than a few times what JSON.parse takes', (_name, text) => {
    const parsing = Math.min(
      ...Array.from({ length: 5 }, () => {
        const began = performance.now();
        JSON.parse(text);
        return performance.now() - began;
      }),
    );
    // With a reviver, which looks at each value, it was fifty times.
    expect(quickest(text)).toBeLessThan(10 * parsing + 20);
  });
});
