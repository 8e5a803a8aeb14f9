import type { AppError, ErrorKind } from '../../kernel/errors.ts';
import type { Call } from '../../platform/operation.ts';
import { refuse } from './envelope.ts';

const SHOWN = {
  invalid: [400, 'validation_failed'],
  unauthenticated: [401, 'unauthenticated'],
  denied: [403, 'permission_denied'],
  not_found: [404, 'not_found'],
  conflict: [409, 'conflict'],
  precondition: [412, 'precondition_failed'],
  billing: [423, 'billing_inactive'],
  rate_limited: [429, 'rate_limited'],
  over_budget: [402, 'budget_exceeded'],
  too_large: [413, 'payload_too_large'],
  unsupported_media: [415, 'unsupported_media_type'],
  cancelled: [499, 'cancelled'],
  deadline: [503, 'deadline_exceeded'],
  unavailable: [503, 'unavailable'],
  unimplemented: [501, 'unimplemented'],
  internal: [500, 'internal'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

/** Codes that say more than their kind does. */
const SPECIFIC: Readonly<Record<string, readonly [number, string]>> = {
  'access.role_missing': [403, 'forbidden'],
  'idempotency.key_reused': [422, 'idempotency_key_reused'],
  'idempotency.in_progress': [409, 'idempotency_in_progress'],
  'api_key.revoked': [409, 'api_key_revoked'],
  'page.cursor_invalid': [400, 'invalid_cursor'],
};

/** The word by which this surface names a refusal. */
export const codeOf = (error: AppError): string => (SPECIFIC[error.code] ?? SHOWN[error.kind])[1];

/** Fabric's envelope with evershell's error object in it. */
export function renderError(error: AppError, call: Call, path: string): { status: number; body: unknown } {
  const [status, code] = SPECIFIC[error.code] ?? SHOWN[error.kind];
  const details = error.faults.length > 0 ? { fields: error.faults } : {};
  return {
    status,
    body: refuse(call, { status, path, error: { code, message: error.message, request_id: call.requestId, details } }),
  };
}
