import { AppError, diskFull } from '../../kernel/errors.ts';

type DatabaseFault = { code: string; severity?: string; constraint?: string; message: string };

const isDatabaseFault = (thrown: unknown): thrown is DatabaseFault =>
  thrown instanceof Error && typeof (thrown as { code?: unknown }).code === 'string';

/** What the operating system says when there is no way to the server. */
const UNREACHABLE = /^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/;
/** SQLSTATE classes and codes that mean "the server can't serve now, the statement was fine" (PostgreSQL, appendix A). */
const UNAVAILABLE = /^(08|53|57P0[1-4]|40001|40P01|55P03|25006)/;
const DISK_FULL = '53100';
const QUERY_CANCELED = '57014';
/** Text with NUL, which PostgreSQL stores neither as text (22021) nor within JSON (22P05). */
const UNSTORABLE: ReadonlySet<string> = new Set(['22021', '22P05']);
const CONNECTION_LOST =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query read timeout)/;

/** Whether a fault took the connection with it: whoever is given that connection next fails too. */
export function isConnectionLost(thrown: unknown): boolean {
  if (thrown instanceof Error && CONNECTION_LOST.test(thrown.message)) return true;
  if (!isDatabaseFault(thrown)) return false;
  return thrown.severity === 'FATAL' || thrown.severity === 'PANIC' || UNREACHABLE.test(thrown.code);
}

/**
 * By constraint name, what its violation means: a refusal, or `again` for a key that is made at random, which a second
 * run of the transaction makes anew.
 */
export type ConstraintErrors = Readonly<Record<string, (() => AppError) | 'again'>>;

/** Whether the transaction may be run again, and is likely to succeed then. */
export const mayRunAgain = (thrown: unknown, constraints: ConstraintErrors): boolean =>
  isDatabaseFault(thrown) && thrown.constraint !== undefined && constraints[thrown.constraint] === 'again';

/**
 * Turns what the driver threw into the one vocabulary of errors.
 * Unknown faults pass through unchanged: they are bugs, and the surface reports them as internal.
 */
export function fromSqlError(thrown: unknown, constraints: ConstraintErrors): unknown {
  if (thrown instanceof Error && CONNECTION_LOST.test(thrown.message)) return databaseUnavailable(thrown);
  if (!isDatabaseFault(thrown)) return thrown;
  const known = thrown.constraint === undefined ? undefined : constraints[thrown.constraint];
  if (known !== undefined && known !== 'again') return known();
  if (thrown.code === DISK_FULL) return diskFull(thrown);
  if (UNAVAILABLE.test(thrown.code) || UNREACHABLE.test(thrown.code)) return databaseUnavailable(thrown);
  if (thrown.code === QUERY_CANCELED) {
    return new AppError(
      'deadline',
      'database.deadline',
      'The database took too long for this request. Ask for less, or try again later.',
      { cause: thrown },
    );
  }
  if (UNSTORABLE.has(thrown.code)) {
    return new AppError(
      'invalid',
      'text.unstorable',
      'The request holds a NUL character, which text here cannot have. Leave it out.',
      { cause: thrown },
    );
  }
  return thrown;
}

/** Whether the database could not be reached, or took nobody, in the words of the driver or in ours. */
export function isDatabaseAway(thrown: unknown): boolean {
  const error = fromSqlError(thrown, {});
  return error instanceof AppError && error.code === UNAVAILABLE_CODE;
}

const UNAVAILABLE_CODE = 'database.unavailable';
const databaseUnavailable = (cause: unknown): AppError =>
  new AppError(
    'unavailable',
    UNAVAILABLE_CODE,
    'The database cannot be reached right now. Nothing was changed; try again shortly.',
    { retryAfterMs: 1_000, cause },
  );
