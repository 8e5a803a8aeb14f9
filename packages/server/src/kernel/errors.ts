/**
 * Every refusal in Assay is one of these kinds. Surfaces map a kind to their wire format exhaustively, so a new
 * kind does not compile until each surface has decided what it looks like.
 */
export const ERROR_KINDS = [
  'invalid',
  'unauthenticated',
  'denied',
  'not_found',
  'conflict',
  'precondition',
  'billing',
  'rate_limited',
  'over_budget',
  'too_large',
  'unsupported_media',
  'cancelled',
  'deadline',
  'unavailable',
  'unimplemented',
  'internal',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** One fault in the input: `field` is a dotted path, `constraint` a stable word, `message` a sentence. */
export type FieldFault = { field: string; constraint: string; message: string };

export type ErrorDetail = {
  faults?: readonly FieldFault[];
  /** For `rate_limited`, `unavailable` and `conflict`: when a retry can succeed, milliseconds from now. */
  retryAfterMs?: number;
  /** For the log only, never shown to a caller. */
  cause?: unknown;
};

/**
 * A refusal. `code` is `domain.reason`, public and stable; `message` is safe to show to the caller and says what
 * was refused, then what to do.
 */
export class AppError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly faults: readonly FieldFault[];
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, code: string, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'AppError';
    this.kind = kind;
    this.code = code;
    this.faults = detail.faults ?? [];
    this.retryAfterMs = detail.retryAfterMs;
  }
}

type Refuse = (message: string, detail?: ErrorDetail) => AppError;

/**
 * Declares all refusals of one domain: `defineErrors('token', { expired: 'unauthenticated' })` gives
 * `expired(message)`, an error of code `token.expired`.
 */
export function defineErrors<const Kinds extends Record<string, ErrorKind>>(
  domain: string,
  kinds: Kinds,
): { [Reason in keyof Kinds]: Refuse } {
  const entries = Object.entries(kinds).map(([reason, kind]): [string, Refuse] => [
    reason,
    (message, detail) => new AppError(kind, `${domain}.${reason}`, message, detail),
  ]);
  return Object.fromEntries(entries) as { [Reason in keyof Kinds]: Refuse };
}

/** Until somebody has made room. */
const DISK_FULL_AGAIN_MS = 10_000;
const isDiskFull = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT');

/** What was refused because a disk of ours is full, whoever noticed it. */
export const diskFull = (cause: unknown): AppError =>
  new AppError('unavailable', 'disk.full', 'A disk of this server is full. Nothing was changed; try again later.', {
    retryAfterMs: DISK_FULL_AGAIN_MS,
    cause,
  });

/** Anything that is not an AppError is a bug of ours, or a full disk: a bug becomes `internal` with a fixed message. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (isDiskFull(thrown)) return diskFull(thrown);
  return new AppError(
    'internal',
    'internal.unexpected',
    'Something went wrong on our side. The request id names it in the log.',
    {
      cause: thrown,
    },
  );
}
