import type { IncomingHttpHeaders } from 'node:http';
import type { ExecuteRequest } from '@assay/contract';
import { dollarsOf } from '../../kernel/money.ts';
import {
  type ChatInput,
  decodeEmbeddingRequest,
  type EmbeddingInput,
  type Estimate,
  invalidRequest,
  openAiChat,
} from '../../modules/providers/index.ts';
import { attributionOf } from './attribution.ts';
import { cachingOf } from './caching.ts';
import { isRecorded } from './recording.ts';

/* Calls to models in Assay's own words, for the surfaces that take them. */

/** What was asked in Assay's words, as a chat: input and options are read as OpenAI's clients write them. */
export function chatOf(
  { input, params, ...wish }: ExecuteRequest,
  headers: IncomingHttpHeaders,
  stream: boolean,
): ChatInput {
  if (Array.isArray(input))
    throw invalidRequest('input', 'A list of texts is embedded. Set `modality` to `embedding`.');
  const { messages, system } =
    typeof input === 'string' ? { messages: [{ role: 'user', content: input }], system: undefined } : input;
  const turns = system === undefined ? messages : [{ role: 'system', content: system }, ...messages];
  const body = { ...params, model: wish.model ?? 'any', messages: turns, stream };
  const { maxTokens, needs } = openAiChat.head(body);
  return {
    asked: { dialect: null, request: openAiChat.decode(body) },
    wish: wishOf(wish, needs),
    stream,
    maxTokens,
    passedOn: {},
    attribution: attributionOf(headers),
    caching: cachingOf(headers),
    isRecorded: isRecorded(headers),
  };
}

/** What was asked in Assay's words, as an embedding. */
export function embeddingOf({ input, params, ...wish }: ExecuteRequest, headers: IncomingHttpHeaders): EmbeddingInput {
  if (typeof input === 'object' && !Array.isArray(input))
    throw invalidRequest('input', 'What is embedded is a text or a list of texts. Leave `messages` out.');
  if (params['encoding_format'] !== undefined)
    throw invalidRequest('params.encoding_format', 'Vectors are lists of numbers here. Leave `encoding_format` out.');
  const request = decodeEmbeddingRequest({ ...params, model: wish.model ?? 'any', input });
  return {
    asked: { dialect: null, request },
    inputs: request.inputs,
    wish: wishOf(wish, ['embeddings']),
    passedOn: {},
    attribution: attributionOf(headers),
  };
}

type Named = ExecuteRequest['fallbacks'][number];

const wishOf = (
  { fallbacks, ...first }: Named & Pick<ExecuteRequest, 'fallbacks'>,
  needs: ChatInput['wish']['needs'],
) => ({
  ...namedBy(first),
  needs,
  fallbacks: fallbacks.map(namedBy),
});

const namedBy = ({ provider, model, tier }: Named) => ({
  provider: provider ?? null,
  model: model ?? null,
  tier: tier ?? null,
});

/** What a call would use and cost, as it is written in JSON. */
export const encodeEstimate = ({ provider, model, input, output, countedBy, cost, priceVersion }: Estimate) => ({
  provider,
  model,
  input_tokens: input,
  counted_by: countedBy,
  output_tokens: output,
  cost_usd: cost === null ? null : { low: dollarsOf(cost.low), high: dollarsOf(cost.high) },
  price_version: priceVersion,
});
