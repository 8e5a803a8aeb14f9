import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AssistantPart, ChatEvent, ChatRequest, ChatResponse, Message, UserPart } from '../model.ts';
import {
  AnthropicStreamReader,
  AnthropicStreamWriter,
  decodeAnthropicAnswer,
  encodeAnthropicAnswer,
} from './anthropic/answer.ts';
import { decodeAnthropicRequest, encodeAnthropicRequest } from './anthropic/request.ts';
import { answerOf } from './gathered-answer.ts';
import {
  decodeOpenAiChatAnswer,
  encodeOpenAiChatAnswer,
  OpenAiChatReader,
  OpenAiChatStreamWriter,
} from './openai-chat/answer.ts';
import { decodeOpenAiChatRequest, encodeOpenAiChatRequest } from './openai-chat/request.ts';
import {
  decodeOpenAiResponsesAnswer,
  encodeOpenAiResponsesAnswer,
  OpenAiResponsesReader,
  OpenAiResponsesWriter,
} from './openai-responses/answer.ts';
import { decodeOpenAiResponsesRequest } from './openai-responses/request.ts';

/** As it travels: what is undefined is not there. */
const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const some = fc.string({ minLength: 1, maxLength: 20 });
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,15}$/);
const schema = fc.constant({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] });
const base64 = fc.constant('aGVsbG8=');
const image = fc.record({
  type: fc.constant('image' as const),
  source: fc.oneof(
    fc.record({ kind: fc.constant('base64' as const), mediaType: fc.constant('image/png'), data: base64 }),
    fc.record({ kind: fc.constant('url' as const), url: fc.webUrl() }),
  ),
});
const text = some.map((said) => ({ type: 'text' as const, text: said }));
const call = fc.record({
  type: fc.constant('tool_call' as const),
  id: name,
  name,
  arguments: fc.dictionary(name, fc.oneof(some, fc.integer(), fc.boolean())).map((value) => JSON.stringify(value)),
});
const result = fc.record({
  type: fc.constant('tool_result' as const),
  callId: name,
  content: fc.array(text, { minLength: 1, maxLength: 1 }),
  isError: fc.constant(false),
});
const said = fc.array<UserPart>(fc.oneof(text, image), { minLength: 1, maxLength: 4 });
const spoken = fc
  .tuple(fc.array(text, { maxLength: 1 }), fc.array(call, { maxLength: 2 }))
  .map(([first, calls]): AssistantPart[] =>
    first.length + calls.length === 0 ? [{ type: 'text', text: 'x' }] : [...first, ...calls],
  );
const turn = fc.oneof<fc.Arbitrary<Message>[]>(
  said.map((content) => ({ role: 'user', content })),
  spoken.map((content) => ({ role: 'assistant', content })),
  result.map((part) => ({ role: 'user', content: [part] })),
);
const alternating = fc
  .array(fc.tuple(turn, spoken), { minLength: 1, maxLength: 4 })
  .map((turns) =>
    turns.flatMap(([first, content]): Message[] =>
      first.role === 'user'
        ? [first, { role: 'assistant', content }]
        : [first, { role: 'user', content: [{ type: 'text', text: 'go on' }] }],
    ),
  );

/** What both dialects can say. */
const request: fc.Arbitrary<ChatRequest> = fc.record({
  model: name,
  messages: fc
    .tuple(fc.array(text, { maxLength: 1 }), alternating)
    .map(([system, turns]): Message[] => (system.length > 0 ? [{ role: 'system', content: system }, ...turns] : turns)),
  tools: fc.array(
    fc.record({ name, description: fc.option(some), parameters: schema, strict: fc.option(fc.boolean()) }),
    {
      maxLength: 2,
    },
  ),
  toolChoice: fc.option(
    fc.oneof(
      fc.constantFrom<{ mode: 'auto' | 'required' }[]>({ mode: 'auto' }, { mode: 'required' }),
      name.map((tool) => ({ mode: 'tool' as const, name: tool })),
    ),
  ),
  parallelToolCalls: fc.constant(null),
  maxTokens: fc.integer({ min: 1, max: 100_000 }),
  temperature: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  topP: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  topK: fc.constant(null),
  seed: fc.constant(null),
  stop: fc.array(some, { maxLength: 2 }),
  frequencyPenalty: fc.constant(null),
  presencePenalty: fc.constant(null),
  format: fc.option(schema.map((of) => ({ type: 'json_schema' as const, name: 'answer', schema: of, strict: true }))),
  reasoning: fc.option(
    fc.constantFrom<NonNullable<ChatRequest['reasoning']>[]>(
      { effort: 'low', budgetTokens: null },
      { effort: 'high', budgetTokens: null },
    ),
  ),
  user: fc.option(some),
});

/** Minus zero is not told from zero in JSON. */
const settled = (of: ChatRequest): unknown => sent(of);

describe('a request', () => {
  test('that OpenAI can say comes back the same from its words', () => {
    fc.assert(
      fc.property(request, fc.boolean(), (asked, stream) => {
        const decoded = decodeOpenAiChatRequest(sent(encodeOpenAiChatRequest(asked, { stream })));
        expect(settled(decoded.request)).toEqual(settled(asked));
        expect(decoded.stream).toBe(stream);
      }),
    );
  });

  test('that Anthropic can say comes back the same from its words', () => {
    fc.assert(
      fc.property(request, fc.boolean(), (asked, stream) => {
        const decoded = decodeAnthropicRequest(sent(encodeAnthropicRequest(asked, { stream })));
        expect(settled(decoded.request)).toEqual(settled(asked));
        expect(decoded.stream).toBe(stream);
      }),
    );
  });

  test('is refused by the name of what is not understood, and never with anything but a refusal', () => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.record({ model: some, messages: fc.array(fc.jsonValue()), max_tokens: fc.jsonValue(), input: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(junk, (body) => {
        for (const decode of [decodeOpenAiChatRequest, decodeAnthropicRequest, decodeOpenAiResponsesRequest]) {
          try {
            decode(body);
          } catch (error) {
            expect(error).toMatchObject({ kind: 'invalid', code: expect.stringMatching(/^chat\./) });
          }
        }
      }),
    );
  });
});

const usage = fc.record({
  input: fc.nat(10_000),
  cacheRead: fc.nat(10_000),
  cacheWrite: fc.constant(0),
  output: fc.nat(10_000),
  reasoning: fc.constant(0),
});
const answer: fc.Arbitrary<ChatResponse> = fc.record({
  id: name,
  model: name,
  content: spoken,
  stopReason: fc.constantFrom('stop' as const, 'length' as const, 'tool_calls' as const),
  usage,
});

/** An answer cut into pieces, as a stream brings it. */
function piecesOf(of: ChatResponse): ChatEvent[] {
  const events: ChatEvent[] = [{ type: 'start', id: of.id, model: of.model }];
  let index = 0;
  for (const part of of.content) {
    if (part.type === 'text') for (const letter of part.text) events.push({ type: 'text', text: letter });
    if (part.type !== 'tool_call') continue;
    events.push({ type: 'tool_call', index, id: part.id, name: part.name });
    for (const letter of part.arguments) events.push({ type: 'tool_arguments', index, text: letter });
    index += 1;
  }
  return [...events, { type: 'finish', reason: of.stopReason }, { type: 'usage', usage: of.usage }];
}

type Writer = { write(event: ChatEvent): unknown[]; end(): unknown[] };
type Reader = { read(chunk: unknown): ChatEvent[] | null; isFinished: boolean };

function throughWire(of: ChatResponse, writer: Writer, reader: Reader): ChatResponse {
  const chunks = [...piecesOf(of).flatMap((event) => writer.write(event)), ...writer.end()];
  const events = chunks.flatMap((chunk) => reader.read(sent(chunk)) ?? []);
  expect(reader.isFinished).toBe(true);
  return answerOf(events);
}

describe('an answer', () => {
  test('comes back the same from the words of OpenAI, whole and streamed', () => {
    fc.assert(
      fc.property(answer, (given) => {
        expect(decodeOpenAiChatAnswer(sent(encodeOpenAiChatAnswer(given, 1)))).toEqual(given);
        const writer = new OpenAiChatStreamWriter({ created: 1, includeUsage: true });
        expect(throughWire(given, writer, new OpenAiChatReader())).toEqual(given);
      }),
    );
  });

  test('streamed in the words of the Responses API comes back the same, and its last event holds it whole', () => {
    fc.assert(
      fc.property(answer, (given) => {
        const { content, usage: counted } = throughWire(
          given,
          new OpenAiResponsesWriter(1),
          new OpenAiResponsesReader(),
        );
        expect({ content, counted }).toEqual({ content: given.content, counted: given.usage });
        const whole = sent(encodeOpenAiResponsesAnswer(given, 1)) as { output: { type: string }[]; status: string };
        expect(whole.output.map(({ type }) => type)).toEqual(
          given.content.map(({ type }) => (type === 'text' ? 'message' : 'function_call')),
        );
        expect(decodeOpenAiResponsesAnswer(whole)?.content).toEqual(given.content);
        expect(whole.status).toBe(given.stopReason === 'length' ? 'incomplete' : 'completed');
      }),
    );
  });

  test('comes back the same from the words of Anthropic, whole and streamed', () => {
    fc.assert(
      fc.property(answer, (given) => {
        // Arguments are an object there: how they were spaced is lost.
        const spaced = sent(given);
        expect(decodeAnthropicAnswer(sent(encodeAnthropicAnswer(given)))).toEqual(spaced);
        expect(throughWire(given, new AnthropicStreamWriter(), new AnthropicStreamReader())).toEqual(spaced);
      }),
    );
  });
});
