import { z } from 'zod';
import { MOST_CHAT_BYTES, route } from '../route.ts';

/** What has to be there; the rest of the vendor's request is passed on as it comes. */
const Asked = z.looseObject({ model: z.string().min(1).max(200), stream: z.boolean().optional() });

const ChatCompletionRequest = Asked.extend({ messages: z.array(z.unknown()).min(1).max(100_000) }).meta({
  id: 'ChatCompletionRequest',
  description: "OpenAI's `POST /v1/chat/completions`. `model` is any model of any provider, or `echo`.",
});
const ResponsesRequest = Asked.extend({ input: z.unknown() }).meta({
  id: 'ResponsesRequest',
  description: "OpenAI's `POST /v1/responses`.",
});
const EmbeddingsRequest = z
  .looseObject({
    model: z.string().min(1).max(200),
    input: z
      .unknown()
      .meta({ description: 'A text or a list of at most 2,048; or tokens, where the provider takes them.' }),
  })
  .meta({ id: 'EmbeddingsRequest', description: "OpenAI's `POST /v1/embeddings`." });
const MessagesRequest = Asked.extend({
  messages: z.array(z.unknown()).min(1).max(100_000),
  max_tokens: z.int().min(1),
}).meta({ id: 'MessagesRequest', description: "Anthropic's `POST /v1/messages`." });

const VendorAnswer = z.looseObject({}).meta({ id: 'VendorAnswer', description: 'As the vendor’s API answers.' });

/** OpenAI's error object. */
export const OpenAiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'OpenAiError' });

/** Anthropic's error object. */
export const AnthropicError = z
  .object({
    type: z.literal('error'),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  })
  .meta({ id: 'AnthropicError' });

const answers = {
  200: {
    description: 'The answer, or with `stream: true` its events.',
    schema: VendorAnswer,
    otherMedia: ['text/event-stream'],
  },
};

/** Endpoints that OpenAI's clients know. */
export const openAiRoutes = {
  chatCompletions: route({
    surface: 'openai',
    method: 'POST',
    path: '/v1/chat/completions',
    operation: 'providers.chat.execute',
    summary: 'Chat with any model, as OpenAI’s clients do',
    body: ChatCompletionRequest,
    answers,
    isForwarded: true,
    mostBytes: MOST_CHAT_BYTES,
    isBilledOnce: true,
  }),
  responses: route({
    surface: 'openai',
    method: 'POST',
    path: '/v1/responses',
    operation: 'providers.chat.execute',
    summary: 'Chat with any model over OpenAI’s Responses API',
    body: ResponsesRequest,
    answers,
    isForwarded: true,
    mostBytes: MOST_CHAT_BYTES,
    isBilledOnce: true,
  }),
  embeddings: route({
    surface: 'openai',
    method: 'POST',
    path: '/v1/embeddings',
    operation: 'providers.embedding.execute',
    summary: 'Embed texts with any model, as OpenAI’s clients do',
    body: EmbeddingsRequest,
    answers: { 200: { description: 'A vector for each text.', schema: VendorAnswer } },
    isForwarded: true,
    mostBytes: MOST_CHAT_BYTES,
    isBilledOnce: true,
  }),
  models: route({
    surface: 'openai',
    method: 'GET',
    path: '/v1/models',
    operation: 'providers.model.list',
    summary: 'Models that can be asked for, as OpenAI’s and Anthropic’s clients list them',
    answers: { 200: { description: 'The models.', schema: VendorAnswer } },
  }),
};

/** Endpoints that Anthropic's clients know. */
export const anthropicRoutes = {
  messages: route({
    surface: 'anthropic',
    method: 'POST',
    path: '/v1/messages',
    operation: 'providers.chat.execute',
    summary: 'Chat with any model, as Anthropic’s clients do',
    body: MessagesRequest,
    answers,
    isForwarded: true,
    mostBytes: MOST_CHAT_BYTES,
    isBilledOnce: true,
  }),
  countTokens: route({
    surface: 'anthropic',
    method: 'POST',
    path: '/v1/messages/count_tokens',
    operation: 'providers.tokens.count',
    summary: 'Tokens that a request would be',
    mostBytes: MOST_CHAT_BYTES,
    body: Asked.extend({ messages: z.array(z.unknown()).min(1).max(100_000) }).meta({ id: 'CountTokensRequest' }),
    answers: {
      200: {
        description:
          'As the provider counts, or we do: `X-Assay-Counted-By` is `provider`, `o200k_base`, `cl100k_base` or `approximation`.',
        schema: z.object({ input_tokens: z.int() }).meta({ id: 'TokenCount' }),
      },
    },
  }),
};
