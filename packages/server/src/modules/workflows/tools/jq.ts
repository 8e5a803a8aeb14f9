import type { JsonObject } from '../model.ts';
import { flag, object, text, when } from './arguments.ts';
import type { Tool } from './model.ts';

/** Reads JSON from its standard input. Variables are JSON as well, and cannot be read as anything else. */
export const jq: Tool = {
  operation: 'jq',
  program: 'tool:jq',
  summary: 'Filters and makes JSON with jq; the input `stdin` is what it reads.',
  schema: object(
    {
      filter: text('A jq program.'),
      variables: {
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$' },
        maxProperties: 20,
        default: {},
        description: 'What the filter knows as `$name`.',
      },
      null_input: flag('Read nothing.'),
      slurp: flag('Make one list of all that is read.'),
      raw_output: flag('Print texts as they are, not as JSON.'),
      sort_keys: flag('Print the keys of objects in their order.'),
    },
    ['filter'],
  ),
  code: ({ filter }) => String(filter),
  argv: ({ variables, null_input, slurp, raw_output, sort_keys }) => [
    '--compact-output',
    ...when(null_input, '--null-input'),
    ...when(slurp, '--slurp'),
    ...when(raw_output, '--raw-output'),
    ...when(sort_keys, '--sort-keys'),
    ...Object.entries((variables ?? {}) as JsonObject).flatMap(([name, value]) => [
      '--argjson',
      name,
      JSON.stringify(value),
    ]),
  ],
};
