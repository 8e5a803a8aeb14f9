import { expect, test } from 'vitest';
import { recordingLog } from '../../../test/recording-log.ts';
import { logLine } from './server-log.ts';

function levelOf(line: string): string | undefined {
  const log = recordingLog();
  logLine(line, log);
  return log.records[0]?.level;
}

test('a line is logged at the level of what it means for us', () => {
  expect(levelOf('postmaster|LOG:  database system is ready to accept connections')).toBe('debug');
  expect(levelOf('postmaster|LOG:  server process (PID 7) was terminated by signal 9: Killed')).toBe('warn');
  expect(levelOf('startup|LOG:  database system was not properly shut down; automatic recovery in progress')).toBe(
    'warn',
  );
  expect(levelOf('client backend|WARNING:  database "assay" must be vacuumed')).toBe('warn');
  expect(levelOf('autovacuum worker|ERROR:  could not extend file')).toBe('warn');
  expect(levelOf('postmaster|FATAL:  could not create lock file')).toBe('error');
  expect(levelOf('walwriter|PANIC:  could not write to file')).toBe('error');
});

test('what a client is told anyway is not logged: it may quote the data that the client sent', () => {
  expect(levelOf('client backend|ERROR:  invalid input syntax for type integer: "my secret"')).toBeUndefined();
});

test('a client that comes too early is no trouble, and one with a wrong password is', () => {
  expect(levelOf('client backend|FATAL:  the database system is starting up')).toBe('debug');
  expect(levelOf('client backend|FATAL:  password authentication failed for user "assay"')).toBe('warn');
});

test('a line from before the settings were read is kept as it is', () => {
  const log = recordingLog();
  logLine('setpriv: failed to execute postgres: No such file or directory', log);
  logLine('', log);
  expect(log.records).toEqual([
    { level: 'warn', fields: {}, text: 'setpriv: failed to execute postgres: No such file or directory' },
  ]);
});
