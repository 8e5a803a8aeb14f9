import type { AppError, ErrorKind } from '../../kernel/errors.ts';

const STATUS = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  not_found: 404,
  conflict: 409,
  precondition: 412,
  billing: 423,
  rate_limited: 429,
  over_budget: 402,
  too_large: 413,
  unsupported_media: 415,
  cancelled: 499,
  deadline: 503,
  unavailable: 503,
  unimplemented: 501,
  internal: 500,
} as const satisfies Record<ErrorKind, number>;

/** Probes and scrapers read the status: `{error}` is for the person behind them. */
export function renderError(error: AppError): { status: number; body: unknown } {
  return { status: STATUS[error.kind], body: { error: error.message } };
}
