import { expect, test } from 'vitest';
import { filled, placesIn } from './template.ts';

test('a template has its inputs in their places, text as it is and everything else as JSON', () => {
  expect(filled('Say {{word}} and {{ list }}. {{word}}!', { word: 'no {{list}}', list: [1, { a: 2 }] })).toBe(
    'Say no {{list}} and [1,{"a":2}]. no {{list}}!',
  );
  expect(filled('{{dollars}}', { dollars: '$& $1' })).toBe('$& $1');
  expect([...placesIn('{{a}} {{b-c.d}} {{ a }} {{}} {{e f}}')]).toEqual(['a', 'b-c.d']);
});

test('a template that names an input that is not there, is refused', () => {
  expect(() => filled('{{toString}}', {})).toThrow(expect.objectContaining({ code: 'workflow_node.no_input' }));
});
