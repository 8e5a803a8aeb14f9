import type { AppError } from '../../kernel/errors.ts';
import { defineErrors } from '../../kernel/errors.ts';

/** Every refusal of the embedded PostgreSQL. Its reader is whoever starts Assay: each says what to do next. */
export const postgresErrors = defineErrors('postgres', {
  unsupported_platform: 'precondition',
  cannot_run: 'precondition',
  data_dir_in_use: 'conflict',
  data_dir_unusable: 'precondition',
  wrong_version: 'precondition',
  wrong_password: 'precondition',
  disk_full: 'unavailable',
  start_failed: 'unavailable',
});

const NO_SPACE = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/;

/** Says whether a failure means that the disk is full, whoever reports it: a system call or a program's output. */
export function isDiskFull(reported: unknown): boolean {
  return NO_SPACE.test(reported instanceof Error ? reported.message : String(reported));
}

/** The refusal for a full disk. */
export function diskFull(path: string, cause: unknown): AppError {
  return postgresErrors.disk_full(
    `The disk that holds ${path} is full, so the database can't be written. Free some space there; a running server ` +
      'recovers by itself, otherwise start Assay again.',
    { cause },
  );
}

/** Turns what a program printed before it failed into a refusal. */
export function programFailure(what: string, output: string, dataDir: string): AppError {
  if (isDiskFull(output)) return diskFull(dataDir, new Error(output));
  if (output.includes('could not look up effective user ID')) {
    return postgresErrors.cannot_run(
      `${what}: ${output.trim()}. PostgreSQL wants a name for its user. Give this one a line in /etc/passwd, allow ` +
        'user namespaces, or set DATABASE_URL to use a PostgreSQL of your own.',
    );
  }
  const said = output.trim().split('\n').slice(-8).join('\n');
  return postgresErrors.start_failed(
    `${what}:\n${said === '' ? '(it printed nothing)' : said}\n` +
      'Fix what it names, or set DATABASE_URL to use a PostgreSQL of your own.',
  );
}
