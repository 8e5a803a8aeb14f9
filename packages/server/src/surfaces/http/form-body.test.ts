import { expect, test } from 'vitest';
import { parseFormBody } from './form-body.ts';

const parse = (text: string): unknown => parseFormBody(Buffer.from(text));

test.each([
  ['', {}],
  ['a=1&b=%C3%A9+%26', { a: '1', b: 'é &' }],
  ['a', { a: '' }],
  ['__proto__=x', JSON.parse('{"__proto__": "x"}')],
])('the form %j is read', (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test('a field that is there twice is refused', () => {
  expect(() => parse('a=1&b=2&a=1')).toThrow('twice');
});

test('bytes that are not UTF-8 are refused', () => {
  expect(() => parseFormBody(Buffer.from([0x61, 0x3d, 0xff]))).toThrow('UTF-8');
});
