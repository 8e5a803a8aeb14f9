import type { EmbeddingRequest, EmbeddingResponse } from '../../embedding-model.ts';
import { countOf, isObject, type JsonObject, listOf, textOf } from '../json-reader.ts';
import { textsOf } from '../refusal.ts';
import { vectorOfList, wholeVectors } from '../vectors.ts';

/** Writes a request of Ollama's `POST /api/embed`. It would cut a text that is too long, and say nothing. */
export const encodeOllamaEmbeddingRequest = ({ model, inputs, dimensions }: EmbeddingRequest): JsonObject => ({
  model,
  input: textsOf(inputs, 'Ollama'),
  truncate: false,
  dimensions: dimensions ?? undefined,
});

/** Reads an answer of `/api/embed`; null when it is none, or not of as many vectors. */
export function decodeOllamaEmbeddings(body: unknown, expected: number): EmbeddingResponse | null {
  if (!isObject(body)) return null;
  const vectors = wholeVectors(listOf(body['embeddings']).map(vectorOfList), expected);
  const tokens = countOf(body['prompt_eval_count']);
  return vectors && { model: textOf(body['model']) || null, vectors, inputTokens: tokens || null };
}
