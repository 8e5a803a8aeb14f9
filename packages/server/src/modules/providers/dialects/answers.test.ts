import { describe, expect, test } from 'vitest';
import type { ChatEvent, ChatRequest } from '../model.ts';
import { AnthropicStreamReader, AnthropicStreamWriter } from './anthropic/answer.ts';
import { decodeAnthropicRequest } from './anthropic/request.ts';
import { answerOf } from './gathered-answer.ts';
import { decodeGeminiAnswer, GeminiReader } from './gemini/answer.ts';
import { encodeGeminiRequest } from './gemini/request.ts';
import { decodeOllamaAnswer, OllamaReader } from './ollama/answer.ts';
import { encodeOllamaRequest } from './ollama/request.ts';
import { OpenAiChatReader } from './openai-chat/answer.ts';
import { decodeOpenAiChatRequest } from './openai-chat/request.ts';
import { OpenAiResponsesWriter } from './openai-responses/answer.ts';
import { decodeOpenAiResponsesRequest } from './openai-responses/request.ts';

type Reader = { read(chunk: unknown): ChatEvent[] | null };
const readAll = (reader: Reader, chunks: readonly unknown[]) =>
  answerOf(chunks.flatMap((chunk) => reader.read(chunk) ?? []));
const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** A conversation with a tool, as OpenAI's clients send it. */
const conversation = (): ChatRequest =>
  decodeOpenAiChatRequest({
    model: 'any',
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
    ],
    tools: [{ type: 'function', function: { name: 'look', description: 'Look.', parameters: { type: 'object' } } }],
    max_tokens: 50,
    temperature: 0,
    stop: 'END',
  }).request;

describe('Gemini', () => {
  test('is asked in its own words, with the function of a result by name', () => {
    expect(sent(encodeGeminiRequest(conversation()))).toEqual({
      contents: [
        { role: 'user', parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: 'aGk=' } }] },
        { role: 'model', parts: [{ functionCall: { id: 'call_1', name: 'look', args: { at: 'it' } } }] },
        { role: 'user', parts: [{ functionResponse: { id: 'call_1', name: 'look', response: { result: 'a cat' } } }] },
      ],
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      tools: [
        { functionDeclarations: [{ name: 'look', description: 'Look.', parametersJsonSchema: { type: 'object' } }] },
      ],
      generationConfig: { maxOutputTokens: 50, temperature: 0, stopSequences: ['END'] },
    });
  });

  test('answers with thoughts, text and calls, and counts thoughts as output', () => {
    const whole = {
      responseId: 'r1',
      modelVersion: 'gemini-2.5-pro',
      candidates: [
        {
          content: {
            role: 'model',
            parts: [
              { text: 'Hm.', thought: true },
              { text: 'It is ' },
              { functionCall: { name: 'look', args: { at: 'it' } }, thoughtSignature: 'sig' },
            ],
          },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: {
        promptTokenCount: 10,
        cachedContentTokenCount: 4,
        candidatesTokenCount: 5,
        thoughtsTokenCount: 3,
        totalTokenCount: 18,
      },
    };
    const answer = decodeGeminiAnswer(whole);
    expect(answer).toMatchObject({
      id: 'r1',
      model: 'gemini-2.5-pro',
      stopReason: 'tool_calls',
      usage: { input: 6, cacheRead: 4, cacheWrite: 0, output: 8, reasoning: 3 },
    });
    expect(answer?.content.map(({ type }) => type)).toEqual(['reasoning', 'text', 'tool_call', 'reasoning']);
  });

  test('streams pieces of the same form, and a blocked prompt is a filter', () => {
    const streamed = readAll(new GeminiReader(), [
      { responseId: 'r', modelVersion: 'm', candidates: [{ content: { parts: [{ text: 'a' }] } }] },
      {
        candidates: [{ content: { parts: [{ text: 'b' }] }, finishReason: 'MAX_TOKENS' }],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 },
      },
    ]);
    expect(streamed).toMatchObject({
      content: [{ type: 'text', text: 'ab' }],
      stopReason: 'length',
      usage: { input: 1, output: 2 },
    });
    expect(decodeGeminiAnswer({ promptFeedback: { blockReason: 'SAFETY' } })).toMatchObject({
      stopReason: 'content_filter',
    });
    expect(decodeGeminiAnswer({ error: { code: 400 } })).toBeNull();
  });
});

describe('Ollama', () => {
  test('is asked in its own words', () => {
    expect(sent(encodeOllamaRequest(conversation(), { stream: true }))).toEqual({
      model: 'any',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'What is this?', images: ['aGk='] },
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ id: 'call_1', function: { name: 'look', arguments: { at: 'it' } } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
      ],
      tools: [{ type: 'function', function: { name: 'look', description: 'Look.', parameters: { type: 'object' } } }],
      options: { num_predict: 50, temperature: 0, stop: ['END'] },
      stream: true,
    });
  });

  test('streams lines, the last of which counts', () => {
    const lines = [
      { model: 'llama', created_at: 't', message: { role: 'assistant', content: 'Hel' }, done: false },
      { model: 'llama', created_at: 't', message: { role: 'assistant', content: 'lo' }, done: false },
      {
        model: 'llama',
        created_at: 't',
        message: { role: 'assistant', content: '' },
        done: true,
        done_reason: 'stop',
        prompt_eval_count: 7,
        eval_count: 2,
      },
    ];
    expect(readAll(new OllamaReader(), lines)).toMatchObject({
      model: 'llama',
      content: [{ type: 'text', text: 'Hello' }],
      stopReason: 'stop',
      usage: { input: 7, output: 2 },
    });
    expect(decodeOllamaAnswer(lines[0])).toBeNull();
  });

  test.each([
    [
      'an image by address',
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.test/a.png' } }] },
    ],
  ])('refuses %s by name', (_name, message) => {
    const { request } = decodeOpenAiChatRequest({ model: 'm', messages: [message] });
    expect(() => encodeOllamaRequest(request, { stream: false })).toThrow(/image_url/);
  });
});

describe('Anthropic', () => {
  const stream = [
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude',
        content: [],
        usage: { input_tokens: 12, cache_read_input_tokens: 3, cache_creation_input_tokens: 2, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'sig' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'ping' },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Let me look.' } },
    { type: 'content_block_stop', index: 1 },
    {
      type: 'content_block_start',
      index: 2,
      content_block: { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
    },
    { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"at":' } },
    { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '"it"}' } },
    { type: 'content_block_stop', index: 2 },
    { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 30 } },
    { type: 'message_stop' },
  ];

  test('streams blocks, and the counts that come last complete those that came first', () => {
    expect(readAll(new AnthropicStreamReader(), stream)).toEqual({
      id: 'msg_1',
      model: 'claude',
      content: [
        { type: 'reasoning', text: 'Hm', signature: 'sig', redacted: null },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_call', id: 'toolu_1', name: 'look', arguments: '{"at":"it"}' },
      ],
      stopReason: 'tool_calls',
      usage: { input: 12, cacheRead: 3, cacheWrite: 2, output: 30, reasoning: 0 },
    });
  });

  test('gets its own stream back from our writer, block for block', () => {
    const reader = new AnthropicStreamReader();
    const writer = new AnthropicStreamWriter();
    const written = [
      ...stream.flatMap((event) => reader.read(event) ?? []).flatMap((event) => writer.write(event)),
      ...writer.end(),
    ];
    const kinds = (events: readonly unknown[]) =>
      events.map((event) => (event as { type: string }).type).filter((type) => type !== 'ping');
    expect(kinds(written)).toEqual(kinds(stream));
  });

  test('is read with its cache marks, documents and results', () => {
    const { request } = decodeAnthropicRequest({
      model: 'claude',
      max_tokens: 10,
      system: [{ type: 'text', text: 'Long.', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' },
              title: 'Paper',
            },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'look', input: { a: 1 } }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'seen' }], is_error: true },
          ],
        },
      ],
    });
    expect(request.messages).toEqual([
      { role: 'system', content: [{ type: 'text', text: 'Long.', cache: true }] },
      {
        role: 'user',
        content: [
          { type: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'aGk=' }, name: 'Paper' },
        ],
      },
      { role: 'assistant', content: [{ type: 'tool_call', id: 't', name: 'look', arguments: '{"a":1}' }] },
      {
        role: 'user',
        content: [{ type: 'tool_result', callId: 't', content: [{ type: 'text', text: 'seen' }], isError: true }],
      },
    ]);
  });

  test.each([
    ['max_tokens', { model: 'm', messages: [{ role: 'user', content: 'x' }] }],
    ['messages', { model: 'm', max_tokens: 1, messages: [] }],
    [
      'messages.0.content.0.source.type',
      {
        model: 'm',
        max_tokens: 1,
        messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }] }],
      },
    ],
    [
      'tools.0.type',
      {
        model: 'm',
        max_tokens: 1,
        messages: [{ role: 'user', content: 'x' }],
        tools: [{ type: 'bash_20250124', name: 'bash' }],
      },
    ],
    ['container', { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }], container: 'c' }],
  ])('is refused where %s cannot be understood', (field, body) => {
    expect(() => decodeAnthropicRequest(body)).toThrow(
      expect.objectContaining({ faults: [expect.objectContaining({ field })] }),
    );
  });
});

describe('OpenAI', () => {
  test('streams deltas, with the usage in a chunk of its own', () => {
    const reader = new OpenAiChatReader();
    const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-x' };
    const delta = (of: object, finish: string | null = null) => ({
      ...head,
      choices: [{ index: 0, delta: of, finish_reason: finish }],
    });
    const answer = readAll(reader, [
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Hi' }),
      delta({ tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: { name: 'look', arguments: '' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }),
      delta({
        tool_calls: [{ index: 1, id: 'call_b', type: 'function', function: { name: 'see', arguments: '{"a":1}' } }],
      }),
      delta({}, 'tool_calls'),
      {
        ...head,
        choices: [],
        usage: {
          prompt_tokens: 9,
          completion_tokens: 4,
          prompt_tokens_details: { cached_tokens: 5 },
          completion_tokens_details: { reasoning_tokens: 2 },
        },
      },
    ]);
    expect(answer).toEqual({
      id: 'chatcmpl-1',
      model: 'gpt-x',
      content: [
        { type: 'text', text: 'Hi' },
        { type: 'tool_call', id: 'call_a', name: 'look', arguments: '{}' },
        { type: 'tool_call', id: 'call_b', name: 'see', arguments: '{"a":1}' },
      ],
      stopReason: 'tool_calls',
      usage: { input: 4, cacheRead: 5, cacheWrite: 0, output: 4, reasoning: 2 },
    });
    expect(reader.isFinished).toBe(true);
  });

  test.each([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['audio', { audio: { voice: 'x' } }],
    ['tools.0.type', { tools: [{ type: 'web_search' }] }],
  ])('is refused where %s has no meaning elsewhere', (field, more) => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], ...more };
    expect(() => decodeOpenAiChatRequest(body)).toThrow(
      expect.objectContaining({ faults: [expect.objectContaining({ field })] }),
    );
  });

  test('is taken with what changes nothing about the answer', () => {
    const { request } = decodeOpenAiChatRequest({
      model: 'm',
      messages: [
        { role: 'developer', content: 'd' },
        { role: 'user', content: 'x' },
      ],
      n: 1,
      logprobs: false,
      store: true,
      metadata: { a: 'b' },
      service_tier: 'auto',
      stream_options: { include_usage: true },
      max_completion_tokens: 7,
    });
    expect(request).toMatchObject({ maxTokens: 7, messages: [{ role: 'system' }, { role: 'user' }] });
  });
});

describe('the Responses API', () => {
  test('is read with its items, which belong together by side', () => {
    const { request, stream } = decodeOpenAiResponsesRequest({
      model: 'm',
      instructions: 'Be brief.',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'Look' },
            { type: 'input_image', image_url: 'data:image/png;base64,aGk=' },
          ],
        },
        { type: 'reasoning', id: 'rs', summary: [], encrypted_content: 'x' },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
        { type: 'function_call', call_id: 'c2', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'a cat' },
        { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'a dog' }] },
      ],
      tools: [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: true }],
      tool_choice: { type: 'function', name: 'look' },
      text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true } },
      reasoning: { effort: 'low', summary: 'auto' },
      max_output_tokens: 9,
      store: false,
      stream: true,
    });
    expect(stream).toBe(true);
    expect(request.messages.map(({ role, content }) => `${role} ${content.map(({ type }) => type).join('+')}`)).toEqual(
      ['system text', 'user text+image', 'assistant tool_call+tool_call', 'user tool_result+tool_result'],
    );
    expect(request).toMatchObject({
      maxTokens: 9,
      toolChoice: { mode: 'tool', name: 'look' },
      reasoning: { effort: 'low' },
    });
  });

  test.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['background', { background: true }],
    ['tools.0.type', { tools: [{ type: 'web_search' }] }],
    ['input.0.type', { input: [{ type: 'computer_call' }] }],
  ])('is refused where %s lives on the servers of OpenAI', (field, more) => {
    expect(() => decodeOpenAiResponsesRequest({ model: 'm', input: 'x', ...more })).toThrow(
      expect.objectContaining({ faults: [expect.objectContaining({ field })] }),
    );
  });

  test('numbers its events, and opens and closes what it says', () => {
    const writer = new OpenAiResponsesWriter(1);
    const events: ChatEvent[] = [
      { type: 'start', id: 'x', model: 'm' },
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
      { type: 'tool_call', index: 0, id: 'c', name: 'look' },
      { type: 'tool_arguments', index: 0, text: '{}' },
      { type: 'finish', reason: 'tool_calls' },
    ];
    const written = [...events.flatMap((event) => writer.write(event)), ...writer.end()];
    expect(written.map(({ sequence_number }) => sequence_number)).toEqual(written.map((_, index) => index));
    expect(written.map(({ type }) => String(type).replace('response.', ''))).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
  });
});
