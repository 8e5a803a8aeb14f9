import {
  type AssistantPart,
  type ChatRequest,
  type DocumentPart,
  type ImagePart,
  type Message,
  type OutputFormat,
  REASONING_EFFORTS,
  type TextPart,
  type Tool,
  type ToolChoice,
  type UserPart,
} from '../../model.ts';
import { sourceOfUrl, urlOfSource } from '../data-url.ts';
import { isObject, type JsonObject, JsonReader } from '../json-reader.ts';
import { inexpressible, invalidRequest } from '../refusal.ts';

/** What the answer has to look like, besides what is asked. */
export type OpenAiChatCall = { request: ChatRequest; stream: boolean; includeUsage: boolean };

/** Fields that change nothing about the answer, or nothing that another provider could do. */
const WITHOUT_EFFECT = [
  'store',
  'metadata',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'service_tier',
];

/**
 * Reads a request of OpenAI's Chat Completions API (`POST /v1/chat/completions`).
 * @throws AppError `invalid` for a malformed request, and for what has no meaning outside OpenAI
 */
export function decodeOpenAiChatRequest(body: unknown): OpenAiChatCall {
  const of = new JsonReader(body, '');
  const streamOptions = of.reader('stream_options');
  const call: OpenAiChatCall = {
    stream: of.flag('stream') ?? false,
    includeUsage: streamOptions?.flag('include_usage') ?? false,
    request: {
      model: of.requiredText('model'),
      messages: decodeMessages(of.readers('messages')),
      tools: of.readers('tools').map(decodeTool),
      toolChoice: decodeToolChoice(of),
      parallelToolCalls: of.flag('parallel_tool_calls'),
      maxTokens: of.count('max_completion_tokens') ?? of.count('max_tokens'),
      temperature: of.number('temperature'),
      topP: of.number('top_p'),
      topK: of.count('top_k'),
      seed: of.number('seed'),
      stop: decodeStop(of.any('stop')),
      frequencyPenalty: of.number('frequency_penalty'),
      presencePenalty: of.number('presence_penalty'),
      format: decodeFormat(of.reader('response_format')),
      reasoning: decodeReasoning(of),
      user: of.text('user'),
    },
  };
  of.ignore('max_tokens', ...WITHOUT_EFFECT);
  if ((of.count('n') ?? 1) !== 1) throw inexpressible('n', 'This provider');
  if (of.flag('logprobs')) throw inexpressible('logprobs', 'This provider');
  if (call.request.messages.length === 0) throw invalidRequest('messages', 'messages must hold at least one message.');
  const [unknown] = of.unread();
  if (unknown !== undefined) throw inexpressible(unknown, 'This provider');
  return call;
}

function decodeReasoning(of: JsonReader): ChatRequest['reasoning'] {
  const effort = of.oneOf('reasoning_effort', REASONING_EFFORTS);
  return effort === null ? null : { effort, budgetTokens: null };
}

function decodeStop(value: unknown): string[] {
  if (value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.every((item) => typeof item === 'string')) return list;
  throw invalidRequest('stop', 'stop must be a string or a list of strings.');
}

function decodeFormat(of: JsonReader | null): OutputFormat | null {
  const type = of?.oneOf('type', ['text', 'json_object', 'json_schema']) ?? 'text';
  if (of === null || type === 'text') return null;
  if (type === 'json_object') return { type };
  const schema = of.reader('json_schema');
  if (!schema) throw invalidRequest('response_format.json_schema', 'response_format.json_schema is required.');
  return {
    type,
    name: schema.text('name') ?? 'answer',
    schema: schema.object('schema') ?? {},
    strict: schema.flag('strict') ?? false,
  };
}

function decodeTool(of: JsonReader): Tool {
  if (of.requiredText('type') !== 'function') throw inexpressible(of.pathOf('type'), 'This provider');
  const tool = of.reader('function');
  if (!tool) throw invalidRequest(of.pathOf('function'), `${of.pathOf('function')} is required.`);
  return {
    name: tool.requiredText('name'),
    description: tool.text('description'),
    parameters: tool.object('parameters') ?? { type: 'object', properties: {} },
    strict: tool.flag('strict'),
  };
}

function decodeToolChoice(of: JsonReader): ToolChoice | null {
  const value = of.any('tool_choice');
  if (value === null) return null;
  if (value === 'auto' || value === 'none' || value === 'required') return { mode: value };
  const name = isObject(value) && isObject(value['function']) ? value['function']['name'] : null;
  if (typeof name === 'string') return { mode: 'tool', name };
  throw invalidRequest('tool_choice', 'tool_choice must be none, auto, required, or name a function.');
}

function decodeMessages(readers: readonly JsonReader[]): Message[] {
  const messages: Message[] = [];
  for (const of of readers) {
    const message = decodeMessage(of);
    const last = messages[messages.length - 1];
    // Results of tools are messages of their own here, and parts of one answer elsewhere.
    const isResult = message.role === 'user' && message.content.every(({ type }) => type === 'tool_result');
    const followsResult = last?.role === 'user' && last.content.every(({ type }) => type === 'tool_result');
    if (isResult && followsResult) last.content.push(...message.content);
    else messages.push(message);
  }
  return messages;
}

function decodeMessage(of: JsonReader): Message {
  const role = of.oneOf('role', ['system', 'developer', 'user', 'assistant', 'tool']);
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: textParts(of) };
    case 'user':
      return { role: 'user', content: userParts(of) };
    case 'assistant':
      return { role: 'assistant', content: assistantParts(of) };
    case 'tool':
      return {
        role: 'user',
        content: [
          { type: 'tool_result', callId: of.requiredText('tool_call_id'), content: textParts(of), isError: false },
        ],
      };
    default:
      throw invalidRequest(of.pathOf('role'), `${of.pathOf('role')} is required.`);
  }
}

const asText = (text: string): TextPart[] => (text === '' ? [] : [{ type: 'text', text }]);

function textParts(of: JsonReader): TextPart[] {
  const content = of.any('content');
  if (typeof content === 'string') return asText(content);
  return of.readers('content').map((part) => {
    if (part.text('type') !== 'text') throw invalidRequest(part.pathOf('type'), `${part.pathOf('type')} must be text.`);
    return { type: 'text', text: part.requiredText('text') };
  });
}

function userParts(of: JsonReader): UserPart[] {
  const content = of.any('content');
  if (typeof content === 'string') return asText(content);
  return of.readers('content').map(decodeUserPart);
}

function decodeUserPart(part: JsonReader): UserPart {
  const type = part.requiredText('type');
  if (type === 'text') return { type, text: part.requiredText('text') };
  if (type === 'image_url') return decodeImage(part);
  if (type === 'file') return decodeFile(part);
  throw inexpressible(part.pathOf('type'), 'This provider');
}

function decodeImage(part: JsonReader): ImagePart {
  const image = part.reader('image_url');
  if (!image) throw invalidRequest(part.pathOf('image_url'), `${part.pathOf('image_url')} is required.`);
  const detail = image.oneOf('detail', ['auto', 'low', 'high']);
  const source = sourceOfUrl(image.requiredText('url'));
  return { type: 'image', source, ...(detail === null ? {} : { detail }) };
}

function decodeFile(part: JsonReader): DocumentPart {
  const file = part.reader('file');
  const data = file?.text('file_data');
  if (!file || data === null || data === undefined) throw inexpressible(part.pathOf('file.file_id'), 'This provider');
  return { type: 'document', source: sourceOfUrl(data), name: file.text('filename') };
}

function assistantParts(of: JsonReader): AssistantPart[] {
  const content = of.any('content');
  const spoken = typeof content === 'string' ? asText(content) : spokenParts(of);
  const calls = of.readers('tool_calls').map((call): AssistantPart => {
    const invoked = call.reader('function');
    if (!invoked) throw invalidRequest(call.pathOf('function'), `${call.pathOf('function')} is required.`);
    return {
      type: 'tool_call',
      id: call.requiredText('id'),
      name: invoked.requiredText('name'),
      arguments: invoked.text('arguments') ?? '{}',
    };
  });
  return [...spoken, ...calls];
}

function spokenParts(of: JsonReader): TextPart[] {
  return of.readers('content').map((part) => {
    const text = part.text('type') === 'refusal' ? part.requiredText('refusal') : part.requiredText('text');
    return { type: 'text', text };
  });
}

/** Writes a request of OpenAI's Chat Completions API. A stream is asked to tell its usage. */
export function encodeOpenAiChatRequest(request: ChatRequest, { stream }: { stream: boolean }): JsonObject {
  const body: JsonObject = {
    model: request.model,
    messages: request.messages.flatMap(encodeMessage),
    tools: request.tools.length > 0 ? request.tools.map(encodeTool) : undefined,
    tool_choice: encodeToolChoice(request.toolChoice),
    parallel_tool_calls: request.parallelToolCalls ?? undefined,
    max_completion_tokens: request.maxTokens ?? undefined,
    temperature: request.temperature ?? undefined,
    top_p: request.topP ?? undefined,
    seed: request.seed ?? undefined,
    stop: request.stop.length > 0 ? request.stop : undefined,
    frequency_penalty: request.frequencyPenalty ?? undefined,
    presence_penalty: request.presencePenalty ?? undefined,
    response_format: encodeFormat(request.format),
    reasoning_effort: request.reasoning === null ? undefined : effortOf(request.reasoning),
    user: request.user ?? undefined,
    stream: stream ? true : undefined,
    stream_options: stream ? { include_usage: true } : undefined,
  };
  if (request.topK !== null) throw inexpressible('top_k', 'OpenAI');
  return body;
}

/** The nearest effort to a budget of reasoning tokens: OpenAI knows no budgets. */
function effortOf({ effort, budgetTokens }: NonNullable<ChatRequest['reasoning']>): string | undefined {
  if (effort !== null) return effort;
  if (budgetTokens === null) return undefined;
  if (budgetTokens < 4_096) return 'low';
  return budgetTokens < 16_384 ? 'medium' : 'high';
}

function encodeFormat(format: OutputFormat | null): JsonObject | undefined {
  if (format === null) return undefined;
  if (format.type === 'json_object') return { type: 'json_object' };
  const { name, schema, strict } = format;
  return { type: 'json_schema', json_schema: { name, schema, strict } };
}

const encodeTool = ({ name, description, parameters, strict }: Tool): JsonObject => ({
  type: 'function',
  function: { name, description: description ?? undefined, parameters, strict: strict ?? undefined },
});

function encodeToolChoice(choice: ToolChoice | null): unknown {
  if (choice === null) return undefined;
  return choice.mode === 'tool' ? { type: 'function', function: { name: choice.name } } : choice.mode;
}

const joined = (parts: readonly TextPart[]): string => parts.map(({ text }) => text).join('');

function encodeMessage(message: Message): JsonObject[] {
  if (message.role === 'system') return [{ role: 'system', content: joined(message.content) }];
  if (message.role === 'assistant') return [encodeAssistant(message.content)];
  const results = message.content.filter((part) => part.type === 'tool_result');
  const said = message.content.filter((part) => part.type !== 'tool_result');
  return [
    ...results.map(({ callId, content }) => ({
      role: 'tool',
      tool_call_id: callId,
      content: joined(content.filter((part) => part.type === 'text')),
    })),
    // A tool's message can hold no image here: it follows as the user's.
    ...userMessage([...results.flatMap(({ content }) => content.filter((part) => part.type === 'image')), ...said]),
  ];
}

function userMessage(parts: readonly (TextPart | ImagePart | DocumentPart)[]): JsonObject[] {
  if (parts.length === 0) return [];
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'text') return [{ role: 'user', content: only.text }];
  return [{ role: 'user', content: parts.map(encodeUserPart) }];
}

function encodeUserPart(part: TextPart | ImagePart | DocumentPart): JsonObject {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'image')
    return { type: 'image_url', image_url: { url: urlOfSource(part.source), detail: part.detail } };
  if (part.source.kind === 'url') throw inexpressible('document.source.url', 'OpenAI');
  return { type: 'file', file: { filename: part.name ?? 'document', file_data: urlOfSource(part.source) } };
}

function encodeAssistant(content: readonly AssistantPart[]): JsonObject {
  const text = content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  const calls = content.flatMap((part) =>
    part.type === 'tool_call'
      ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments } }]
      : [],
  );
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}
