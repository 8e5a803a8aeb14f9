import type { EmbeddingRequest, EmbeddingResponse } from '../../embedding-model.ts';
import { countOf, isObject, type JsonObject, listOf, objectOf } from '../json-reader.ts';
import { textsOf } from '../refusal.ts';
import { vectorOfList, wholeVectors } from '../vectors.ts';

/*
 * Vertex embeds over two methods: `predict` for all but the second generation of Gemini's embeddings, which know only
 * `embedContent`. Both would cut a text that is too long, and say nothing: they are told not to.
 */

/** Writes a request of Vertex's `predict` for an embedding model. */
export const encodeVertexEmbeddingRequest = ({ inputs, dimensions }: EmbeddingRequest): JsonObject => ({
  instances: textsOf(inputs, 'Vertex').map((content) => ({ content })),
  parameters: { autoTruncate: false, outputDimensionality: dimensions ?? undefined },
});

/** Reads an answer of `predict`; null when it is none, or not of as many vectors. */
export function decodeVertexEmbeddings(body: unknown, expected: number): EmbeddingResponse | null {
  if (!isObject(body)) return null;
  const found = listOf(body['predictions']).map((item) => objectOf(objectOf(item)['embeddings']));
  const vectors = wholeVectors(
    found.map(({ values }) => vectorOfList(values)),
    expected,
  );
  const counts = found.map(({ statistics }) => countOf(objectOf(statistics)['token_count']));
  const inputTokens = counts.every((count) => count > 0) ? counts.reduce((sum, count) => sum + count, 0) : null;
  return vectors && { model: null, vectors, inputTokens };
}

/** Writes a request of Vertex's `embedContent`, which takes one text. */
export const encodeVertexContentRequest = ({ inputs, dimensions }: EmbeddingRequest): JsonObject => ({
  content: { parts: textsOf(inputs, 'Vertex').map((text) => ({ text })) },
  autoTruncate: false,
  outputDimensionality: dimensions ?? undefined,
});

/** Reads an answer of `embedContent`; null when it is none. */
export function decodeVertexContent(body: unknown, expected: number): EmbeddingResponse | null {
  if (!isObject(body)) return null;
  const vectors = wholeVectors([vectorOfList(objectOf(body['embedding'])['values'])], expected);
  const tokens = countOf(objectOf(body['usageMetadata'])['promptTokenCount']);
  return vectors && { model: null, vectors, inputTokens: tokens || null };
}
