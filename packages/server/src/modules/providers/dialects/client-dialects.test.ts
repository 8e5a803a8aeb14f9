import { describe, expect, test } from 'vitest';
import { anthropicMessages, type ClientDialect, openAiChat, openAiResponses } from './client-dialects.ts';
import type { JsonObject } from './json-reader.ts';

const schema = { type: 'object' };
const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
const chat = (more: JsonObject): JsonObject => ({ model: 'm', messages: [{ role: 'user', content: 'Hi.' }], ...more });
const showing = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const responses = (more: JsonObject): JsonObject => ({ model: 'm', input: 'Hi.', ...more });
const messages = (more: JsonObject): JsonObject => chat({ max_tokens: 10, ...more });

describe('what a request needs of its model', () => {
  test.each<[string, ClientDialect, JsonObject, string[]]>([
    ['text', openAiChat, chat({}), []],
    ['no tools', openAiChat, chat({ tools: [] }), []],
    ['tools', openAiChat, chat({ tools: [{ type: 'function' }] }), ['tools']],
    ['any JSON', openAiChat, chat({ response_format: { type: 'json_object' } }), []],
    [
      'JSON of a schema',
      openAiChat,
      chat({ response_format: { type: 'json_schema', json_schema: { schema } } }),
      ['json_schema'],
    ],
    ['thought', openAiChat, chat({ reasoning_effort: 'low' }), ['reasoning']],
    ['no thought', openAiChat, chat({ reasoning_effort: 'none' }), []],
    ['pictures', openAiChat, chat(showing(image, image)), ['images']],
    ['a file', openAiChat, chat(showing({ type: 'file' })), ['documents']],

    ['text', openAiResponses, responses({ text: { format: { type: 'text' } } }), []],
    [
      'JSON of a schema',
      openAiResponses,
      responses({ text: { format: { type: 'json_schema', schema } } }),
      ['json_schema'],
    ],
    ['thought', openAiResponses, responses({ reasoning: { effort: 'high' } }), ['reasoning']],
    [
      'a picture',
      openAiResponses,
      responses({ input: [{ role: 'user', content: [{ type: 'input_image' }] }] }),
      ['images'],
    ],
    [
      'a picture that a tool made',
      openAiResponses,
      responses({ input: [{ type: 'function_call_output', output: [{ type: 'input_image' }] }] }),
      ['images'],
    ],

    ['text', anthropicMessages, messages({}), []],
    [
      'JSON of a schema',
      anthropicMessages,
      messages({ output_config: { format: { type: 'json_schema', schema } } }),
      ['json_schema'],
    ],
    [
      'JSON of a schema, as betas asked',
      anthropicMessages,
      messages({ output_format: { type: 'json_schema', schema } }),
      ['json_schema'],
    ],
    ['thought', anthropicMessages, messages({ thinking: { type: 'enabled', budget_tokens: 1_024 } }), ['reasoning']],
    ['thought as needed', anthropicMessages, messages({ thinking: { type: 'adaptive' } }), ['reasoning']],
    ['effort', anthropicMessages, messages({ output_config: { effort: 'high' } }), ['reasoning']],
    [
      'no thought',
      anthropicMessages,
      messages({ thinking: { type: 'disabled' }, output_config: { effort: 'low' } }),
      [],
    ],
    ['a document', anthropicMessages, messages(showing({ type: 'document' })), ['documents']],
    [
      'a picture that a tool made',
      anthropicMessages,
      messages(showing({ type: 'tool_result', content: [{ type: 'image' }] })),
      ['images'],
    ],
  ])('is told of $0 in $1.name', (_what, dialect, body, needs) => {
    expect(dialect.head(body).needs).toEqual(needs);
  });
});
