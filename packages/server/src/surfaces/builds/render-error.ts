import type { AppError, ErrorKind } from '../../kernel/errors.ts';
import { SecondFactorRequired } from '../../modules/identity/index.ts';

const SHOWN = {
  invalid: [400, 'VALIDATION_ERROR'],
  unauthenticated: [401, 'UNAUTHORIZED'],
  denied: [403, 'FORBIDDEN'],
  not_found: [404, 'NOT_FOUND'],
  conflict: [409, 'CONFLICT'],
  precondition: [412, 'PRECONDITION_FAILED'],
  billing: [423, 'BILLING_INACTIVE'],
  rate_limited: [429, 'RATE_LIMITED'],
  over_budget: [402, 'BUDGET_EXCEEDED'],
  too_large: [413, 'PAYLOAD_TOO_LARGE'],
  unsupported_media: [415, 'UNSUPPORTED_MEDIA_TYPE'],
  cancelled: [499, 'CANCELLED'],
  deadline: [503, 'DEADLINE_EXCEEDED'],
  unavailable: [503, 'UNAVAILABLE'],
  unimplemented: [501, 'NOT_IMPLEMENTED'],
  internal: [500, 'INTERNAL'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

/** evc-platform's error: `{error: {code, message, details: [{field, constraint}]}}`. */
export function renderError(error: AppError): { status: number; body: unknown } {
  if (error instanceof SecondFactorRequired) {
    const { message, mfaToken, seconds } = error;
    return {
      status: 401,
      body: { error: { code: 'MFA_REQUIRED', message, mfa_token: mfaToken, expires_in: seconds } },
    };
  }
  const [kindStatus, code] = SHOWN[error.kind];
  const status = error.code === 'idempotency.key_reused' ? 422 : kindStatus;
  const details = error.faults.map(({ field, constraint }) => ({ field, constraint }));
  return { status, body: { error: { code, message: error.message, ...(details.length > 0 ? { details } : {}) } } };
}
