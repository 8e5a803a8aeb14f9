import type { ChatEvent, ChatResponse, TokenUsage } from '../../model.ts';
import { answerOf } from '../gathered-answer.ts';
import { countOf, isObject, type JsonObject, textOf } from '../json-reader.ts';

const usageOfOllama = (piece: JsonObject): TokenUsage => ({
  input: countOf(piece['prompt_eval_count']),
  cacheRead: 0,
  cacheWrite: 0,
  output: countOf(piece['eval_count']),
  reasoning: 0,
});

/** Reads the answers of `/api/chat`, whole or one line of the stream at a time. */
export class OllamaReader {
  #isStarted = false;
  #tools = 0;
  #isFinished = false;

  /** What a line adds; null when it is not one. */
  read(piece: unknown): ChatEvent[] | null {
    if (!isObject(piece)) return null;
    const events: ChatEvent[] = [];
    if (!this.#isStarted) {
      this.#isStarted = true;
      events.push({ type: 'start', id: `ollama_${textOf(piece['created_at'])}`, model: textOf(piece['model']) });
    }
    if (isObject(piece['message'])) this.#readMessage(piece['message'], events);
    if (piece['done'] === true && !this.#isFinished) {
      this.#isFinished = true;
      const reason = piece['done_reason'] === 'length' ? 'length' : this.#tools > 0 ? 'tool_calls' : 'stop';
      events.push({ type: 'finish', reason }, { type: 'usage', usage: usageOfOllama(piece) });
    }
    return events;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  #readMessage(message: JsonObject, events: ChatEvent[]): void {
    if (textOf(message['thinking']) !== '') events.push({ type: 'reasoning', text: textOf(message['thinking']) });
    if (textOf(message['content']) !== '') events.push({ type: 'text', text: textOf(message['content']) });
    for (const call of Array.isArray(message['tool_calls']) ? message['tool_calls'] : []) {
      if (!isObject(call) || !isObject(call['function'])) continue;
      const { name, arguments: given } = call['function'];
      const index = this.#tools++;
      events.push({
        type: 'tool_call',
        index,
        id: textOf(call['id']) || `call_${index}_${textOf(name)}`,
        name: textOf(name),
      });
      events.push({ type: 'tool_arguments', index, text: JSON.stringify(given ?? {}) });
    }
  }
}

/** Reads a whole answer of `/api/chat`; null when it is none. */
export function decodeOllamaAnswer(body: unknown): ChatResponse | null {
  const reader = new OllamaReader();
  const events = reader.read(body);
  return events === null || !reader.isFinished ? null : answerOf(events);
}
