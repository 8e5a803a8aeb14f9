import type { ChatEvent, ChatRequest, ChatResponse } from '../model.ts';
import { AnthropicStreamReader, decodeAnthropicAnswer } from './anthropic/answer.ts';
import { encodeAnthropicRequest } from './anthropic/request.ts';
import { answerOf } from './gathered-answer.ts';
import { decodeGeminiAnswer, GeminiReader } from './gemini/answer.ts';
import { encodeGeminiRequest } from './gemini/request.ts';
import type { JsonObject } from './json-reader.ts';
import { decodeOllamaAnswer, OllamaReader } from './ollama/answer.ts';
import { encodeOllamaRequest } from './ollama/request.ts';
import { decodeOpenAiChatAnswer, OpenAiChatReader } from './openai-chat/answer.ts';
import { encodeOpenAiChatRequest } from './openai-chat/request.ts';
import { decodeOpenAiResponsesAnswer, OpenAiResponsesReader } from './openai-responses/answer.ts';

/** The wire formats that chats are held in. */
export type DialectName = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini' | 'ollama';

/** Reads a streamed answer, one parsed piece at a time. */
export type AnswerReader = {
  /** What a piece adds; null when it is not one. */
  read(piece: unknown): ChatEvent[] | null;
  /** Whether the answer was told to its end. */
  readonly isFinished: boolean;
};

/** A wire format as a provider speaks it. */
export type UpstreamDialect = {
  name: DialectName;
  framing: 'sse' | 'lines';
  /** @throws AppError `invalid` for what it cannot say; null for formats that nobody is asked in but by their own clients */
  encode: ((request: ChatRequest, how: { stream: boolean }) => JsonObject) | null;
  /** Reads a whole answer; null when it is none. */
  decode(body: unknown): ChatResponse | null;
  reader(): AnswerReader;
};

export const UPSTREAM_DIALECTS: Readonly<Record<DialectName, UpstreamDialect>> = {
  'openai-chat': {
    name: 'openai-chat',
    framing: 'sse',
    encode: encodeOpenAiChatRequest,
    decode: decodeOpenAiChatAnswer,
    reader: () => new OpenAiChatReader(),
  },
  'openai-responses': {
    name: 'openai-responses',
    framing: 'sse',
    encode: null,
    decode: decodeOpenAiResponsesAnswer,
    reader: () => new OpenAiResponsesReader(),
  },
  anthropic: {
    name: 'anthropic',
    framing: 'sse',
    encode: encodeAnthropicRequest,
    decode: decodeAnthropicAnswer,
    reader: () => new AnthropicStreamReader(),
  },
  gemini: {
    name: 'gemini',
    framing: 'sse',
    encode: encodeGeminiRequest,
    decode: decodeGeminiAnswer,
    reader: () => new GeminiReader(),
  },
  ollama: {
    name: 'ollama',
    framing: 'lines',
    encode: encodeOllamaRequest,
    decode: decodeOllamaAnswer,
    reader: () => new OllamaReader(),
  },
};

export { answerOf };
