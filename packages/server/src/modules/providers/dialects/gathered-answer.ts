import { type AssistantPart, type ChatEvent, type ChatResponse, NO_USAGE } from '../model.ts';

/** Puts the pieces of an answer together. */
export function answerOf(events: Iterable<ChatEvent>): ChatResponse {
  const gathered = new GatheredAnswer();
  for (const event of events) gathered.add(event);
  return gathered.answer;
}

/** An answer as far as it has come. */
export class GatheredAnswer {
  readonly answer: ChatResponse = { id: '', model: '', content: [], stopReason: 'stop', usage: NO_USAGE };
  readonly #calls = new Map<number, AssistantPart & { type: 'tool_call' }>();

  add(event: ChatEvent): void {
    const { answer } = this;
    switch (event.type) {
      case 'start':
        answer.id = event.id;
        answer.model = event.model;
        return;
      case 'text':
        addText(answer.content, event.text);
        return;
      case 'reasoning':
        addReasoning(answer.content).text += event.text;
        return;
      case 'reasoning_signature':
        addReasoning(answer.content).signature = event.signature;
        return;
      case 'reasoning_redacted':
        answer.content.push({ type: 'reasoning', text: '', signature: null, redacted: event.data });
        return;
      case 'tool_call': {
        const call = { type: 'tool_call', id: event.id, name: event.name, arguments: '' } as const;
        const part = { ...call } as AssistantPart & { type: 'tool_call' };
        this.#calls.set(event.index, part);
        answer.content.push(part);
        return;
      }
      case 'tool_arguments': {
        const call = this.#calls.get(event.index);
        if (call) call.arguments += event.text;
        return;
      }
      case 'finish':
        answer.stopReason = event.reason;
        return;
      case 'usage':
        answer.usage = event.usage;
    }
  }
}

function addText(content: AssistantPart[], added: string): void {
  const last = content[content.length - 1];
  if (last?.type === 'text') last.text += added;
  else content.push({ type: 'text', text: added });
}

function addReasoning(content: AssistantPart[]): AssistantPart & { type: 'reasoning' } {
  const last = content[content.length - 1];
  if (last?.type === 'reasoning' && last.redacted === null) return last;
  const part: AssistantPart & { type: 'reasoning' } = { type: 'reasoning', text: '', signature: null, redacted: null };
  content.push(part);
  return part;
}
