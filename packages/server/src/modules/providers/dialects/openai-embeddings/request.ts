import { type Embeddable, type EmbeddingRequest, MOST_DIMENSIONS, MOST_INPUTS } from '../../embedding-model.ts';
import { type JsonObject, JsonReader } from '../json-reader.ts';
import { inexpressible, invalidRequest } from '../refusal.ts';

export const EMBEDDING_FORMATS = ['float', 'base64'] as const;
export type EmbeddingFormat = (typeof EMBEDDING_FORMATS)[number];

/** What has to be known of a request before it is passed on. */
export type EmbeddingHead = { model: string; inputs: readonly Embeddable[]; format: EmbeddingFormat };

/**
 * Looks over a request of OpenAI's `POST /v1/embeddings`.
 * @throws AppError `invalid` for a malformed request, and for sizes that nobody serves
 */
export function headOfEmbedding(body: unknown): EmbeddingHead {
  const of = new JsonReader(body, '');
  dimensionsOf(of);
  return {
    model: of.requiredText('model'),
    inputs: inputsOf(of.any('input')),
    format: of.oneOf('encoding_format', EMBEDDING_FORMATS) ?? 'float',
  };
}

/**
 * Reads a request of OpenAI's for somebody else.
 * @throws AppError `invalid` for a malformed request, and for what has no meaning outside OpenAI
 */
export function decodeEmbeddingRequest(body: unknown): EmbeddingRequest {
  const { model, inputs } = headOfEmbedding(body);
  const of = new JsonReader(body, '');
  const request = { model, inputs, dimensions: dimensionsOf(of), user: of.text('user') };
  of.ignore('model', 'input', 'encoding_format');
  const [unknown] = of.unread();
  if (unknown !== undefined) throw inexpressible(unknown, 'This provider');
  return request;
}

function dimensionsOf(of: JsonReader): number | null {
  const dimensions = of.count('dimensions');
  if (dimensions !== null && (dimensions < 1 || dimensions > MOST_DIMENSIONS))
    throw invalidRequest('dimensions', `dimensions must be from 1 to ${MOST_DIMENSIONS}.`);
  return dimensions;
}

/** One text, or a list of them; or the tokens of one text, or a list of such. */
function inputsOf(input: unknown): readonly Embeddable[] {
  if (input === null) throw invalidRequest('input', 'input is required.');
  const inputs = typeof input === 'string' || isTokens(input) ? [input] : input;
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw invalidRequest('input', 'input must be a text, a list of texts, or tokens, and hold at least one.');
  if (inputs.length > MOST_INPUTS)
    throw invalidRequest('input', `input must hold at most ${MOST_INPUTS} texts: ${inputs.length} are too many.`);
  const wrong = inputs.findIndex((item) => !isTokens(item) && (typeof item !== 'string' || item === ''));
  if (wrong >= 0) throw invalidRequest(`input.${wrong}`, `input.${wrong} must be a text or tokens, and not empty.`);
  return inputs;
}

const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => Number.isSafeInteger(item) && item >= 0);

/** The request as OpenAI itself gets it: the body itself where nothing is to be changed. */
export const forwardEmbedding = (body: JsonObject, { model }: { model: string }): JsonObject =>
  body['model'] === model ? body : { ...body, model };

/** Writes a request of OpenAI's `POST /v1/embeddings`. Lists of numbers are what all who speak it understand. */
export const encodeOpenAiEmbeddingRequest = ({ model, inputs, dimensions, user }: EmbeddingRequest): JsonObject => ({
  model,
  input: inputs,
  encoding_format: 'float',
  dimensions: dimensions ?? undefined,
  user: user ?? undefined,
});
