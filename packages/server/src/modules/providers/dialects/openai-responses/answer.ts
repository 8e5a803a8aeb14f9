import { type ChatEvent, type ChatResponse, NO_USAGE, type StopReason, type TokenUsage } from '../../model.ts';
import { answerOf } from '../gathered-answer.ts';
import { countOf, isObject, type JsonObject, listOf, objectOf } from '../json-reader.ts';

/** Reads the Responses API's `usage`, where cached tokens are a part of the input's. */
function usageOfResponses(usage: JsonObject): TokenUsage {
  const cacheRead = Math.min(
    countOf(objectOf(usage['input_tokens_details'])['cached_tokens']),
    countOf(usage['input_tokens']),
  );
  return {
    input: countOf(usage['input_tokens']) - cacheRead,
    cacheRead,
    cacheWrite: 0,
    output: countOf(usage['output_tokens']),
    reasoning: countOf(objectOf(usage['output_tokens_details'])['reasoning_tokens']),
  };
}

function encodeUsage({ input, cacheRead, cacheWrite, output, reasoning }: TokenUsage): JsonObject {
  const asked = input + cacheRead + cacheWrite;
  return {
    input_tokens: asked,
    input_tokens_details: { cached_tokens: cacheRead },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: asked + output,
  };
}

type Envelope = { id: string; createdAt: number; model: string };
type End = { output: JsonObject[]; usage: TokenUsage; reason: StopReason };

const INCOMPLETE: Partial<Record<StopReason, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

function envelope({ id, createdAt, model }: Envelope, end: End | null): JsonObject {
  const cut = end === null ? undefined : INCOMPLETE[end.reason];
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status: end === null ? 'in_progress' : cut === undefined ? 'completed' : 'incomplete',
    error: null,
    incomplete_details: cut === undefined ? null : { reason: cut },
    instructions: null,
    metadata: {},
    model,
    output: end?.output ?? [],
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    usage: end === null ? null : encodeUsage(end.usage),
  };
}

/** Writes a whole answer of the Responses API. `createdAt` is in epoch seconds. */
export function encodeOpenAiResponsesAnswer(answer: ChatResponse, createdAt: number): JsonObject {
  const writer = new OpenAiResponsesWriter(createdAt);
  writer.write({ type: 'start', id: answer.id, model: answer.model });
  let index = 0;
  for (const part of answer.content) {
    if (part.type === 'text') writer.write({ type: 'text', text: part.text });
    else if (part.type === 'reasoning') writer.write({ type: 'reasoning', text: part.text });
    else {
      writer.write({ type: 'tool_call', index, id: part.id, name: part.name });
      writer.write({ type: 'tool_arguments', index: index++, text: part.arguments });
    }
  }
  writer.write({ type: 'finish', reason: answer.stopReason });
  writer.write({ type: 'usage', usage: answer.usage });
  return objectOf(writer.end().at(-1)?.['response']);
}

type OpenItem =
  | { kind: 'message' | 'reasoning'; id: string; text: string }
  | { kind: 'function_call'; id: string; callId: string; name: string; text: string };

/** Writes the events of a streamed answer; each goes out under its `type`, with a number of its own. */
export class OpenAiResponsesWriter {
  readonly #createdAt: number;
  #envelope: Envelope = { id: '', createdAt: 0, model: '' };
  #number = 0;
  #item: OpenItem | null = null;
  #output: JsonObject[] = [];
  #usage: TokenUsage = NO_USAGE;
  #reason: StopReason = 'stop';

  /** @param createdAt epoch seconds */
  constructor(createdAt: number) {
    this.#createdAt = createdAt;
  }

  write(event: ChatEvent): JsonObject[] {
    switch (event.type) {
      case 'start':
        return this.#begin(event.id, event.model);
      case 'text':
        return [...this.#open('message'), ...this.#say('response.output_text.delta', event.text)];
      case 'reasoning':
        return [...this.#open('reasoning'), ...this.#say('response.reasoning_summary_text.delta', event.text)];
      case 'tool_call':
        return [...this.#close(), ...this.#openCall(event.id, event.name)];
      case 'tool_arguments':
        return this.#say('response.function_call_arguments.delta', event.text);
      case 'finish':
        this.#reason = event.reason;
        return this.#close();
      case 'usage':
        this.#usage = event.usage;
        return [];
      default:
        return [];
    }
  }

  /** What follows the last event. */
  end(): JsonObject[] {
    const closed = this.#close();
    const response = envelope(this.#envelope, { output: this.#output, usage: this.#usage, reason: this.#reason });
    const type = response['status'] === 'completed' ? 'response.completed' : 'response.incomplete';
    return [...closed, this.#numbered({ type, response })];
  }

  #begin(id: string, model: string): JsonObject[] {
    this.#envelope = { id: id.startsWith('resp_') ? id : `resp_${id}`, createdAt: this.#createdAt, model };
    const response = envelope(this.#envelope, null);
    return ['response.created', 'response.in_progress'].map((type) => this.#numbered({ type, response }));
  }

  get #index(): number {
    return this.#output.length;
  }

  #open(kind: 'message' | 'reasoning'): JsonObject[] {
    if (this.#item?.kind === kind) return [];
    const closed = this.#close();
    const id = `${kind === 'message' ? 'msg' : 'rs'}_${this.#envelope.id}_${this.#index}`;
    this.#item = { kind, id, text: '' };
    const item = { ...itemOf(this.#item), content: kind === 'message' ? [] : undefined, status: 'in_progress' };
    const added = this.#numbered({ type: 'response.output_item.added', output_index: this.#index, item });
    const part =
      kind === 'message' ? { type: 'output_text', text: '', annotations: [] } : { type: 'summary_text', text: '' };
    const type = kind === 'message' ? 'response.content_part.added' : 'response.reasoning_summary_part.added';
    return [...closed, added, this.#numbered({ type, ...this.#place(), part })];
  }

  #openCall(callId: string, name: string): JsonObject[] {
    this.#item = { kind: 'function_call', id: `fc_${this.#envelope.id}_${this.#index}`, callId, name, text: '' };
    const item = { ...itemOf(this.#item), status: 'in_progress' };
    return [this.#numbered({ type: 'response.output_item.added', output_index: this.#index, item })];
  }

  #say(type: string, delta: string): JsonObject[] {
    if (this.#item === null) return [];
    this.#item.text += delta;
    return [this.#numbered({ type, ...this.#place(), delta })];
  }

  #close(): JsonObject[] {
    const item = this.#item;
    if (item === null) return [];
    const place = this.#place();
    const done = doneEvents(item).map((event) => this.#numbered({ ...event, ...place }));
    const whole = itemOf(item);
    const closed = this.#numbered({ type: 'response.output_item.done', output_index: this.#index, item: whole });
    this.#output.push(whole);
    this.#item = null;
    return [...done, closed];
  }

  #place(): JsonObject {
    const part =
      this.#item?.kind === 'message'
        ? { content_index: 0 }
        : this.#item?.kind === 'reasoning'
          ? { summary_index: 0 }
          : {};
    return { item_id: this.#item?.id, output_index: this.#index, ...part };
  }

  #numbered(event: JsonObject): JsonObject {
    return { ...event, sequence_number: this.#number++ };
  }
}

function itemOf(item: OpenItem): JsonObject {
  switch (item.kind) {
    case 'message': {
      const content = [{ type: 'output_text', text: item.text, annotations: [], logprobs: [] }];
      return { id: item.id, type: 'message', status: 'completed', role: 'assistant', content };
    }
    case 'reasoning':
      return { id: item.id, type: 'reasoning', summary: [{ type: 'summary_text', text: item.text }] };
    case 'function_call': {
      const { id, callId, name, text } = item;
      return { id, type: 'function_call', status: 'completed', call_id: callId, name, arguments: text };
    }
  }
}

function doneEvents(item: OpenItem): JsonObject[] {
  switch (item.kind) {
    case 'message':
      return [
        { type: 'response.output_text.done', text: item.text },
        { type: 'response.content_part.done', part: { type: 'output_text', text: item.text, annotations: [] } },
      ];
    case 'reasoning':
      return [
        { type: 'response.reasoning_summary_text.done', text: item.text },
        { type: 'response.reasoning_summary_part.done', part: { type: 'summary_text', text: item.text } },
      ];
    case 'function_call':
      return [{ type: 'response.function_call_arguments.done', arguments: item.text, name: item.name }];
  }
}

/** Reads what a streamed answer of the Responses API says, as far as it is counted. */
export class OpenAiResponsesReader {
  #isFinished = false;
  #calls = 0;

  read(event: unknown): ChatEvent[] | null {
    if (!isObject(event) || typeof event['type'] !== 'string') return null;
    const response = objectOf(event['response']);
    const delta = String(event['delta'] ?? '');
    switch (event['type']) {
      case 'response.created':
        return [{ type: 'start', id: String(response['id'] ?? ''), model: String(response['model'] ?? '') }];
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        return [{ type: 'text', text: delta }];
      case 'response.reasoning_text.delta':
      case 'response.reasoning_summary_text.delta':
        return [{ type: 'reasoning', text: delta }];
      case 'response.output_item.added':
        return this.#readItem(objectOf(event['item']));
      case 'response.function_call_arguments.delta':
        return [{ type: 'tool_arguments', index: Math.max(0, this.#calls - 1), text: delta }];
      case 'response.completed':
      case 'response.incomplete':
        return this.#finish(response);
      default:
        return [];
    }
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  #readItem(item: JsonObject): ChatEvent[] {
    if (item['type'] !== 'function_call') return [];
    return [
      { type: 'tool_call', index: this.#calls++, id: String(item['call_id'] ?? ''), name: String(item['name'] ?? '') },
    ];
  }

  #finish(response: JsonObject): ChatEvent[] {
    if (this.#isFinished) return [];
    this.#isFinished = true;
    const cut = objectOf(response['incomplete_details'])['reason'];
    const whole = this.#calls > 0 ? 'tool_calls' : 'stop';
    const reason = cut === 'max_output_tokens' ? 'length' : cut === 'content_filter' ? 'content_filter' : whole;
    return [
      { type: 'finish', reason },
      { type: 'usage', usage: usageOfResponses(objectOf(response['usage'])) },
    ];
  }
}

/** Reads a whole answer of the Responses API; null when it is none. */
export function decodeOpenAiResponsesAnswer(body: unknown): ChatResponse | null {
  if (!isObject(body) || body['object'] !== 'response') return null;
  const reader = new OpenAiResponsesReader();
  const events: ChatEvent[] = [...(reader.read({ type: 'response.created', response: body }) ?? [])];
  for (const item of listOf(body['output']).map(objectOf)) events.push(...readItem(reader, item));
  events.push(...(reader.read({ type: 'response.completed', response: body }) ?? []));
  return answerOf(events);
}

/** An item of a whole answer, as the stream would have told it. */
function readItem(reader: OpenAiResponsesReader, item: JsonObject): ChatEvent[] {
  const events = [...(reader.read({ type: 'response.output_item.added', item }) ?? [])];
  const tell = (type: string, delta: unknown): void => void events.push(...(reader.read({ type, delta }) ?? []));
  if (item['type'] === 'function_call') tell('response.function_call_arguments.delta', item['arguments']);
  for (const part of listOf(item['content']).map(objectOf))
    tell('response.output_text.delta', part['text'] ?? part['refusal']);
  for (const part of listOf(item['summary']).map(objectOf)) tell('response.reasoning_summary_text.delta', part['text']);
  return events;
}
