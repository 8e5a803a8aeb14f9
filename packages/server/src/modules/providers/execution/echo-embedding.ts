import { createHash } from 'node:crypto';
import { invalidRequest } from '../dialects/refusal.ts';
import type { Embeddable, EmbeddingRequest, Vector } from '../embedding-model.ts';
import { wordsOf } from './echo.ts';

/** How many numbers a vector of echo has, unless the caller says otherwise. */
const DEFAULT_DIMENSIONS = 256;
/** Numbers in one answer: about 20 MB as text. More would keep the process from its other calls. */
const MOST_NUMBERS = 1 << 20;
const BYTES_A_NUMBER = 4;

/**
 * Embeds as the built-in echo does: for the same input always the same vector, of length one and of no meaning. A word is
 * a token.
 * @throws AppError `invalid` for more numbers than echo answers with
 */
export function echoEmbeddings({ inputs, dimensions }: Pick<EmbeddingRequest, 'inputs' | 'dimensions'>): {
  vectors: Vector[];
  inputTokens: number;
} {
  const size = dimensions ?? DEFAULT_DIMENSIONS;
  if (size * inputs.length > MOST_NUMBERS)
    throw invalidRequest('dimensions', `echo answers with at most ${MOST_NUMBERS} numbers. Ask for fewer at once.`);
  return {
    vectors: inputs.map((input) => unitVector(input, size)),
    inputTokens: inputs.reduce((sum, input) => sum + wordsIn(input), 0),
  };
}

const wordsIn = (input: Embeddable): number => (typeof input === 'string' ? wordsOf(input).length : input.length);

function unitVector(input: Embeddable, size: number): Vector {
  const hash = createHash('shake256', { outputLength: size * BYTES_A_NUMBER });
  const bytes = hash.update(typeof input === 'string' ? `text ${input}` : `tokens ${input.join(' ')}`).digest();
  const numbers = Array.from({ length: size }, (_, at) => bytes.readInt32LE(at * BYTES_A_NUMBER));
  const length = Math.hypot(...numbers);
  return numbers.map((number) => number / length);
}
