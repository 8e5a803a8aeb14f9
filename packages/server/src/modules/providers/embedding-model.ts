/*
 * One model of an embedding, between all wire formats: texts go in, and a vector for each comes out, in the same order.
 */

/** What a vector is made of: a text, or the tokens of one, where the model's own tokenizer made them. */
export type Embeddable = string | readonly number[];

/** What is asked of a model. Absent options are the vendor's to choose. */
export type EmbeddingRequest = {
  model: string;
  inputs: readonly Embeddable[];
  /** How many numbers a vector shall have. */
  dimensions: number | null;
  /** The caller's name for its own user. */
  user: string | null;
};

/** Single precision where it came packed, and as the vendor wrote it where it came as text. */
export type Vector = readonly number[] | Float32Array;

export type EmbeddingResponse = {
  /** The model that answered, as the vendor names it; null where it does not say. */
  model: string | null;
  vectors: readonly Vector[];
  /** What the provider counted; null where it does not. */
  inputTokens: number | null;
};

/** Inputs of one call: as many as OpenAI takes, which is more than the others do. */
export const MOST_INPUTS = 2_048;
/** No model makes longer vectors; the next order of magnitude is a mistake that would cost a gigabyte of answer. */
export const MOST_DIMENSIONS = 16_384;
