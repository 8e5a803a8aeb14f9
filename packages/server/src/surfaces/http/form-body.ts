import { AppError } from '../../kernel/errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a form (`application/x-www-form-urlencoded`).
 * @throws AppError `invalid` for bytes that are not UTF-8, and for a field that is there twice (RFC 6749, section 3.2)
 */
export function parseFormBody(bytes: Buffer): Record<string, string> {
  const entries = [...new URLSearchParams(decode(bytes))];
  const names = new Set(entries.map(([name]) => name));
  if (names.size < entries.length) throw malformed('The form has a field twice. Send each once.');
  return Object.fromEntries(entries);
}

function decode(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw malformed('The form is not valid UTF-8.', error);
  }
}

const malformed = (message: string, cause?: unknown): AppError =>
  new AppError('invalid', 'body.malformed', message, {
    faults: [{ field: 'body', constraint: 'form', message }],
    cause,
  });
