import { AppError } from '../../kernel/errors.ts';
import { surveyJson } from './json-survey.ts';

/** Deeper documents are refused: they are cheap to send and dear to walk. */
const MAX_DEPTH = 64;

const decoder = new TextDecoder('utf-8', { fatal: true });

const malformed = (message: string, cause?: unknown): AppError =>
  new AppError('invalid', 'body.malformed', message, {
    faults: [{ field: 'body', constraint: 'json', message }],
    cause,
  });

/**
 * Parses a JSON body. A byte order mark is passed over, and of a key given twice the last counts (RFC 8259, sections
 * 8.1 and 4).
 * @throws AppError `invalid` for bytes that are not UTF-8, text that is not JSON, documents that nest too deep, and
 *   what would not come out of the database as it went in
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) throw malformed('The body is empty. Send a JSON document.');
  const text = decode(bytes);
  const { depth, mayHoldOddities } = surveyJson(text);
  if (depth > MAX_DEPTH) throw malformed(`The body nests deeper than ${MAX_DEPTH} levels. Send a flatter document.`);
  const value = parse(text);
  if (mayHoldOddities) refuseOddities(value);
  return value;
}

function decode(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw malformed('The body is not valid UTF-8.', error);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(
      `The body is not valid JSON: ${error instanceof Error ? error.message : 'it cannot be read'}.`,
      error,
    );
  }
}

/** Values that JSON can say and that we cannot keep. */
function refuseOddities(value: unknown): void {
  if (typeof value === 'string') refuseText(value);
  else if (typeof value === 'number' && !Number.isFinite(value))
    throw malformed('The body has a number that is too large. Send it as a string.');
  else if (Array.isArray(value)) for (const item of value) refuseOddities(item);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__') throw malformed('The body has a key named __proto__. Leave it out.');
      refuseText(key);
      refuseOddities(item);
    }
  }
}

function refuseText(text: string): void {
  if (!text.isWellFormed())
    throw malformed('The body has half a surrogate pair (\\ud800 to \\udfff). Send both halves.');
}
