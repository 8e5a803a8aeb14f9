/** Endpoints that the vendors' own clients know: keep the SDK, change the base URL and the key. */
export { registerAnthropic } from './anthropic.ts';
export { registerOpenAi } from './openai.ts';

/** Unknown paths below these are answered in the vendor's own shape. */
export const OPENAI_PREFIXES = ['/v1/chat', '/v1/responses', '/v1/models', '/v1/embeddings'] as const;
export const ANTHROPIC_PREFIXES = ['/v1/messages'] as const;
