import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { layOutFields, layOutTable } from './layout.ts';

const ROWS = [
  ['eval_1', 'completed', 12],
  ['eval_22', 'failed', null],
];
const TERMINAL = { isTerminal: true, colour: false };

test('on a terminal a table has a heading and columns', () => {
  expect(layOutTable(['id', 'status', 'ms'], ROWS, TERMINAL)).toBe(
    ['ID       STATUS     MS', 'eval_1   completed  12', 'eval_22  failed     -', ''].join('\n'),
  );
});

test('off a terminal it is rows and tabs, for programs', () => {
  const options = { isTerminal: false, colour: false };
  expect(layOutTable(['id', 'status', 'ms'], ROWS, options)).toBe('eval_1\tcompleted\t12\neval_22\tfailed\t-\n');
  expect(
    layOutFields(
      [
        ['id', 'a'],
        ['ok', true],
      ],
      options,
    ),
  ).toBe('id\ta\nok\ttrue\n');
});

test('colours do not push columns out of line', () => {
  const plain = layOutTable(['id', 'status', 'ms'], ROWS, TERMINAL);
  const coloured = layOutTable(['id', 'status', 'ms'], ROWS, { isTerminal: true, colour: true });
  expect(coloured).toContain('\u001b[32mcompleted\u001b[39m');
  expect(stripVTControlCharacters(coloured)).toBe(plain);
});

test('a cell can neither break its row nor command the terminal', () => {
  const cell = 'a\tb\r\nc\u001b[2Jd\u0000\u009b';
  expect(layOutFields([['x', cell]], { isTerminal: false, colour: false })).toBe('x\ta b c␛[2Jd␀\uFFFD\n');
});
