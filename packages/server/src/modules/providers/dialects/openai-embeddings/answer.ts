import type { EmbeddingResponse, Vector } from '../../embedding-model.ts';
import { countOf, isObject, type JsonObject, listOf, objectOf, textOf } from '../json-reader.ts';
import { base64OfVector, vectorOfBase64, vectorOfList, wholeVectors } from '../vectors.ts';
import type { EmbeddingFormat } from './request.ts';

/** Reads an answer of OpenAI's `POST /v1/embeddings`; null when it is none, or not of as many vectors. */
export function decodeOpenAiEmbeddings(body: unknown, expected: number): EmbeddingResponse | null {
  if (!isObject(body)) return null;
  const found: (Vector | null)[] = [];
  for (const [at, item] of listOf(body['data']).entries()) {
    const { index = at, embedding } = objectOf(item);
    if (!Number.isSafeInteger(index) || Number(index) >= expected || found[Number(index)] !== undefined) return null;
    found[Number(index)] = typeof embedding === 'string' ? vectorOfBase64(embedding) : vectorOfList(embedding);
  }
  const vectors = wholeVectors(found, expected);
  const tokens = countOf(objectOf(body['usage'])['prompt_tokens']);
  return vectors && { model: textOf(body['model']) || null, vectors, inputTokens: tokens || null };
}

/** How the vectors of such an answer are written. */
export function formatOfEmbeddings(body: unknown): EmbeddingFormat {
  const [first] = listOf(objectOf(body)['data']);
  return typeof objectOf(first)['embedding'] === 'string' ? 'base64' : 'float';
}

/** Writes an answer as OpenAI does. */
export const encodeOpenAiEmbeddings = (
  { vectors, model, inputTokens }: { vectors: readonly Vector[]; model: string; inputTokens: number },
  format: EmbeddingFormat,
): JsonObject => ({
  object: 'list',
  data: vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: format === 'base64' ? base64OfVector(vector) : Array.from(vector),
  })),
  model,
  usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
});
