import { AppError } from '../../kernel/errors.ts';

/** Deeper documents are refused: they are cheap to send and dear to walk. */
const MAX_DEPTH = 64;

const decoder = new TextDecoder('utf-8', { fatal: true });

const malformed = (message: string, cause?: unknown): AppError =>
  new AppError('invalid', 'body.malformed', message, {
    faults: [{ field: 'body', constraint: 'json', message }],
    cause,
  });

/**
 * Parses a JSON body.
 * @throws AppError `invalid` for bytes that are not UTF-8, text that is not JSON, and documents that nest too deep
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) throw malformed('The body is empty. Send a JSON document.');
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (error) {
    throw malformed('The body is not valid UTF-8.', error);
  }
  if (depthOf(text) > MAX_DEPTH)
    throw malformed(`The body nests deeper than ${MAX_DEPTH} levels. Send a flatter document.`);
  try {
    return JSON.parse(text, withoutPrototype);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw malformed(
      `The body is not valid JSON: ${error instanceof Error ? error.message : 'it cannot be read'}.`,
      error,
    );
  }
}

/** `__proto__` as a key is never meant well. */
function withoutPrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw malformed('The body has a key named __proto__. Leave it out.');
  return value;
}

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"?/gs;

/** How deep the brackets nest, strings left out. Says nothing about validity. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text.replace(STRING, '').matchAll(/[[{\]}]/g)) {
    depth += bracket[0] === '[' || bracket[0] === '{' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
