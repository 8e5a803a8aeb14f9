/*
 * One model of a chat, between all wire formats. A *dialect* is a wire format (see dialects/); a *kind* of provider speaks
 * one of them upstream. Text is UTF-16 as JavaScript has it; ids are the vendors' own.
 */

export type ImageSource = { kind: 'base64'; mediaType: string; data: string } | { kind: 'url'; url: string };

export type TextPart = { type: 'text'; text: string; cache?: boolean };
export type ImagePart = { type: 'image'; source: ImageSource; detail?: 'auto' | 'low' | 'high' };
export type DocumentPart = { type: 'document'; source: ImageSource; name: string | null };
/** `arguments` is JSON text as the model wrote it. */
export type ToolCallPart = { type: 'tool_call'; id: string; name: string; arguments: string };
export type ToolResultPart = {
  type: 'tool_result';
  callId: string;
  content: (TextPart | ImagePart)[];
  isError: boolean;
};
/** What a model thought. `signature` lets the vendor trust it when it comes back; `redacted` is for the vendor only. */
export type ReasoningPart = { type: 'reasoning'; text: string; signature: string | null; redacted: string | null };

export type UserPart = TextPart | ImagePart | DocumentPart | ToolResultPart;
export type AssistantPart = TextPart | ToolCallPart | ReasoningPart;

export type Message =
  | { role: 'system'; content: TextPart[] }
  | { role: 'user'; content: UserPart[] }
  | { role: 'assistant'; content: AssistantPart[] };

export type Tool = { name: string; description: string | null; parameters: JsonSchema; strict: boolean | null };
export type JsonSchema = { [key: string]: unknown };

export type ToolChoice = { mode: 'auto' | 'none' | 'required' } | { mode: 'tool'; name: string };

export type OutputFormat =
  | { type: 'json_object' }
  | { type: 'json_schema'; name: string; schema: JsonSchema; strict: boolean };

export const REASONING_EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;
export type ReasoningEffort = (typeof REASONING_EFFORTS)[number];

/** What is asked of a model. Absent options are the vendor's to choose. */
export type ChatRequest = {
  model: string;
  messages: Message[];
  tools: Tool[];
  toolChoice: ToolChoice | null;
  parallelToolCalls: boolean | null;
  /** Most tokens that may be produced, reasoning included; null leaves it to the vendor. */
  maxTokens: number | null;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  seed: number | null;
  stop: string[];
  frequencyPenalty: number | null;
  presencePenalty: number | null;
  format: OutputFormat | null;
  reasoning: { effort: ReasoningEffort | null; budgetTokens: number | null } | null;
  /** The caller's name for its own user. */
  user: string | null;
};

export type StopReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'pause';

/**
 * Tokens by class; the classes do not overlap. `input` is what was neither read from nor written to a cache; `reasoning`
 * is a part of `output`, told apart for the reader.
 */
export type TokenUsage = {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
};

export const NO_USAGE: TokenUsage = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };

/** A whole answer. */
export type ChatResponse = {
  id: string;
  /** The model that answered, as the vendor names it. */
  model: string;
  content: AssistantPart[];
  stopReason: StopReason;
  usage: TokenUsage;
};

/**
 * A piece of an answer, in the order in which it was made. Parts do not interleave, except tool calls, whose arguments
 * are told apart by `index`. `usage` may come more than once: the last one counts. `finish` comes once, last of content.
 */
export type ChatEvent =
  | { type: 'start'; id: string; model: string }
  | { type: 'text'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'reasoning_signature'; signature: string }
  | { type: 'reasoning_redacted'; data: string }
  | { type: 'tool_call'; index: number; id: string; name: string }
  | { type: 'tool_arguments'; index: number; text: string }
  | { type: 'finish'; reason: StopReason }
  | { type: 'usage'; usage: TokenUsage };

/** How a provider failed, as far as the caller and the router have to know. */
export type UpstreamFailure = {
  /** `timeout`, `unreachable` and `overloaded` may go better elsewhere or later; `rejected` would not. */
  reason:
    | 'unreachable'
    | 'address_refused'
    | 'timeout'
    | 'overloaded'
    | 'rate_limited'
    | 'quota'
    | 'credential'
    | 'rejected'
    | 'model_unknown'
    | 'too_long'
    | 'malformed'
    | 'interrupted';
  /** HTTP status of the provider; null when it gave none. */
  status: number | null;
  /** What the provider said, bounded; safe to show to the caller. */
  message: string;
  /** When the provider asked to be asked again, milliseconds from now. */
  retryAfterMs: number | null;
};

const RETRIED: ReadonlySet<UpstreamFailure['reason']> = new Set([
  'unreachable',
  'timeout',
  'overloaded',
  'rate_limited',
  'malformed',
]);

/** Whether another try, here or elsewhere, may succeed. Before the first byte only: what was said cannot be unsaid. */
export const isRetryable = ({ reason }: UpstreamFailure): boolean => RETRIED.has(reason);
