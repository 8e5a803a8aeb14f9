import {
  type AssistantPart,
  type ChatRequest,
  type ImageSource,
  type Message,
  type OutputFormat,
  REASONING_EFFORTS,
  type TextPart,
  type Tool,
  type ToolChoice,
  type UserPart,
} from '../../model.ts';
import { sourceOfUrl } from '../data-url.ts';
import { isObject, JsonReader } from '../json-reader.ts';
import { inexpressible, invalidRequest } from '../refusal.ts';

export type OpenAiResponsesCall = { request: ChatRequest; stream: boolean };

/** Fields that change nothing about the answer, or nothing that another provider could do. */
const WITHOUT_EFFECT = [
  'metadata',
  'include',
  'truncation',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'stream_options',
  'top_logprobs',
  'max_tool_calls',
];

/**
 * Reads a request of OpenAI's Responses API (`POST /v1/responses`).
 * @throws AppError `invalid` for a malformed request, and for what has no meaning outside OpenAI: what its servers keep
 *   (`previous_response_id`, `conversation`), what they do in the background, and tools that they run themselves
 */
export function decodeOpenAiResponsesRequest(body: unknown): OpenAiResponsesCall {
  const of = new JsonReader(body, '');
  const instructions = of.text('instructions');
  const text = of.reader('text');
  const reasoning = of.reader('reasoning');
  const turns = decodeInput(of);
  if (turns.length === 0) throw invalidRequest('input', 'input must be a text or a list of at least one item.');
  const request: ChatRequest = {
    model: of.requiredText('model'),
    messages:
      instructions === null ? turns : [{ role: 'system', content: [{ type: 'text', text: instructions }] }, ...turns],
    tools: of.readers('tools').map(decodeTool),
    toolChoice: decodeToolChoice(of),
    parallelToolCalls: of.flag('parallel_tool_calls') === false ? false : null,
    maxTokens: of.count('max_output_tokens'),
    temperature: of.number('temperature'),
    topP: of.number('top_p'),
    topK: null,
    seed: null,
    stop: [],
    frequencyPenalty: null,
    presencePenalty: null,
    format: decodeFormat(text?.reader('format') ?? null),
    reasoning: decodeReasoning(reasoning),
    user: of.text('user'),
  };
  const stream = of.flag('stream') ?? false;
  if (of.flag('background')) throw inexpressible('background', 'This provider');
  of.ignore('store', ...WITHOUT_EFFECT);
  const [unknown] = of.unread();
  if (unknown !== undefined) throw inexpressible(unknown, 'This provider');
  return { request, stream };
}

function decodeReasoning(of: JsonReader | null): ChatRequest['reasoning'] {
  const effort = of?.oneOf('effort', REASONING_EFFORTS) ?? null;
  return effort === null ? null : { effort, budgetTokens: null };
}

function decodeFormat(of: JsonReader | null): OutputFormat | null {
  const type = of?.oneOf('type', ['text', 'json_object', 'json_schema']) ?? 'text';
  if (of === null || type === 'text') return null;
  if (type === 'json_object') return { type };
  return {
    type,
    name: of.text('name') ?? 'answer',
    schema: of.object('schema') ?? {},
    strict: of.flag('strict') ?? false,
  };
}

function decodeTool(of: JsonReader): Tool {
  if (of.requiredText('type') !== 'function') throw inexpressible(of.pathOf('type'), 'This provider');
  return {
    name: of.requiredText('name'),
    description: of.text('description'),
    parameters: of.object('parameters') ?? { type: 'object', properties: {} },
    strict: of.flag('strict'),
  };
}

function decodeToolChoice(of: JsonReader): ToolChoice | null {
  const value = of.any('tool_choice');
  if (value === null) return null;
  if (value === 'auto' || value === 'none' || value === 'required') return { mode: value };
  if (isObject(value) && value['type'] === 'function' && typeof value['name'] === 'string')
    return { mode: 'tool', name: value['name'] };
  throw inexpressible('tool_choice', 'This provider');
}

function decodeInput(of: JsonReader): Message[] {
  const input = of.any('input');
  if (typeof input === 'string') return [{ role: 'user', content: [{ type: 'text', text: input }] }];
  const messages: Message[] = [];
  for (const item of of.readers('input')) add(messages, decodeItem(item));
  return messages;
}

/** Items of one side that follow each other are one message elsewhere. */
function add(messages: Message[], next: Message): void {
  const last = messages[messages.length - 1];
  if (last?.role === 'assistant' && next.role === 'assistant') last.content.push(...next.content);
  else if (last?.role === 'user' && next.role === 'user') last.content.push(...next.content);
  else messages.push(next);
}

function decodeItem(item: JsonReader): Message {
  switch (item.text('type') ?? 'message') {
    case 'message':
      return decodeMessage(item);
    case 'function_call':
      return {
        role: 'assistant',
        content: [
          {
            type: 'tool_call',
            id: item.requiredText('call_id'),
            name: item.requiredText('name'),
            arguments: item.text('arguments') ?? '{}',
          },
        ],
      };
    case 'function_call_output':
      return {
        role: 'user',
        content: [
          { type: 'tool_result', callId: item.requiredText('call_id'), content: textOfOutput(item), isError: false },
        ],
      };
    case 'reasoning':
      return { role: 'assistant', content: decodeReasoningItem(item) };
    default:
      throw inexpressible(item.pathOf('type'), 'This provider');
  }
}

/** What OpenAI thought is sealed for OpenAI; its summary says nothing to another model. */
function decodeReasoningItem(item: JsonReader): AssistantPart[] {
  item.ignore('summary', 'encrypted_content', 'content');
  return [];
}

function textOfOutput(item: JsonReader): TextPart[] {
  const output = item.any('output');
  if (typeof output === 'string') return [{ type: 'text', text: output }];
  return item.readers('output').map((part) => ({ type: 'text', text: part.requiredText('text') }));
}

function decodeMessage(item: JsonReader): Message {
  const role = item.oneOf('role', ['user', 'assistant', 'system', 'developer']);
  const content = item.any('content');
  const parts = typeof content === 'string' ? null : item.readers('content');
  const said: TextPart[] = typeof content === 'string' ? [{ type: 'text', text: content }] : [];
  if (role === 'assistant') return { role, content: parts?.map(decodeSpoken) ?? said };
  if (role === 'user') return { role, content: parts?.map(decodeUserPart) ?? said };
  if (role === null) throw invalidRequest(item.pathOf('role'), `${item.pathOf('role')} is required.`);
  return { role: 'system', content: parts?.map((part) => ({ type: 'text', text: part.requiredText('text') })) ?? said };
}

function decodeSpoken(part: JsonReader): TextPart {
  const type = part.text('type');
  return { type: 'text', text: part.requiredText(type === 'refusal' ? 'refusal' : 'text') };
}

function decodeUserPart(part: JsonReader): UserPart {
  switch (part.requiredText('type')) {
    case 'input_text':
      return { type: 'text', text: part.requiredText('text') };
    case 'input_image':
      return { type: 'image', source: sourceOf(part, 'image_url') };
    case 'input_file':
      return {
        type: 'document',
        source: sourceOf(part, part.any('file_url') === null ? 'file_data' : 'file_url'),
        name: part.text('filename'),
      };
    default:
      throw inexpressible(part.pathOf('type'), 'This provider');
  }
}

function sourceOf(part: JsonReader, field: string): ImageSource {
  const url = part.text(field);
  if (url === null) throw inexpressible(part.pathOf('file_id'), 'This provider');
  return sourceOfUrl(url);
}
