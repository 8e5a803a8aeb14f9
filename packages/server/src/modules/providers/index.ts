/**
 * Providers answer model calls: the organization's own rows and those that are built in, the dialects that they speak,
 * routing between them, and the execution of chats and embeddings from reservation to bill.
 * Tables: providers, model_policies, cached_answers. Invariants: who may not be asked by policy is never asked, as a
 * fallback neither;
 * money is set aside before a provider is asked, and what went out is billed, however the call ends; nobody else is asked
 * once something was said; a key leaves only in requests to its own provider, and follows no change of its
 * address.
 */

export type { Attribution } from './attribution.ts';
export { AnswerCache, type Caching } from './cache/answer-cache.ts';
export { cachedAnswerResealer, retainCachedAnswers } from './cache/jobs.ts';
export { providerKeyResealer } from './catalogue/jobs.ts';
export type { GivenKey } from './catalogue/keys.ts';
export { capabilitiesOf, isBuiltIn, type ListedModel, type Provider } from './catalogue/model.ts';
export {
  catalogueOperations,
  type ProviderSettings,
} from './catalogue/operations.ts';
export { type ChatInput, chatOperations } from './chats.ts';
export { providerConstraints } from './constraints.ts';
export { AnthropicStreamWriter, encodeAnthropicAnswer } from './dialects/anthropic/answer.ts';
export { anthropicMessages, type ClientDialect, openAiChat, openAiResponses } from './dialects/client-dialects.ts';
export type { JsonObject } from './dialects/json-reader.ts';
export { encodeOpenAiChatAnswer, OpenAiChatStreamWriter } from './dialects/openai-chat/answer.ts';
export { encodeOpenAiEmbeddings } from './dialects/openai-embeddings/answer.ts';
export { decodeEmbeddingRequest, headOfEmbedding } from './dialects/openai-embeddings/request.ts';
export { encodeOpenAiResponsesAnswer, OpenAiResponsesWriter } from './dialects/openai-responses/answer.ts';
export { invalidRequest } from './dialects/refusal.ts';
export { type EmbeddingInput, embeddingOperations } from './embeddings.ts';
export { ProviderAccess } from './execution/access.ts';
export { gathered } from './execution/attempt.ts';
export { ProviderDirectory } from './execution/directory.ts';
export type { EmbeddingAnswer } from './execution/embedding-call.ts';
export { EmbeddingExecutor } from './execution/embedding-executor.ts';
export { ChatExecutor, type ExecutorServices } from './execution/executor.ts';
export type { CallBill, Estimate, StreamedAnswer, WholeAnswer } from './execution/model.ts';
export { Planner } from './execution/planner.ts';
export { TokenCounter } from './execution/token-counter.ts';
export type { ChatEvent, ChatResponse } from './model.ts';
export { watchCalls } from './observation/call-watch.ts';
export type { Capturing, Keep } from './observation/capture-watch.ts';
export type { ModelPolicy, PolicyTerms, Subject } from './policies/model.ts';
export { policyOperations } from './policies/operations.ts';
export { PolicyBook, type TeamStanding } from './policies/policy-book.ts';
export { TokenLimits } from './policies/token-limits.ts';
export { type ProviderTest, testOperations } from './provider-test.ts';
export { Recorder } from './replay/recorder.ts';
export { Recordings } from './replay/recordings.ts';
export { Breakers } from './routing/breaker.ts';
export type { KindConfig } from './upstream/endpoints.ts';
export { ProviderClient } from './upstream/provider-client.ts';
