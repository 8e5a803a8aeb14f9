import { type EmbeddingRequest, type EmbeddingResponse, MOST_INPUTS } from '../embedding-model.ts';
import { decodeGeminiEmbeddings, encodeGeminiEmbeddingRequest } from './gemini/embedding.ts';
import type { JsonObject } from './json-reader.ts';
import { decodeOllamaEmbeddings, encodeOllamaEmbeddingRequest } from './ollama/embedding.ts';
import { decodeOpenAiEmbeddings } from './openai-embeddings/answer.ts';
import { encodeOpenAiEmbeddingRequest } from './openai-embeddings/request.ts';
import {
  decodeVertexContent,
  decodeVertexEmbeddings,
  encodeVertexContentRequest,
  encodeVertexEmbeddingRequest,
} from './vertex/embedding.ts';

/** A wire format of embeddings, as a provider speaks it. */
export type EmbeddingDialect = {
  name: EmbeddingDialectName;
  /** What one request may hold; a call of more is several requests. */
  mostInputs(model: string): number;
  /** @throws AppError `invalid` for what it cannot say */
  encode(request: EmbeddingRequest): JsonObject;
  /** Reads an answer to so many inputs; null when it is none. */
  decode(body: unknown, inputs: number): EmbeddingResponse | null;
};

/** The wire formats that embeddings are asked for in. */
export type EmbeddingDialectName = 'openai' | 'gemini' | 'vertex' | 'vertex-content' | 'ollama';

export const EMBEDDING_DIALECTS: Readonly<Record<EmbeddingDialectName, EmbeddingDialect>> = {
  openai: {
    name: 'openai',
    mostInputs: () => MOST_INPUTS,
    encode: encodeOpenAiEmbeddingRequest,
    decode: decodeOpenAiEmbeddings,
  },
  gemini: {
    name: 'gemini',
    mostInputs: () => 100,
    encode: encodeGeminiEmbeddingRequest,
    decode: decodeGeminiEmbeddings,
  },
  vertex: {
    name: 'vertex',
    mostInputs: (model) => (model.startsWith('gemini-embedding') ? 1 : 250),
    encode: encodeVertexEmbeddingRequest,
    decode: decodeVertexEmbeddings,
  },
  'vertex-content': {
    name: 'vertex-content',
    mostInputs: () => 1,
    encode: encodeVertexContentRequest,
    decode: decodeVertexContent,
  },
  ollama: {
    name: 'ollama',
    mostInputs: () => MOST_INPUTS,
    encode: encodeOllamaEmbeddingRequest,
    decode: decodeOllamaEmbeddings,
  },
};
