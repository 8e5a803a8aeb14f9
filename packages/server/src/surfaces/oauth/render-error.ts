import type { AppError, ErrorKind } from '../../kernel/errors.ts';

const SHOWN = {
  invalid: [400, 'invalid_request'],
  unauthenticated: [401, 'invalid_client'],
  denied: [403, 'access_denied'],
  not_found: [404, 'not_found'],
  conflict: [409, 'invalid_request'],
  precondition: [412, 'invalid_request'],
  billing: [423, 'access_denied'],
  rate_limited: [429, 'temporarily_unavailable'],
  over_budget: [402, 'access_denied'],
  too_large: [413, 'invalid_request'],
  unsupported_media: [415, 'invalid_request'],
  cancelled: [499, 'temporarily_unavailable'],
  deadline: [503, 'temporarily_unavailable'],
  unavailable: [503, 'temporarily_unavailable'],
  unimplemented: [501, 'server_error'],
  internal: [500, 'server_error'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

/** Refusals that OAuth has a word of its own for (RFC 6749 section 5.2, RFC 8628 section 3.5): it is our reason. */
const OWN_WORDS = /^(?:device|oauth)\.(\w+)$/;

/** OAuth's error: `{error, error_description}`. */
export function renderError(error: AppError): { status: number; body: unknown } {
  const [status, word] = SHOWN[error.kind];
  const own = error.kind === 'invalid' ? OWN_WORDS.exec(error.code)?.[1] : undefined;
  return { status, body: { error: own ?? word, error_description: describable(error.message) } };
}

/** What a description may hold: ASCII without quotes and backslashes. */
const describable = (message: string): string => message.replaceAll('"', "'").replace(/[^\x20-\x7e]|\\/g, '?');
