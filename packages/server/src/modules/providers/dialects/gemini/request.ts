import type {
  AssistantPart,
  ChatRequest,
  ImageSource,
  Message,
  ToolChoice,
  ToolResultPart,
  UserPart,
} from '../../model.ts';
import { argumentsOf, type JsonObject } from '../json-reader.ts';
import { inexpressible } from '../refusal.ts';

/** Reasoning tokens for an effort, where the model takes a budget. */
const THINKING_BUDGETS = { none: 0, minimal: 512, low: 1_024, medium: 8_192, high: 24_576, xhigh: 32_768 } as const;

/** Writes a request of Gemini's `generateContent`. The model is in the path, and streaming a method of its own. */
export function encodeGeminiRequest(request: ChatRequest): JsonObject {
  if (request.parallelToolCalls === false && !isHeldToOne(request))
    throw inexpressible('parallel_tool_calls', 'Gemini');
  const system = request.messages.flatMap((message) => (message.role === 'system' ? message.content : []));
  const names = toolNames(request.messages);
  return {
    contents: request.messages.flatMap((message) => encodeMessage(message, names)),
    systemInstruction: system.length > 0 ? { parts: system.map(({ text }) => ({ text })) } : undefined,
    tools:
      request.tools.length > 0
        ? [
            {
              functionDeclarations: request.tools.map(({ name, description, parameters }) => ({
                name,
                description: description ?? undefined,
                parametersJsonSchema: parameters,
              })),
            },
          ]
        : undefined,
    toolConfig: encodeToolChoice(request.toolChoice),
    generationConfig: {
      maxOutputTokens: request.maxTokens ?? undefined,
      temperature: request.temperature ?? undefined,
      topP: request.topP ?? undefined,
      topK: request.topK ?? undefined,
      seed: request.seed ?? undefined,
      stopSequences: request.stop.length > 0 ? request.stop : undefined,
      frequencyPenalty: request.frequencyPenalty ?? undefined,
      presencePenalty: request.presencePenalty ?? undefined,
      responseMimeType: request.format === null ? undefined : 'application/json',
      responseJsonSchema: request.format?.type === 'json_schema' ? request.format.schema : undefined,
      thinkingConfig: encodeThinking(request.reasoning),
    },
  };
}

/** Whoever must use the one tool there is uses it once. */
const isHeldToOne = ({ toolChoice, tools }: ChatRequest): boolean =>
  toolChoice?.mode === 'tool' || (toolChoice?.mode === 'required' && tools.length === 1);

function encodeThinking(reasoning: ChatRequest['reasoning']): JsonObject | undefined {
  if (reasoning === null) return undefined;
  const budget = reasoning.budgetTokens ?? (reasoning.effort === null ? null : THINKING_BUDGETS[reasoning.effort]);
  if (budget === null) return undefined;
  return { thinkingBudget: budget, includeThoughts: budget > 0 };
}

function encodeToolChoice(choice: ToolChoice | null): JsonObject | undefined {
  if (choice === null) return undefined;
  if (choice.mode === 'tool') return { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [choice.name] } };
  return { functionCallingConfig: { mode: { auto: 'AUTO', none: 'NONE', required: 'ANY' }[choice.mode] } };
}

/** Gemini names the function in a result, the others only the call. */
function toolNames(messages: readonly Message[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { content } of messages)
    for (const part of content) if (part.type === 'tool_call') names.set(part.id, part.name);
  return names;
}

function encodeMessage(message: Message, names: ReadonlyMap<string, string>): JsonObject[] {
  if (message.role === 'system' || message.content.length === 0) return [];
  if (message.role === 'assistant') return [{ role: 'model', parts: message.content.flatMap(encodeAssistantPart) }];
  return [{ role: 'user', parts: message.content.flatMap((part) => encodeUserPart(part, names)) }];
}

const encodeMedia = (source: ImageSource): JsonObject =>
  source.kind === 'base64'
    ? { inlineData: { mimeType: source.mediaType, data: source.data } }
    : { fileData: { fileUri: source.url } };

function encodeUserPart(part: UserPart, names: ReadonlyMap<string, string>): JsonObject[] {
  if (part.type === 'text') return [{ text: part.text }];
  if (part.type === 'image' || part.type === 'document') return [encodeMedia(part.source)];
  return encodeResult(part, names);
}

function encodeResult(part: ToolResultPart, names: ReadonlyMap<string, string>): JsonObject[] {
  const said = part.content.flatMap((item) => (item.type === 'text' ? [item.text] : [])).join('');
  const images = part.content.flatMap((item) => (item.type === 'image' ? [encodeMedia(item.source)] : []));
  const response = part.isError ? { error: said } : { result: said };
  return [{ functionResponse: { id: part.callId, name: names.get(part.callId) ?? part.callId, response } }, ...images];
}

function encodeAssistantPart(part: AssistantPart): JsonObject[] {
  if (part.type === 'text') return [{ text: part.text }];
  if (part.type === 'tool_call')
    return [{ functionCall: { id: part.id, name: part.name, args: argumentsOf(part.arguments) } }];
  // Thoughts of other vendors mean nothing here; its own come back by their signature.
  return part.signature === null ? [] : [{ text: part.text, thought: true, thoughtSignature: part.signature }];
}
