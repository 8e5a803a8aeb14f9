import { expect, test } from 'vitest';
import { answerOf } from '../dialects/index.ts';
import type { ChatResponse } from '../model.ts';
import { eventsOf } from './told-again.ts';

test('an answer that is told in events is the answer again', () => {
  const answer: ChatResponse = {
    id: 'chatcmpl-1',
    model: 'm',
    content: [
      { type: 'reasoning', text: 'Hm.', signature: 's', redacted: null },
      { type: 'reasoning', text: '', signature: null, redacted: 'r' },
      { type: 'text', text: 'Two calls.' },
      { type: 'tool_call', id: 'a', name: 'first', arguments: '{"x":1}' },
      { type: 'tool_call', id: 'b', name: 'second', arguments: '{}' },
    ],
    stopReason: 'tool_calls',
    usage: { input: 1, cacheRead: 2, cacheWrite: 3, output: 4, reasoning: 1 },
  };
  expect(answerOf(eventsOf(answer))).toEqual(answer);
});
