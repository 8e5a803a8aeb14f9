import type { Log } from '../log.ts';

/** The part of a log that the embedded PostgreSQL writes to. */
export type ServerLog = Pick<Log, 'debug' | 'info' | 'warn' | 'error'>;

/** A line as PostgreSQL writes it with `LOG_SETTINGS`: `checkpointer|LOG:  text`. */
const LINE = /^([a-z ]+)\|([A-Z]+[0-9]?):\s+(.*)$/;

/**
 * What makes PostgreSQL's lines readable for `logLine`, and keeps our users' data out of them: no statements, and no
 * details, which quote the rows that a constraint refused.
 */
export const LOG_SETTINGS: Readonly<Record<string, string>> = {
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%b|',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_statement: 'none',
};

/** Told as plain news by PostgreSQL, but a sign of trouble. */
const TROUBLE =
  /terminated by signal|exited with exit code|not properly shut down|abnormal|reinitializing|too frequently/;
/** Said to each client that comes while the server starts or stops, our own readiness probe included. */
const NOT_NOW = /^the database system is /;

/** Passes one line of PostgreSQL's on to our log, at the level of what it means for us. */
export function logLine(line: string, log: ServerLog): void {
  const [, backend = '', severity = '', text = ''] = LINE.exec(line) ?? [];
  if (severity === '') {
    // Before it has read its settings, or from a program in front of it.
    if (line.trim() !== '') log.warn(line.trim());
    return;
  }
  const level = levelOf(backend, severity, text);
  if (level) log[level]({ backend }, text);
}

function levelOf(backend: string, severity: string, text: string): keyof ServerLog | undefined {
  const isClient = backend === 'client backend';
  if (NOT_NOW.test(text)) return 'debug';
  if (severity === 'PANIC') return 'error';
  if (severity === 'FATAL') return isClient ? 'warn' : 'error';
  // The client gets its errors, with the values that it sent: they are no business of the process log.
  if (severity === 'ERROR') return isClient ? undefined : 'warn';
  if (severity === 'WARNING') return 'warn';
  return TROUBLE.test(text) ? 'warn' : 'debug';
}
