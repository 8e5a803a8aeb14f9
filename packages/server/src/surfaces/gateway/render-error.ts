import type { AppError, ErrorKind } from '../../kernel/errors.ts';
import type { Call } from '../../platform/operation.ts';

type Rendered = { status: number; body: unknown };

/** OpenAI's status, type and code for a kind of refusal: its clients retry by the status. */
const OPEN_AI = {
  invalid: [400, 'invalid_request_error', null],
  unauthenticated: [401, 'invalid_request_error', 'invalid_api_key'],
  denied: [403, 'invalid_request_error', 'permission_denied'],
  not_found: [404, 'invalid_request_error', 'not_found'],
  conflict: [409, 'invalid_request_error', 'conflict'],
  precondition: [412, 'invalid_request_error', 'precondition_failed'],
  billing: [423, 'invalid_request_error', 'billing_not_active'],
  rate_limited: [429, 'requests', 'rate_limit_exceeded'],
  over_budget: [429, 'insufficient_quota', 'insufficient_quota'],
  too_large: [413, 'invalid_request_error', 'request_too_large'],
  unsupported_media: [415, 'invalid_request_error', 'unsupported_media_type'],
  cancelled: [499, 'server_error', 'cancelled'],
  deadline: [504, 'server_error', 'timeout'],
  unavailable: [503, 'server_error', 'unavailable'],
  unimplemented: [501, 'invalid_request_error', 'not_implemented'],
  internal: [500, 'server_error', null],
} as const satisfies Record<ErrorKind, readonly [number, string, string | null]>;

const OPEN_AI_CODES: Readonly<Record<string, string>> = {
  'provider.model_unknown': 'model_not_found',
  'provider.too_long': 'context_length_exceeded',
};

const OPEN_AI_TYPES: Readonly<Record<string, string>> = { 'tokens.limit_exceeded': 'tokens' };

export function openAiErrorOf(error: AppError): {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
} {
  const [, type, code] = OPEN_AI[error.kind];
  return {
    message: error.message,
    type: OPEN_AI_TYPES[error.code] ?? type,
    param: error.faults[0]?.field ?? null,
    code: OPEN_AI_CODES[error.code] ?? code,
  };
}

/** OpenAI's error: `{error: {message, type, param, code}}`. */
export const renderOpenAiError = (error: AppError): Rendered => ({
  status: error.code === 'provider.model_unknown' ? 404 : OPEN_AI[error.kind][0],
  body: { error: openAiErrorOf(error) },
});

const ANTHROPIC = {
  invalid: [400, 'invalid_request_error'],
  unauthenticated: [401, 'authentication_error'],
  denied: [403, 'permission_error'],
  not_found: [404, 'not_found_error'],
  conflict: [409, 'invalid_request_error'],
  precondition: [412, 'invalid_request_error'],
  billing: [423, 'billing_error'],
  rate_limited: [429, 'rate_limit_error'],
  over_budget: [429, 'rate_limit_error'],
  too_large: [413, 'request_too_large'],
  unsupported_media: [415, 'invalid_request_error'],
  cancelled: [499, 'api_error'],
  deadline: [504, 'timeout_error'],
  unavailable: [503, 'overloaded_error'],
  unimplemented: [501, 'invalid_request_error'],
  internal: [500, 'api_error'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

export const anthropicErrorOf = (error: AppError, requestId: string): { [key: string]: unknown } => ({
  type: 'error',
  error: {
    type: error.code === 'provider.model_unknown' ? 'not_found_error' : ANTHROPIC[error.kind][1],
    message: error.message,
  },
  request_id: requestId,
});

/** Anthropic's error: `{type: "error", error: {type, message}, request_id}`. */
export const renderAnthropicError = (error: AppError, call: Call): Rendered => ({
  status: error.code === 'provider.model_unknown' ? 404 : ANTHROPIC[error.kind][0],
  body: anthropicErrorOf(error, call.requestId),
});
