import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { format, inspect } from 'node:util';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { Sensitive } from './sensitive.ts';

const SECRET = 'hunter2-do-not-print';

const inSight = (write: (console: Console, value: unknown) => void): string => {
  const stream = new PassThrough();
  write(new Console(stream), new Sensitive(SECRET));
  return String(stream.read());
};

const inLog = (log: (logger: pino.Logger, value: Sensitive<unknown>) => void): string => {
  const stream = new PassThrough();
  log(pino(stream), new Sensitive({ password: SECRET }));
  return String(stream.read());
};

describe('a sensitive value', () => {
  const value = new Sensitive(SECRET);

  test('is told to who asks for it', () => {
    expect(value.reveal()).toBe(SECRET);
  });

  test.each([
    ['a template', `${value}`],
    ['a sum of strings', `key: ${String(value)}`],
    ['JSON', JSON.stringify({ value, list: [value] })],
    ['inspect', inspect({ deep: { value } }, { depth: null })],
    ['inspect that shows hidden and own', inspect(value, { showHidden: true, customInspect: false })],
    ['%s', format('%s', value)],
    ['%o', format('%o', value)],
    ['%O', format('%O', value)],
    ['%j', format('%j', value)],
    ['%d', format('%d', value)],
    ['an error message', new Error(`refused ${value}`).message],
    ['an error cause', inspect(new Error('refused', { cause: { value } }))],
    ['its entries', JSON.stringify([Object.entries(value), Object.getOwnPropertyNames(value), { ...value }])],
    ['a structured clone', inspect(structuredClone(value))],
    ['console.log', inSight((console, shown) => console.log(shown, { shown }))],
    ['console.dir', inSight((console, shown) => console.dir(shown, { showHidden: true, depth: null }))],
    ['console.table', inSight((console, shown) => console.table([{ shown }]))],
    ['a pino field', inLog((logger, shown) => logger.info({ shown, deep: [{ shown }] }, 'started'))],
    ['a pino message', inLog((logger, shown) => logger.info('started with %s %j %o', shown, shown, shown))],
    ['a pino error', inLog((logger, shown) => logger.error(Object.assign(new Error('no'), { shown }), 'failed'))],
    ['a pino child', inLog((logger, shown) => logger.child({ shown }).info('started'))],
  ])('does not print in %s', (_name, printed) => {
    expect(printed).not.toContain(SECRET);
    expect(printed.length).toBeGreaterThan(0);
  });
});
