import type { AppError, ErrorKind } from '../../kernel/errors.ts';

const SHOWN = {
  invalid: [422, null],
  unauthenticated: [401, 'Unauthorized'],
  denied: [403, 'Forbidden'],
  not_found: [404, 'Not found'],
  conflict: [409, null],
  precondition: [412, null],
  billing: [423, null],
  rate_limited: [429, 'Rate limit exceeded'],
  over_budget: [402, null],
  too_large: [413, null],
  unsupported_media: [415, null],
  cancelled: [499, null],
  deadline: [503, null],
  unavailable: [503, null],
  unimplemented: [501, null],
  internal: [500, 'Internal server error'],
} as const satisfies Record<ErrorKind, readonly [number, string | null]>;

/** What cannot be read at all, before any field of it is looked at. */
const MALFORMED = new Set(['body.malformed', 'request.malformed', 'credential.ambiguous']);

/** crewkit's error: `{error: "text", details: {field: ["…"]}}`. What a device is told while it waits is one word. */
export function renderError(error: AppError): { status: number; body: unknown } {
  const word = error.kind === 'invalid' ? /^device\.(\w+)$/.exec(error.code)?.[1] : undefined;
  if (word !== undefined) return { status: 400, body: { error: word } };
  if (error.kind === 'invalid' && MALFORMED.has(error.code)) return { status: 400, body: { error: error.message } };
  const [kindStatus, text] = SHOWN[error.kind];
  const status = error.code === 'idempotency.key_reused' ? 422 : kindStatus;
  const said = error.kind === 'invalid' ? `Validation failed: ${error.message}` : error.message;
  return { status, body: { error: text ?? said, ...(error.faults.length > 0 ? { details: detailsOf(error) } : {}) } };
}

function detailsOf({ faults }: AppError): Record<string, string[]> {
  const details = new Map<string, string[]>();
  for (const { field, message } of faults) details.set(field, [...(details.get(field) ?? []), message]);
  return Object.fromEntries(details);
}
