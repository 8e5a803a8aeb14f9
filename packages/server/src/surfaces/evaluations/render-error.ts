import type { AppError, ErrorKind } from '../../kernel/errors.ts';

const ERRORS = {
  invalid: [400, 'Validation error'],
  unauthenticated: [401, 'Unauthorized'],
  denied: [403, 'Forbidden'],
  not_found: [404, 'Not found'],
  conflict: [409, 'Conflict'],
  precondition: [412, 'Precondition failed'],
  billing: [423, 'Billing inactive'],
  rate_limited: [429, 'Rate limit exceeded'],
  over_budget: [402, 'Budget exceeded'],
  too_large: [413, 'Payload too large'],
  unsupported_media: [415, 'Unsupported media type'],
  cancelled: [499, 'Request cancelled'],
  deadline: [503, 'Service unavailable'],
  unavailable: [503, 'Service unavailable'],
  unimplemented: [501, 'Not implemented'],
  internal: [500, 'Internal server error'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

/** crucible-platform's error: `{error, detail, status_code}`. */
export function renderError(error: AppError): {
  status: number;
  body: { error: string; detail: string; status_code: number };
} {
  const [kindStatus, title] = ERRORS[error.kind];
  // A reused idempotency key is well-formed input that cannot be processed (contract.md, section 0).
  const status = error.code === 'idempotency.key_reused' ? 422 : kindStatus;
  return { status, body: { error: title, detail: error.message, status_code: status } };
}
