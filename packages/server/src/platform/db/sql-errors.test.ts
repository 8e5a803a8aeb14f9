import { describe, expect, test } from 'vitest';
import { AppError } from '../../kernel/errors.ts';
import { fromSqlError, isConnectionLost } from './sql-errors.ts';

const fault = (code: string, more: object = {}): Error =>
  Object.assign(new Error('the server says no'), { code, ...more });
const kindOf = (thrown: unknown): string => {
  const mapped = fromSqlError(thrown, {});
  return mapped instanceof AppError ? mapped.kind : 'unmapped';
};

describe('a fault of the database', () => {
  test.each([
    ['08006', 'a broken connection'],
    ['53300', 'too many connections'],
    ['57P01', 'a stop by an administrator'],
    ['57P03', 'a server that starts up'],
    ['40001', 'a serialization failure'],
    ['40P01', 'a deadlock'],
    ['55P03', 'a lock that is taken'],
    ['25006', 'a server that only reads'],
    ['ECONNREFUSED', 'a port where nobody listens'],
    ['ECONNRESET', 'a connection cut by the network'],
    ['ENOENT', 'a socket that is not there'],
    ['EHOSTUNREACH', 'a host without a route'],
    ['ENOTFOUND', 'a name without an address'],
    ['EAI_AGAIN', 'a name service that does not answer'],
  ])('%s, %s, is unavailable', (code) => {
    expect(kindOf(fault(code))).toBe('unavailable');
  });

  test.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'timeout exceeded when trying to connect',
  ])('in the words of the driver, %j, is unavailable', (message) => {
    expect(kindOf(new Error(message))).toBe('unavailable');
    expect(isConnectionLost(new Error(message))).toBe(true);
  });

  test('says when to come back, and shows nothing of itself', () => {
    const refusal = fromSqlError(fault('57P01', { detail: 'password=hunter2' }), {});
    expect(refusal).toMatchObject({ code: 'database.unavailable', retryAfterMs: 1_000 });
    expect((refusal as AppError).message).not.toContain('server says no');
  });

  test('that is a full disk says so', () => {
    expect(fromSqlError(fault('53100'), {})).toMatchObject({ kind: 'unavailable', code: 'disk.full' });
  });

  test('that ran past its time is the deadline', () => {
    expect(kindOf(fault('57014'))).toBe('deadline');
  });

  test.each(['22021', '22P05'])('%s, text with NUL, is the fault of the request', (code) => {
    expect(kindOf(fault(code))).toBe('invalid');
  });

  test.each(['42601', '42P01', '42501', '22P02', '23505', '23503', 'XX000'])(
    '%s is a bug of ours and stays one',
    (code) => {
      const thrown = fault(code);
      expect(fromSqlError(thrown, {})).toBe(thrown);
    },
  );

  test('at a constraint that a store knows is what the store says', () => {
    const taken = new AppError('conflict', 'thing.taken', 'Taken.');
    const violation = fault('23505', { constraint: 'things__name' });
    expect(fromSqlError(violation, { things__name: () => taken })).toBe(taken);
    expect(fromSqlError(violation, { things__other: () => taken })).toBe(violation);
  });

  test.each([new AppError('denied', 'a.b', 'No.'), new TypeError('x is not a function'), 'text', undefined])(
    'is not what %s is: it passes through',
    (thrown) => {
      expect(fromSqlError(thrown, {})).toBe(thrown);
    },
  );
});

test('a fatal fault takes the connection along, another leaves it', () => {
  expect(isConnectionLost(fault('57P01', { severity: 'FATAL' }))).toBe(true);
  expect(isConnectionLost(fault('25P03', { severity: 'FATAL' }))).toBe(true);
  expect(isConnectionLost(fault('57014', { severity: 'ERROR' }))).toBe(false);
  expect(isConnectionLost(fault('40P01', { severity: 'ERROR' }))).toBe(false);
  expect(isConnectionLost(undefined)).toBe(false);
});
