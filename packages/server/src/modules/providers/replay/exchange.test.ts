import { describe, expect, test } from 'vitest';
import { anthropicMessages, openAiChat, openAiResponses } from '../dialects/client-dialects.ts';
import { answerOf } from '../dialects/index.ts';
import type { ChatEvent, ChatResponse } from '../model.ts';
import { digestOf, type Exchange, piecesOf, readExchange, writeExchange } from './exchange.ts';

const chat = (more: object = {}) =>
  openAiChat.decode({
    model: 'm',
    max_tokens: 50,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello.' },
    ],
    ...more,
  });

describe('a digest', () => {
  test('is the same for the same question in each dialect, whole or streamed', () => {
    const messages = [{ role: 'user', content: 'Hello.' }];
    const cached = [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }];
    const anthropic = { model: 'm', max_tokens: 50, system: cached, messages, stream: true };
    const responses = { model: 'm', max_output_tokens: 50, instructions: 'Be brief.', input: 'Hello.', stream: true };
    const digest = digestOf(chat());
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(digestOf(anthropicMessages.decode(anthropic))).toBe(digest);
    expect(digestOf(openAiResponses.decode(responses))).toBe(digest);
    expect(digestOf(chat({ user: 'somebody' }))).toBe(digest);
  });

  test('is another for another question, model or bound', () => {
    const asked = [chat(), chat({ model: 'n' }), chat({ max_tokens: 51 }), chat({ temperature: 0 }), chat({ seed: 1 })];
    expect(new Set(asked.map(digestOf)).size).toBe(asked.length);
  });
});

const USAGE = { input: 3, cacheRead: 1, cacheWrite: 0, output: 9, reasoning: 2 };
const ANSWER: ChatResponse = {
  id: 'msg_1',
  model: 'm-2026',
  content: [
    { type: 'reasoning', text: 'Hm.', signature: 'signed', redacted: null },
    { type: 'text', text: 'It is "here":\n…' },
    { type: 'tool_call', id: 'call_1', name: 'look', arguments: '{"at":"it"}' },
  ],
  stopReason: 'tool_calls',
  usage: USAGE,
};

const anExchange = (): Exchange => ({
  format: 1,
  digest: digestOf(chat()),
  recorded_at: '2026-01-01T00:00:00.000Z',
  from: { provider: 'p', model: 'm', cost_micros: 12, price_version: 'v' },
  request: chat(),
  usage: USAGE,
  answer: piecesOf(ANSWER).map((event) => ({ at: 5, ...event })),
});

describe('an exchange', () => {
  test('is read as it was written, and its pieces make the whole answer again', () => {
    const exchange = anExchange();
    const read = readExchange(writeExchange(exchange), exchange.digest);
    expect(read).toEqual(exchange);
    const events = (read?.answer ?? []) as ChatEvent[];
    expect(answerOf([...events, { type: 'usage', usage: USAGE }])).toEqual(ANSWER);
  });

  test.each([
    ['of another name', (exchange: Exchange) => ({ ...exchange, digest: '0'.repeat(64) })],
    ['of another format', (exchange: Exchange) => ({ ...exchange, format: 2 })],
    ['without its end', (exchange: Exchange) => ({ ...exchange, answer: exchange.answer.slice(0, -1) })],
    ['with a piece that nobody knows', (exchange: Exchange) => ({ ...exchange, answer: [{ at: 1, type: 'x' }] })],
    ['with usage that is none', (exchange: Exchange) => ({ ...exchange, usage: { ...USAGE, output: -1 } })],
    ['of no answer', (exchange: Exchange) => ({ ...exchange, answer: null })],
  ])('%s is none', (_what, change) => {
    const exchange = anExchange();
    expect(readExchange(JSON.stringify(change(exchange)), exchange.digest)).toBeNull();
  });

  test('that is no JSON is none', () => {
    expect(readExchange('{"format": 1', 'x')).toBeNull();
  });
});
