import { type ChatEvent, type ChatResponse, NO_USAGE, type StopReason, type TokenUsage } from '../../model.ts';
import { answerOf } from '../gathered-answer.ts';
import { countOf, isObject, type JsonObject, listOf, objectOf, textOf } from '../json-reader.ts';

const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

/** A reason that we do not know is an end like any other. */
const stopReasonOf = (word: unknown): StopReason => STOP_REASONS[String(word)] ?? 'stop';

const FINISH_REASONS: Readonly<Record<StopReason, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  content_filter: 'content_filter',
  refusal: 'content_filter',
  pause: 'stop',
};

/** Reads OpenAI's `usage`, where cached tokens are a part of the prompt's. */
function usageOfOpenAi(usage: JsonObject): TokenUsage {
  const prompt = objectOf(usage['prompt_tokens_details']);
  const completion = objectOf(usage['completion_tokens_details']);
  const cacheRead = Math.min(countOf(prompt['cached_tokens']), countOf(usage['prompt_tokens']));
  return {
    input: countOf(usage['prompt_tokens']) - cacheRead,
    cacheRead,
    cacheWrite: 0,
    output: countOf(usage['completion_tokens']),
    reasoning: countOf(completion['reasoning_tokens']),
  };
}

function openAiUsage({ input, cacheRead, cacheWrite, output, reasoning }: TokenUsage): JsonObject {
  const prompt = input + cacheRead + cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
    prompt_tokens_details: { cached_tokens: cacheRead },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

/** Reads a whole answer of the Chat Completions API; null when it is none. */
export function decodeOpenAiChatAnswer(body: unknown): ChatResponse | null {
  const reader = new OpenAiChatReader();
  const events = reader.read(body);
  return events === null || !reader.isFinished ? null : answerOf(events);
}

/** Writes a whole answer of the Chat Completions API. `created` is in epoch seconds. */
export function encodeOpenAiChatAnswer(answer: ChatResponse, created: number): JsonObject {
  const said = answer.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  const thought = answer.content.flatMap((part) => (part.type === 'reasoning' ? [part.text] : [])).join('');
  const calls = answer.content.flatMap((part) =>
    part.type === 'tool_call'
      ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments } }]
      : [],
  );
  const isRefusal = answer.stopReason === 'refusal';
  return {
    id: answer.id,
    object: 'chat.completion',
    created,
    model: answer.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: isRefusal || (said === '' && calls.length > 0) ? null : said,
          refusal: isRefusal ? said : null,
          ...(thought === '' ? {} : { reasoning_content: thought }),
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: FINISH_REASONS[answer.stopReason],
      },
    ],
    usage: openAiUsage(answer.usage),
  };
}

/** Reads an answer, whole or one chunk of the stream at a time: a message has the shape of its delta. */
export class OpenAiChatReader {
  #isStarted = false;
  #isRefusal = false;
  #isFinished = false;

  /** What a chunk adds; null when it is not one. */
  read(chunk: unknown): ChatEvent[] | null {
    if (!isObject(chunk)) return null;
    const events: ChatEvent[] = [];
    if (!this.#isStarted) {
      this.#isStarted = true;
      events.push({ type: 'start', id: textOf(chunk['id']), model: textOf(chunk['model']) });
    }
    const choice = listOf(chunk['choices'])[0];
    if (isObject(choice)) this.#readChoice(choice, events);
    if (isObject(chunk['usage'])) events.push({ type: 'usage', usage: usageOfOpenAi(chunk['usage']) });
    return events;
  }

  /** Whether the answer was told to its end; a stream that breaks off before was interrupted. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  #readChoice(choice: JsonObject, events: ChatEvent[]): void {
    const delta = objectOf(choice['delta'] ?? choice['message']);
    const thought = textOf(delta['reasoning_content'] ?? delta['reasoning']);
    if (thought !== '') events.push({ type: 'reasoning', text: thought });
    const refusal = textOf(delta['refusal']);
    this.#isRefusal ||= refusal !== '';
    const said = textOf(delta['content']) || refusal;
    if (said !== '') events.push({ type: 'text', text: said });
    for (const [position, call] of listOf(delta['tool_calls']).entries()) readToolCall(call, position, events);
    if (typeof choice['finish_reason'] !== 'string' || this.#isFinished) return;
    this.#isFinished = true;
    events.push({ type: 'finish', reason: this.#isRefusal ? 'refusal' : stopReasonOf(choice['finish_reason']) });
  }
}

/** Calls of a streamed answer say their index, those of a whole one stand in order. */
function readToolCall(call: unknown, position: number, events: ChatEvent[]): void {
  if (!isObject(call)) return;
  const index = typeof call['index'] === 'number' ? countOf(call['index']) : position;
  const { name, arguments: given } = objectOf(call['function']);
  if (textOf(name) !== '') events.push({ type: 'tool_call', index, id: textOf(call['id']), name: textOf(name) });
  if (textOf(given) !== '') events.push({ type: 'tool_arguments', index, text: textOf(given) });
}

/** Writes the chunks of a streamed answer; what follows the last one is `[DONE]`. */
export class OpenAiChatStreamWriter {
  readonly #created: number;
  readonly #includeUsage: boolean;
  #id = '';
  #model = '';
  #hasSpoken = false;
  #usage = NO_USAGE;

  /** @param of `created` is in epoch seconds */
  constructor(of: { created: number; includeUsage: boolean }) {
    this.#created = of.created;
    this.#includeUsage = of.includeUsage;
  }

  write(event: ChatEvent): JsonObject[] {
    switch (event.type) {
      case 'start':
        this.#id = event.id;
        this.#model = event.model;
        return [];
      case 'text':
        return [this.#delta({ content: event.text })];
      case 'reasoning':
        return [this.#delta({ reasoning_content: event.text })];
      case 'tool_call': {
        const call = { index: event.index, id: event.id, type: 'function' };
        return [this.#delta({ tool_calls: [{ ...call, function: { name: event.name, arguments: '' } }] })];
      }
      case 'tool_arguments':
        return [this.#delta({ tool_calls: [{ index: event.index, function: { arguments: event.text } }] })];
      case 'finish':
        return [this.#chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: FINISH_REASONS[event.reason] }])];
      case 'usage':
        this.#usage = event.usage;
        return [];
      default:
        return [];
    }
  }

  /** What follows the last event: the usage, where it was asked for. */
  end(): JsonObject[] {
    return this.#includeUsage ? [{ ...this.#chunk([]), usage: openAiUsage(this.#usage) }] : [];
  }

  #delta(delta: JsonObject): JsonObject {
    const whole = this.#hasSpoken ? delta : { role: 'assistant', ...delta };
    this.#hasSpoken = true;
    return this.#chunk([{ index: 0, delta: whole, logprobs: null, finish_reason: null }]);
  }

  #chunk(choices: JsonObject[]): JsonObject {
    const head = { id: this.#id, object: 'chat.completion.chunk', created: this.#created, model: this.#model, choices };
    return this.#includeUsage ? { ...head, usage: null } : head;
  }
}
