import {
  type AssistantPart,
  type ChatEvent,
  type ChatResponse,
  NO_USAGE,
  type StopReason,
  type TokenUsage,
} from '../../model.ts';
import { argumentsOf, countOf, isObject, type JsonObject, textOf } from '../json-reader.ts';

const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
  refusal: 'refusal',
};
const REASON_WORDS: Readonly<Record<StopReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
};

/** Reads Anthropic's `usage`, whose classes do not overlap. Counts that are left out stay as they were before. */
function usageOfAnthropic(usage: JsonObject, before: TokenUsage = NO_USAGE): TokenUsage {
  const told = (name: string, known: number): number =>
    usage[name] === undefined || usage[name] === null ? known : countOf(usage[name]);
  return {
    input: told('input_tokens', before.input),
    cacheRead: told('cache_read_input_tokens', before.cacheRead),
    cacheWrite: told('cache_creation_input_tokens', before.cacheWrite),
    output: told('output_tokens', before.output),
    reasoning: before.reasoning,
  };
}

const encodeUsage = ({ input, cacheRead, cacheWrite, output }: TokenUsage): JsonObject => ({
  input_tokens: input,
  cache_creation_input_tokens: cacheWrite,
  cache_read_input_tokens: cacheRead,
  output_tokens: output,
});

/** Reads a whole answer of the Messages API; null when it is none. */
export function decodeAnthropicAnswer(body: unknown): ChatResponse | null {
  if (!isObject(body) || body['type'] !== 'message' || !Array.isArray(body['content'])) return null;
  return {
    id: textOf(body['id']),
    model: textOf(body['model']),
    content: body['content'].flatMap((block) => (isObject(block) ? decodeBlock(block) : [])),
    stopReason: STOP_REASONS[textOf(body['stop_reason'])] ?? 'stop',
    usage: usageOfAnthropic(isObject(body['usage']) ? body['usage'] : {}),
  };
}

function decodeBlock(block: JsonObject): AssistantPart[] {
  switch (block['type']) {
    case 'text':
      return [{ type: 'text', text: textOf(block['text']) }];
    case 'tool_use': {
      const input = JSON.stringify(block['input'] ?? {});
      return [{ type: 'tool_call', id: textOf(block['id']), name: textOf(block['name']), arguments: input }];
    }
    case 'thinking':
      return [
        { type: 'reasoning', text: textOf(block['thinking']), signature: textOf(block['signature']), redacted: null },
      ];
    case 'redacted_thinking':
      return [{ type: 'reasoning', text: '', signature: null, redacted: textOf(block['data']) }];
    default:
      return [];
  }
}

/** Writes a whole answer of the Messages API. */
export function encodeAnthropicAnswer(answer: ChatResponse): JsonObject {
  return {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: answer.content.map(encodeBlock),
    stop_reason: REASON_WORDS[answer.stopReason],
    stop_sequence: null,
    usage: encodeUsage(answer.usage),
  };
}

function encodeBlock(part: AssistantPart): JsonObject {
  if (part.type === 'text') return { type: 'text', text: part.text };
  if (part.type === 'tool_call')
    return { type: 'tool_use', id: part.id, name: part.name, input: argumentsOf(part.arguments) };
  if (part.redacted !== null) return { type: 'redacted_thinking', data: part.redacted };
  return { type: 'thinking', thinking: part.text, signature: part.signature ?? '' };
}

/** Reads the events of a streamed answer, one parsed `data:` at a time. */
export class AnthropicStreamReader {
  #usage: TokenUsage = NO_USAGE;
  #tools = new Map<number, number>();
  #isFinished = false;

  /** What an event adds; null when it is not one. An event `error` is told apart before. */
  read(event: unknown): ChatEvent[] | null {
    if (!isObject(event)) return null;
    switch (event['type']) {
      case 'message_start':
        return this.#start(isObject(event['message']) ? event['message'] : {});
      case 'content_block_start':
        return this.#startBlock(
          countOf(event['index']),
          isObject(event['content_block']) ? event['content_block'] : {},
        );
      case 'content_block_delta':
        return this.#delta(countOf(event['index']), isObject(event['delta']) ? event['delta'] : {});
      case 'message_delta':
        return this.#finish(event);
      default:
        return typeof event['type'] === 'string' ? [] : null;
    }
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  #start(message: JsonObject): ChatEvent[] {
    if (isObject(message['usage'])) this.#usage = usageOfAnthropic(message['usage']);
    return [
      { type: 'start', id: textOf(message['id']), model: textOf(message['model']) },
      { type: 'usage', usage: this.#usage },
    ];
  }

  #startBlock(position: number, block: JsonObject): ChatEvent[] {
    if (block['type'] === 'redacted_thinking') return [{ type: 'reasoning_redacted', data: textOf(block['data']) }];
    if (block['type'] === 'text' && textOf(block['text']) !== '')
      return [{ type: 'text', text: textOf(block['text']) }];
    if (block['type'] !== 'tool_use') return [];
    const index = this.#tools.size;
    this.#tools.set(position, index);
    return [{ type: 'tool_call', index, id: textOf(block['id']), name: textOf(block['name']) }];
  }

  #delta(position: number, delta: JsonObject): ChatEvent[] {
    switch (delta['type']) {
      case 'text_delta':
        return [{ type: 'text', text: textOf(delta['text']) }];
      case 'thinking_delta':
        return [{ type: 'reasoning', text: textOf(delta['thinking']) }];
      case 'signature_delta':
        return [{ type: 'reasoning_signature', signature: textOf(delta['signature']) }];
      case 'input_json_delta':
        return [{ type: 'tool_arguments', index: this.#tools.get(position) ?? 0, text: textOf(delta['partial_json']) }];
      default:
        return [];
    }
  }

  #finish(event: JsonObject): ChatEvent[] {
    const events: ChatEvent[] = [];
    if (isObject(event['usage'])) {
      this.#usage = usageOfAnthropic(event['usage'], this.#usage);
      events.push({ type: 'usage', usage: this.#usage });
    }
    const reason = isObject(event['delta']) ? event['delta']['stop_reason'] : null;
    if (typeof reason === 'string' && !this.#isFinished) {
      this.#isFinished = true;
      events.push({ type: 'finish', reason: STOP_REASONS[reason] ?? 'stop' });
    }
    return events;
  }
}

type OpenBlock = 'text' | 'thinking' | 'tool_use';

/** Writes the events of a streamed answer; each goes out under its `type`. */
export class AnthropicStreamWriter {
  #block: OpenBlock | null = null;
  #index = -1;
  #usage: TokenUsage = NO_USAGE;
  #reason: StopReason = 'stop';

  write(event: ChatEvent): JsonObject[] {
    switch (event.type) {
      case 'start':
        return [this.#begin(event.id, event.model)];
      case 'text':
        return [
          ...this.#open('text', { type: 'text', text: '' }),
          this.#delta({ type: 'text_delta', text: event.text }),
        ];
      case 'reasoning':
        return [
          ...this.#open('thinking', { type: 'thinking', thinking: '', signature: '' }),
          this.#delta({ type: 'thinking_delta', thinking: event.text }),
        ];
      case 'reasoning_signature':
        return this.#block === 'thinking' ? [this.#delta({ type: 'signature_delta', signature: event.signature })] : [];
      case 'reasoning_redacted':
        return [...this.#close(), ...this.#begun({ type: 'redacted_thinking', data: event.data }), ...this.#close()];
      case 'tool_call':
        return [
          ...this.#close(),
          ...this.#begun({ type: 'tool_use', id: event.id, name: event.name, input: {} }, 'tool_use'),
        ];
      case 'tool_arguments':
        return [this.#delta({ type: 'input_json_delta', partial_json: event.text })];
      case 'finish':
        this.#reason = event.reason;
        return this.#close();
      case 'usage':
        this.#usage = event.usage;
        return [];
    }
  }

  /** What follows the last event. */
  end(): JsonObject[] {
    return [
      ...this.#close(),
      {
        type: 'message_delta',
        delta: { stop_reason: REASON_WORDS[this.#reason], stop_sequence: null },
        usage: encodeUsage(this.#usage),
      },
      { type: 'message_stop' },
    ];
  }

  #begin(id: string, model: string): JsonObject {
    const message = {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
    };
    return { type: 'message_start', message: { ...message, usage: encodeUsage(this.#usage) } };
  }

  /** Begins a block of a kind unless one is open. */
  #open(kind: OpenBlock, block: JsonObject): JsonObject[] {
    return this.#block === kind ? [] : [...this.#close(), ...this.#begun(block, kind)];
  }

  #begun(block: JsonObject, kind: OpenBlock = 'thinking'): JsonObject[] {
    this.#index += 1;
    this.#block = kind;
    return [{ type: 'content_block_start', index: this.#index, content_block: block }];
  }

  #close(): JsonObject[] {
    if (this.#block === null) return [];
    this.#block = null;
    return [{ type: 'content_block_stop', index: this.#index }];
  }

  #delta(delta: JsonObject): JsonObject {
    return { type: 'content_block_delta', index: this.#index, delta };
  }
}
