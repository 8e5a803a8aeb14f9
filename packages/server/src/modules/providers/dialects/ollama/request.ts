import type { AssistantPart, ChatRequest, Message, TextPart, ToolResultPart, UserPart } from '../../model.ts';
import { argumentsOf, type JsonObject } from '../json-reader.ts';
import { inexpressible } from '../refusal.ts';

/** Writes a request of Ollama's `POST /api/chat`. */
export function encodeOllamaRequest(request: ChatRequest, { stream }: { stream: boolean }): JsonObject {
  if (request.toolChoice !== null && request.toolChoice.mode !== 'auto') throw inexpressible('tool_choice', 'Ollama');
  return {
    model: request.model,
    messages: request.messages.flatMap(encodeMessage),
    tools:
      request.tools.length > 0
        ? request.tools.map(({ name, description, parameters }) => ({
            type: 'function',
            function: { name, description: description ?? '', parameters },
          }))
        : undefined,
    format:
      request.format === null ? undefined : request.format.type === 'json_schema' ? request.format.schema : 'json',
    think: request.reasoning === null ? undefined : request.reasoning.effort !== 'none',
    options: {
      num_predict: request.maxTokens ?? undefined,
      temperature: request.temperature ?? undefined,
      top_p: request.topP ?? undefined,
      top_k: request.topK ?? undefined,
      seed: request.seed ?? undefined,
      stop: request.stop.length > 0 ? request.stop : undefined,
      frequency_penalty: request.frequencyPenalty ?? undefined,
      presence_penalty: request.presencePenalty ?? undefined,
    },
    stream,
  };
}

const joined = (parts: readonly TextPart[]): string => parts.map(({ text }) => text).join('');

function encodeMessage(message: Message): JsonObject[] {
  if (message.role === 'system') return [{ role: 'system', content: joined(message.content) }];
  if (message.role === 'assistant') return [encodeAssistant(message.content)];
  const results = message.content.filter((part): part is ToolResultPart => part.type === 'tool_result');
  const said = message.content.filter((part) => part.type !== 'tool_result');
  const answers = results.map(({ content, callId }) => ({
    role: 'tool',
    tool_call_id: callId,
    content: joined(content.filter((part) => part.type === 'text')),
  }));
  return said.length > 0 ? [...answers, encodeUser(said)] : answers;
}

function encodeUser(parts: readonly UserPart[]): JsonObject {
  const images = parts.flatMap((part) => {
    if (part.type === 'document') throw inexpressible('document', 'Ollama');
    if (part.type !== 'image') return [];
    if (part.source.kind === 'url') throw inexpressible('image_url', 'Ollama');
    return [part.source.data];
  });
  const content = joined(parts.filter((part) => part.type === 'text'));
  return { role: 'user', content, ...(images.length > 0 ? { images } : {}) };
}

function encodeAssistant(content: readonly AssistantPart[]): JsonObject {
  const calls = content.flatMap((part) =>
    part.type === 'tool_call'
      ? [{ id: part.id, function: { name: part.name, arguments: argumentsOf(part.arguments) } }]
      : [],
  );
  const said = joined(content.filter((part) => part.type === 'text'));
  return { role: 'assistant', content: said, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
}
