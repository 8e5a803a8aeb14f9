import type { ChatEvent, ChatResponse } from '../model.ts';

/** An answer as the events that it would be streamed in. */
export function* eventsOf({ id, model, content, stopReason, usage }: ChatResponse): Generator<ChatEvent> {
  yield { type: 'start', id, model };
  let calls = 0;
  for (const part of content) {
    switch (part.type) {
      case 'text':
        yield { type: 'text', text: part.text };
        break;
      case 'tool_call': {
        const index = calls++;
        yield { type: 'tool_call', index, id: part.id, name: part.name };
        yield { type: 'tool_arguments', index, text: part.arguments };
        break;
      }
      case 'reasoning':
        if (part.redacted !== null) yield { type: 'reasoning_redacted', data: part.redacted };
        else yield { type: 'reasoning', text: part.text };
        if (part.signature !== null) yield { type: 'reasoning_signature', signature: part.signature };
    }
  }
  yield { type: 'usage', usage };
  yield { type: 'finish', reason: stopReason };
}
