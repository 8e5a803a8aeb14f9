import type { EmbeddingRequest, EmbeddingResponse } from '../../embedding-model.ts';
import { countOf, isObject, type JsonObject, listOf, objectOf } from '../json-reader.ts';
import { textsOf } from '../refusal.ts';
import { vectorOfList, wholeVectors } from '../vectors.ts';

/** Writes a request of Gemini's `batchEmbedContents`: one for each text. */
export const encodeGeminiEmbeddingRequest = ({ model, inputs, dimensions }: EmbeddingRequest): JsonObject => ({
  requests: textsOf(inputs, 'Gemini').map((text) => ({
    model: `models/${model}`,
    content: { parts: [{ text }] },
    outputDimensionality: dimensions ?? undefined,
  })),
});

/** Reads an answer of `batchEmbedContents`; null when it is none, or not of as many vectors. */
export function decodeGeminiEmbeddings(body: unknown, expected: number): EmbeddingResponse | null {
  if (!isObject(body)) return null;
  const found = listOf(body['embeddings']).map((item) => vectorOfList(objectOf(item)['values']));
  const vectors = wholeVectors(found, expected);
  const tokens = countOf(objectOf(body['usageMetadata'])['promptTokenCount']);
  return vectors && { model: null, vectors, inputTokens: tokens || null };
}
