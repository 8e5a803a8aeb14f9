import type {
  AssistantPart,
  ChatRequest,
  DocumentPart,
  ImagePart,
  ImageSource,
  Message,
  OutputFormat,
  TextPart,
  Tool,
  ToolChoice,
  ToolResultPart,
  UserPart,
} from '../../model.ts';
import { argumentsOf, type JsonObject, JsonReader } from '../json-reader.ts';
import { inexpressible, invalidRequest } from '../refusal.ts';

export type AnthropicCall = { request: ChatRequest; stream: boolean };

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/**
 * Reads a request of Anthropic's Messages API (`POST /v1/messages`).
 * @throws AppError `invalid` for a malformed request, and for what has no meaning outside Anthropic
 */
export function decodeAnthropicRequest(body: unknown): AnthropicCall {
  const of = new JsonReader(body, '');
  const model = of.requiredText('model');
  const maxTokens = of.count('max_tokens');
  if (maxTokens === null) throw invalidRequest('max_tokens', 'max_tokens is required.');
  const output = of.reader('output_config');
  const choice = of.reader('tool_choice');
  const system = contentOf(of, 'system').map(decodeText);
  const turns = of.readers('messages').map(decodeMessage);
  const request: ChatRequest = {
    model,
    messages: system.length > 0 ? [{ role: 'system', content: system }, ...turns] : turns,
    tools: of.readers('tools').map(decodeTool),
    toolChoice: decodeToolChoice(choice),
    parallelToolCalls: choice?.flag('disable_parallel_tool_use') ? false : null,
    maxTokens,
    temperature: of.number('temperature'),
    topP: of.number('top_p'),
    topK: of.count('top_k'),
    seed: null,
    stop: decodeStop(of),
    frequencyPenalty: null,
    presencePenalty: null,
    format: decodeFormat(output?.reader('format') ?? of.reader('output_format')),
    reasoning: decodeThinking(of.reader('thinking'), output),
    user: of.reader('metadata')?.text('user_id') ?? null,
  };
  if (turns.length === 0) throw invalidRequest('messages', 'messages must hold at least one message.');
  const stream = of.flag('stream') ?? false;
  of.ignore('service_tier', 'cache_control', 'inference_geo');
  const [unknown] = of.unread();
  if (unknown !== undefined) throw inexpressible(unknown, 'This provider');
  return { request, stream };
}

function decodeStop(of: JsonReader): string[] {
  const list = of.list('stop_sequences') ?? [];
  if (list.every((item) => typeof item === 'string')) return list;
  throw invalidRequest('stop_sequences', 'stop_sequences must be a list of strings.');
}

function decodeThinking(of: JsonReader | null, output: JsonReader | null): ChatRequest['reasoning'] {
  const asked = output?.oneOf('effort', EFFORTS) ?? null;
  const effort = asked === 'max' ? 'xhigh' : asked;
  const type = of?.oneOf('type', ['enabled', 'disabled', 'adaptive']) ?? null;
  if (type === 'disabled') return { effort: 'none', budgetTokens: null };
  if (type === null && effort === null) return null;
  return { effort, budgetTokens: of?.count('budget_tokens') ?? null };
}

function decodeFormat(of: JsonReader | null): OutputFormat | null {
  if (of === null) return null;
  if (of.requiredText('type') !== 'json_schema') throw inexpressible(of.pathOf('type'), 'This provider');
  return { type: 'json_schema', name: 'answer', schema: of.object('schema') ?? {}, strict: true };
}

function decodeTool(of: JsonReader): Tool {
  const type = of.text('type') ?? 'custom';
  if (type !== 'custom') throw inexpressible(of.pathOf('type'), 'This provider');
  return {
    name: of.requiredText('name'),
    description: of.text('description'),
    parameters: of.object('input_schema') ?? { type: 'object', properties: {} },
    strict: of.flag('strict'),
  };
}

function decodeToolChoice(of: JsonReader | null): ToolChoice | null {
  const type = of?.oneOf('type', ['auto', 'any', 'none', 'tool']) ?? null;
  if (of === null || type === null) return null;
  if (type === 'tool') return { mode: 'tool', name: of.requiredText('name') };
  return { mode: type === 'any' ? 'required' : type };
}

/** Content as a list of blocks: a string is one block of text. */
function contentOf(of: JsonReader, name: string): JsonReader[] {
  const content = of.any(name);
  if (typeof content !== 'string') return of.readers(name);
  return content === '' ? [] : [new JsonReader({ type: 'text', text: content }, of.pathOf(name))];
}

function decodeText(block: JsonReader): TextPart {
  if (block.requiredText('type') !== 'text') throw inexpressible(block.pathOf('type'), 'This provider');
  return {
    type: 'text',
    text: block.requiredText('text'),
    ...(block.any('cache_control') === null ? {} : { cache: true }),
  };
}

function decodeMessage(of: JsonReader): Message {
  const role = of.oneOf('role', ['user', 'assistant', 'system']);
  const blocks = contentOf(of, 'content');
  if (role === 'user') return { role, content: blocks.map(decodeUserBlock) };
  if (role === 'assistant') return { role, content: blocks.map(decodeAssistantBlock) };
  if (role === 'system') return { role, content: blocks.map(decodeText) };
  throw invalidRequest(of.pathOf('role'), `${of.pathOf('role')} is required.`);
}

function decodeUserBlock(block: JsonReader): UserPart {
  switch (block.requiredText('type')) {
    case 'text':
      return decodeText(block);
    case 'image':
      return { type: 'image', source: decodeSource(block) };
    case 'document':
      return decodeDocument(block);
    case 'tool_result':
      return decodeResult(block);
    default:
      throw inexpressible(block.pathOf('type'), 'This provider');
  }
}

function decodeDocument(block: JsonReader): UserPart {
  const source = block.reader('source');
  if (source?.text('type') === 'text') return { type: 'text', text: source.requiredText('data') };
  return { type: 'document', source: decodeSource(block), name: block.text('title') };
}

function decodeResult(block: JsonReader): ToolResultPart {
  return {
    type: 'tool_result',
    callId: block.requiredText('tool_use_id'),
    content: contentOf(block, 'content').map((part): TextPart | ImagePart =>
      part.text('type') === 'image' ? { type: 'image', source: decodeSource(part) } : decodeText(part),
    ),
    isError: block.flag('is_error') ?? false,
  };
}

function decodeSource(block: JsonReader): ImageSource {
  const source = block.reader('source');
  const type = source?.text('type');
  if (!source || (type !== 'base64' && type !== 'url'))
    throw inexpressible(block.pathOf('source.type'), 'This provider');
  if (type === 'url') return { kind: 'url', url: source.requiredText('url') };
  return { kind: 'base64', mediaType: source.requiredText('media_type'), data: source.requiredText('data') };
}

function decodeAssistantBlock(block: JsonReader): AssistantPart {
  switch (block.requiredText('type')) {
    case 'text':
      return decodeText(block);
    case 'tool_use': {
      const input = JSON.stringify(block.object('input') ?? {});
      return { type: 'tool_call', id: block.requiredText('id'), name: block.requiredText('name'), arguments: input };
    }
    case 'thinking':
      return {
        type: 'reasoning',
        text: block.text('thinking') ?? '',
        signature: block.text('signature'),
        redacted: null,
      };
    case 'redacted_thinking':
      return { type: 'reasoning', text: '', signature: null, redacted: block.requiredText('data') };
    default:
      throw inexpressible(block.pathOf('type'), 'This provider');
  }
}

/** What Anthropic is asked for when nobody said how long an answer may be: the field is required there. */
const DEFAULT_MAX_TOKENS = 4_096;
/** The least that Anthropic takes. */
const LEAST_THINKING_TOKENS = 1_024;

/** Writes a request of the Messages API. */
export function encodeAnthropicRequest(request: ChatRequest, { stream }: { stream: boolean }): JsonObject {
  if (request.seed !== null) throw inexpressible('seed', 'Anthropic');
  if (request.frequencyPenalty !== null) throw inexpressible('frequency_penalty', 'Anthropic');
  if (request.presencePenalty !== null) throw inexpressible('presence_penalty', 'Anthropic');
  if (request.format?.type === 'json_object') throw inexpressible('response_format.type json_object', 'Anthropic');
  const system = request.messages.flatMap((message) => (message.role === 'system' ? message.content : []));
  const output = encodeOutput(request);
  return {
    model: request.model,
    max_tokens: request.maxTokens ?? DEFAULT_MAX_TOKENS,
    system: system.length > 0 ? system.map(encodeText) : undefined,
    messages: request.messages.flatMap(encodeMessage),
    tools: request.tools.length > 0 ? request.tools.map(encodeTool) : undefined,
    tool_choice: encodeToolChoice(request),
    temperature: request.temperature ?? undefined,
    top_p: request.topP ?? undefined,
    top_k: request.topK ?? undefined,
    stop_sequences: request.stop.length > 0 ? request.stop : undefined,
    thinking: encodeThinking(request),
    output_config: output,
    metadata: request.user === null ? undefined : { user_id: request.user },
    stream: stream ? true : undefined,
  };
}

function encodeOutput({ format, reasoning }: ChatRequest): JsonObject | undefined {
  const effort = reasoning?.effort ?? null;
  const known = effort === 'none' || effort === null ? null : effort === 'minimal' ? 'low' : effort;
  const schema = format?.type === 'json_schema' ? { type: 'json_schema', schema: format.schema } : null;
  if (known === null && schema === null) return undefined;
  return { ...(known === null ? {} : { effort: known }), ...(schema === null ? {} : { format: schema }) };
}

function encodeThinking({ reasoning, maxTokens }: ChatRequest): JsonObject | undefined {
  if (reasoning === null) return undefined;
  if (reasoning.effort === 'none') return { type: 'disabled' };
  if (reasoning.budgetTokens === null) return undefined;
  const most = Math.max(LEAST_THINKING_TOKENS, (maxTokens ?? DEFAULT_MAX_TOKENS) - 1);
  return { type: 'enabled', budget_tokens: Math.min(most, Math.max(LEAST_THINKING_TOKENS, reasoning.budgetTokens)) };
}

const encodeTool = ({ name, description, parameters, strict }: Tool): JsonObject => ({
  name,
  description: description ?? undefined,
  input_schema: parameters,
  strict: strict ?? undefined,
});

function encodeToolChoice({ toolChoice, parallelToolCalls, tools }: ChatRequest): JsonObject | undefined {
  const alone = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  if (toolChoice === null)
    return parallelToolCalls === false && tools.length > 0 ? { type: 'auto', ...alone } : undefined;
  if (toolChoice.mode === 'tool') return { type: 'tool', name: toolChoice.name, ...alone };
  if (toolChoice.mode === 'none') return { type: 'none' };
  return { type: toolChoice.mode === 'required' ? 'any' : 'auto', ...alone };
}

const encodeText = ({ text, cache }: TextPart): JsonObject => ({
  type: 'text',
  text,
  cache_control: cache ? { type: 'ephemeral' } : undefined,
});

function encodeMessage(message: Message): JsonObject[] {
  if (message.role === 'system') return [];
  if (message.role === 'assistant') return [{ role: 'assistant', content: message.content.map(encodeAssistantPart) }];
  return [{ role: 'user', content: message.content.map(encodeUserPart) }];
}

const encodeSource = (source: ImageSource): JsonObject =>
  source.kind === 'url'
    ? { type: 'url', url: source.url }
    : { type: 'base64', media_type: source.mediaType, data: source.data };

function encodeUserPart(part: UserPart | DocumentPart): JsonObject {
  switch (part.type) {
    case 'text':
      return encodeText(part);
    case 'image':
      return { type: 'image', source: encodeSource(part.source) };
    case 'document':
      return { type: 'document', source: encodeSource(part.source), title: part.name ?? undefined };
    case 'tool_result':
      return {
        type: 'tool_result',
        tool_use_id: part.callId,
        content: part.content.map(encodeUserPart),
        is_error: part.isError ? true : undefined,
      };
  }
}

function encodeAssistantPart(part: AssistantPart): JsonObject {
  switch (part.type) {
    case 'text':
      return encodeText(part);
    case 'tool_call':
      return { type: 'tool_use', id: part.id, name: part.name, input: argumentsOf(part.arguments) };
    case 'reasoning':
      return part.redacted === null
        ? { type: 'thinking', thinking: part.text, signature: part.signature ?? '' }
        : { type: 'redacted_thinking', data: part.redacted };
  }
}
