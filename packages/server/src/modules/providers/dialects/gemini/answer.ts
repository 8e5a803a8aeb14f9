import type { ChatEvent, ChatResponse, StopReason, TokenUsage } from '../../model.ts';
import { answerOf } from '../gathered-answer.ts';
import { countOf, isObject, type JsonObject, textOf } from '../json-reader.ts';

const STOP_REASONS: Readonly<Record<string, StopReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
};

/** Reads Gemini's `usageMetadata`: cached tokens are a part of the prompt's, thoughts are not a part of the candidates'. */
function usageOfGemini(usage: JsonObject): TokenUsage {
  const cacheRead = Math.min(countOf(usage['cachedContentTokenCount']), countOf(usage['promptTokenCount']));
  const reasoning = countOf(usage['thoughtsTokenCount']);
  return {
    input: countOf(usage['promptTokenCount']) + countOf(usage['toolUsePromptTokenCount']) - cacheRead,
    cacheRead,
    cacheWrite: 0,
    output: countOf(usage['candidatesTokenCount']) + reasoning,
    reasoning,
  };
}

/** Reads the answers of `generateContent`, whole or one streamed piece at a time. */
export class GeminiReader {
  #isStarted = false;
  #tools = 0;
  #isFinished = false;

  /** What a piece adds; null when it is not one. */
  read(piece: unknown): ChatEvent[] | null {
    if (!isObject(piece)) return null;
    const events: ChatEvent[] = [];
    if (!this.#isStarted) {
      this.#isStarted = true;
      events.push({ type: 'start', id: textOf(piece['responseId']), model: textOf(piece['modelVersion']) });
    }
    const candidate = Array.isArray(piece['candidates']) ? piece['candidates'][0] : null;
    if (isObject(candidate)) this.#readCandidate(candidate, events);
    else if (isObject(piece['promptFeedback'])) this.#finish('content_filter', events);
    if (isObject(piece['usageMetadata'])) events.push({ type: 'usage', usage: usageOfGemini(piece['usageMetadata']) });
    return events;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  #readCandidate(candidate: JsonObject, events: ChatEvent[]): void {
    const parts = isObject(candidate['content']) ? candidate['content']['parts'] : null;
    for (const part of Array.isArray(parts) ? parts : []) if (isObject(part)) this.#readPart(part, events);
    if (typeof candidate['finishReason'] !== 'string') return;
    const reason = STOP_REASONS[candidate['finishReason']] ?? 'stop';
    this.#finish(reason === 'stop' && this.#tools > 0 ? 'tool_calls' : reason, events);
  }

  #readPart(part: JsonObject, events: ChatEvent[]): void {
    if (isObject(part['functionCall'])) {
      const { id, name, args } = part['functionCall'];
      const index = this.#tools++;
      // Gemini may leave the id out; the others need one to answer to.
      events.push({ type: 'tool_call', index, id: textOf(id) || `call_${index}_${textOf(name)}`, name: textOf(name) });
      events.push({ type: 'tool_arguments', index, text: JSON.stringify(args ?? {}) });
    } else if (part['thought'] === true) events.push({ type: 'reasoning', text: textOf(part['text']) });
    else if (textOf(part['text']) !== '') events.push({ type: 'text', text: textOf(part['text']) });
    if (typeof part['thoughtSignature'] === 'string')
      events.push({ type: 'reasoning_signature', signature: part['thoughtSignature'] });
  }

  #finish(reason: StopReason, events: ChatEvent[]): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    events.push({ type: 'finish', reason });
  }
}

/** Reads a whole answer of `generateContent`; null when it is none. */
export function decodeGeminiAnswer(body: unknown): ChatResponse | null {
  const reader = new GeminiReader();
  const events = reader.read(body);
  return events === null || !reader.isFinished ? null : answerOf(events);
}
