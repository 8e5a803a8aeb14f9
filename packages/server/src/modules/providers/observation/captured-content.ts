import type { Json } from '../../../kernel/json.ts';
import { type Asked, requestOf } from '../execution/model.ts';
import type {
  AssistantPart,
  ChatRequest,
  ChatResponse,
  DocumentPart,
  ImagePart,
  Message,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../model.ts';

/*
 * What is asked and answered, in words that do not change with a vendor's: what captures hold. Pictures and documents are
 * told of and not kept; what only the vendor can read (signatures of what was reasoned, say) is left out.
 */

/** A request that cannot be read as a chat is kept in its caller's own words. */
export function capturedRequest(asked: Asked): Json {
  try {
    return chatRequest(requestOf(asked));
  } catch {
    return { dialect: String(asked.dialect?.name), body: (asked.dialect === null ? null : asked.body) as Json };
  }
}

const chatRequest = (request: ChatRequest): Json => ({
  model: request.model,
  messages: request.messages.map(message),
  tools: request.tools as unknown as Json,
  tool_choice: request.toolChoice,
  parallel_tool_calls: request.parallelToolCalls,
  max_tokens: request.maxTokens,
  temperature: request.temperature,
  top_p: request.topP,
  top_k: request.topK,
  seed: request.seed,
  stop: request.stop,
  frequency_penalty: request.frequencyPenalty,
  presence_penalty: request.presencePenalty,
  format: request.format as unknown as Json,
  reasoning:
    request.reasoning === null
      ? null
      : { effort: request.reasoning.effort, budget_tokens: request.reasoning.budgetTokens },
  user: request.user,
});

export const capturedAnswer = ({ id, model, content, stopReason }: ChatResponse, isWhole: boolean): Json => ({
  id,
  model,
  content: content.map(part),
  stop_reason: isWhole ? stopReason : null,
});

const message = ({ role, content }: Message): Json => ({ role, content: content.map(part) });

type Part = TextPart | ImagePart | DocumentPart | ToolResultPart | ToolCallPart | AssistantPart;

function part(of: Part): Json {
  switch (of.type) {
    case 'text':
      return { type: of.type, text: of.text };
    case 'image':
      return { type: of.type, ...source(of.source) };
    case 'document':
      return { type: of.type, name: of.name, ...source(of.source) };
    case 'tool_call':
      return { type: of.type, id: of.id, name: of.name, arguments: of.arguments };
    case 'tool_result':
      return { type: of.type, call_id: of.callId, content: of.content.map(part), is_error: of.isError };
    case 'reasoning':
      return { type: of.type, text: of.text };
  }
}

/** A quarter of base64 is padding and form. */
const source = (of: ImagePart['source']): { [key: string]: Json } =>
  of.kind === 'url' && !of.url.startsWith('data:')
    ? { url: of.url }
    : of.kind === 'url'
      ? { url: `${of.url.slice(0, of.url.indexOf(',') + 1)}…` }
      : { media_type: of.mediaType, size_bytes: Math.floor((of.data.length * 3) / 4) };
