import { expect, test } from 'vitest';
import { filled, placesIn } from './template.ts';

test('a template has its inputs in their places, text as it is and everything else as JSON', () => {
  const input = { word: 'no {{list}}', list: [1, { a: 2 }] };
  expect(filled('Say {{word}} and {{ list }}. {{word}}!', { input })).toBe(
    'Say no {{list}} and [1,{"a":2}]. no {{list}}!',
  );
  expect(filled('{{dollars}}', { input: { dollars: '$& $1' } })).toBe('$& $1');
});

test('inputs are encoded, secrets are as they are, and an input is no secret', () => {
  const secrets = new Map([['key', 'a/b']]);
  const input = { path: 'x/y', key: '{{secret:key}}' };
  const encode = encodeURIComponent;
  expect(filled('{{path}} {{secret:key}} {{key}}', { input, secrets, encode })).toBe(
    'x%2Fy a/b %7B%7Bsecret%3Akey%7D%7D',
  );
  expect(placesIn('{{a}} {{b-c.d}} {{ secret:key }} {{}} {{e f}}')).toEqual({
    inputs: new Set(['a', 'b-c.d']),
    secrets: new Set(['key']),
  });
});

test('a template that names what is not there is refused', () => {
  const refused = expect.objectContaining({ code: 'workflow_node.no_input' });
  expect(() => filled('{{toString}}', { input: {} })).toThrow(refused);
  expect(() => filled('{{secret:key}}', { input: { key: 'k' } })).toThrow(refused);
});
