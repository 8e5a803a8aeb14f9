import { expect, test } from 'vitest';
import { renderWorkflowNodes } from './render-workflow-nodes.ts';
import { describeFields, SchemaBook } from './schema-fields.ts';

test('every field of a node has a type and is described', async () => {
  const fields = (await renderWorkflowNodes()).match(/^\| `.*\|$/gm) ?? [];
  expect(fields.length).toBeGreaterThan(100);
  expect(fields.filter((field) => / \| {2}\|$/.test(field) || field.includes('undefined'))).toEqual([]);
});

test('fields of objects within are named by their paths, with bounds, defaults and what is one of several', () => {
  const book = new SchemaBook({
    Size: { type: 'integer', minimum: 1, maximum: 9, description: 'How large.' },
    Path: { type: 'string', pattern: '^a|b$' },
  });
  const schema = {
    type: 'object',
    required: ['list'],
    properties: {
      list: { type: 'array', maxItems: 2, items: { type: 'object', properties: { size: { $ref: '#/$defs/Size' } } } },
      either: {
        anyOf: [
          { type: 'object', required: ['at'], properties: { at: { $ref: '#/$defs/Path' } } },
          { type: 'object', required: ['off'], properties: { off: { const: true } } },
        ],
        default: {},
      },
    },
  };
  expect(describeFields(schema, book).slice(2)).toEqual([
    '| `list` | list of object, at most 2 items | required |  |',
    '| `list[].size` | integer, 1 to 9 |  | How large. |',
    '| `either` | object | `{}` |  |',
    '| `either.at` | `Path` | one of these |  |',
    '| `either.off` | `true` | one of these |  |',
  ]);
  expect(book.namedTexts().map(({ schema: text }) => book.typeOf(text))).toEqual(['text matching `^a\\|b$`']);
});
