/** What a refusal says, whichever surface it came from. */
export type Refusal = {
  /** The surface's own code, or the `control` surface's word for the status where the surface has none. */
  code: string;
  message: string;
  /** Which fields are at fault, as the surface writes it. */
  details: unknown;
  requestId: string | null;
};

const CODE_OF_STATUS: Record<number, string> = {
  400: 'validation_failed',
  401: 'unauthenticated',
  402: 'budget_exceeded',
  403: 'permission_denied',
  404: 'not_found',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'payload_too_large',
  422: 'validation_failed',
  423: 'billing_inactive',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Reads an error body in any of the shapes that the surfaces speak. */
export function decodeRefusal(status: number, body: unknown): Refusal {
  const fallback: Refusal = {
    code: CODE_OF_STATUS[status] ?? (status >= 500 ? 'internal' : 'failed'),
    message: `The server answered with status ${status}.`,
    details: null,
    requestId: null,
  };
  if (!isRecord(body)) return fallback;
  const { error } = body;
  if (isRecord(error)) return nested(error, fallback);
  if (typeof error !== 'string') return fallback;
  const description = text(body['error_description']);
  // OAuth's word is its code; the other surfaces write a sentence there.
  if (description !== undefined) return { ...fallback, code: error, message: description };
  return { ...fallback, message: text(body['detail']) ?? error, details: body['details'] ?? null };
}

/** `control`: `{error: {code, message, request_id, details}}`; `builds` and the vendors' formats: the same or less. */
function nested(error: Record<string, unknown>, fallback: Refusal): Refusal {
  return {
    code: text(error['code']) ?? fallback.code,
    message: text(error['message']) ?? fallback.message,
    details: error['details'] ?? null,
    requestId: text(error['request_id']) ?? null,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
