import type { AppError, ErrorKind, FieldFault } from '../../kernel/errors.ts';

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
  const { faults } = error;
  const details = faults.length > 0 ? { details: detailsOf(faults) } : {};
  return { status, body: { error: text ?? sentenceOf(error), ...details } };
}

/** As Rails says it, which crewkit is: `Validation failed: Name can't be blank`. */
function sentenceOf({ kind, code, message, faults }: AppError): string {
  if (kind !== 'invalid') return message;
  if (code !== 'request.invalid') return `Validation failed: ${message}`;
  return `Validation failed: ${faults.map((fault) => `${spoken(fault.field)} ${complaint(fault)}`).join(', ')}`;
}

const spoken = (field: string): string => field.replace(/^./, (letter) => letter.toUpperCase()).replaceAll('_', ' ');

/** What is wrong with a field, without its name. */
const complaint = ({ field, constraint, message }: FieldFault): string =>
  constraint === 'required' ? "can't be blank" : message.replace(`Field ${field}: `, '');

function detailsOf(faults: readonly FieldFault[]): Record<string, string[]> {
  const details = new Map<string, string[]>();
  for (const fault of faults) details.set(fault.field, [...(details.get(fault.field) ?? []), complaint(fault)]);
  return Object.fromEntries(details);
}
