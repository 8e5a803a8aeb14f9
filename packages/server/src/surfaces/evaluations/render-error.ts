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

const TITLE = {
  invalid: 'Validation error',
  unauthenticated: 'Unauthorized',
  denied: 'Forbidden',
  not_found: 'Not found',
  conflict: 'Conflict',
  precondition: 'Precondition failed',
  billing: 'Billing inactive',
  rate_limited: 'Rate limit exceeded',
  over_budget: 'Budget exceeded',
  too_large: 'Payload too large',
  unsupported_media: 'Unsupported media type',
  cancelled: 'Request cancelled',
  deadline: 'Service unavailable',
  unavailable: 'Service unavailable',
  unimplemented: 'Not implemented',
  internal: 'Internal server error',
} as const satisfies Record<ErrorKind, string>;

/** crucible-platform's error: `{error, detail, status_code}`. */
export function renderError(error: AppError): {
  status: number;
  body: { error: string; detail: string; status_code: number };
} {
  // A reused idempotency key is well-formed input that cannot be processed (contract.md, section 0).
  const status = error.code === 'idempotency.key_reused' ? 422 : STATUS[error.kind];
  return { status, body: { error: TITLE[error.kind], detail: error.message, status_code: status } };
}
