import type { Embeddable } from '../embedding-model.ts';
import { countTokens, encodingOf } from './encodings.ts';
import type { InputBound } from './input-bound.ts';
import type { InputCount } from './input-count.ts';

/** What models put around a text, with room: a begin and an end. */
const FRAME_TOKENS = 8;
/** About four bytes of English are a token. */
const BYTES_A_TOKEN = 4;

/** Bounds on the tokens of what is embedded: a text is of no more tokens than bytes, and tokens are counted already. */
export function embeddingBoundOf(inputs: readonly Embeddable[]): InputBound {
  const bound: InputBound = { likely: 0, most: 0 };
  for (const input of inputs) {
    const isText = typeof input === 'string';
    const most = isText ? Buffer.byteLength(input) : input.length;
    bound.most += most + FRAME_TOKENS;
    bound.likely += isText ? Math.ceil(most / BYTES_A_TOKEN) : most;
  }
  return bound;
}

/** Counts them for a model, where its vocabulary is known. */
export async function countEmbeddables(inputs: readonly Embeddable[], model: string): Promise<InputCount> {
  const encoding = encodingOf(model);
  if (encoding === null) return { ...embeddingBoundOf(inputs), countedBy: 'approximation' };
  const texts = inputs.filter((input) => typeof input === 'string');
  const given = inputs.reduce((sum, input) => sum + (typeof input === 'string' ? 0 : input.length), 0);
  const likely = given + (await countTokens(encoding, texts));
  return { likely, most: likely + inputs.length * FRAME_TOKENS, countedBy: encoding };
}
