import type { JsonObject } from '../dialects/json-reader.ts';
import type { EmbeddingFormat } from '../dialects/openai-embeddings/request.ts';
import type { Embeddable, EmbeddingRequest, Vector } from '../embedding-model.ts';
import type { Subjects } from '../policies/model.ts';
import { countEmbeddables, embeddingBoundOf } from '../tokens/embedding-bound.ts';
import type { CallBill, ChatCall } from './model.ts';
import type { Demand } from './planner.ts';

/** In which words: OpenAI's, as they came, or ours. */
export type AskedEmbedding =
  | { dialect: 'openai'; body: JsonObject; raw: Buffer | null; format: EmbeddingFormat }
  | { dialect: null; request: EmbeddingRequest };

/** An embedding as a caller asked for it. */
export type EmbeddingCall = Omit<ChatCall, 'asked' | 'stream' | 'maxTokens' | 'isTrial' | 'caching'> & {
  inputs: readonly Embeddable[];
  asked: AskedEmbedding;
};

export type EmbeddingAnswer = {
  /** The provider's own bytes, where it was asked in the caller's words and answered as it was asked. */
  raw: Buffer | null;
  /** The model that answered, as the vendor names it where it does. */
  model: string;
  vectors: readonly Vector[];
  bill: CallBill;
};

/** What an embedding demands: nothing comes out that is counted in tokens. */
export const demandOfEmbedding = ({ wish, inputs }: Pick<EmbeddingCall, 'wish' | 'inputs'>, by: Subjects): Demand => ({
  by,
  wish,
  input: embeddingBoundOf(inputs),
  countFor: (model) => countEmbeddables(inputs, model),
  outputOf: () => 0,
});
