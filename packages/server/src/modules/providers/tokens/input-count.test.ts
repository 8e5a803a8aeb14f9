import { describe, expect, test } from 'vitest';
import { openAiChat } from '../dialects/client-dialects.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import { countTokens, encodingOf } from './encodings.ts';
import { inputBoundOf } from './input-bound.ts';
import { countInput } from './input-count.ts';

const asked = (body: JsonObject) => openAiChat.decode({ model: 'any', ...body });
const saying = (content: string) => asked({ messages: [{ role: 'user', content }] });

/** The example of OpenAI's guide to counting tokens, without the names of its speakers. */
const JARGON = asked({
  messages: [
    'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.',
    'New synergies will help drive top-line growth.',
    'Things working well together will increase revenue.',
    "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    "Let's talk later when we're less busy about how to do better.",
    "This late pivot means we don't have time to boil the ocean for the client deliverable.",
  ].map((content, index) => ({ role: index === 5 ? 'user' : 'system', content })),
});
/** Of two each: `example_user` is two tokens, `example_assistant` three, and each takes one more. */
const NAMES = 14;

describe('an input to a model of OpenAI', () => {
  test.each([
    ['gpt-4', 'cl100k_base', 129],
    ['gpt-4o', 'o200k_base', 124],
  ])('of %s is counted as OpenAI counts it', async (model, countedBy, tokens) => {
    expect(await countInput(JARGON, model)).toMatchObject({ countedBy, likely: tokens - NAMES });
  });

  test('is bounded a little above its count, and far below its bytes', async () => {
    const request = saying('The quick brown fox jumps over the lazy dog. '.repeat(500));
    const { likely, most } = await countInput(request, 'gpt-5');
    expect(most).toBeGreaterThan(likely);
    expect(most).toBeLessThan(likely + 100);
    expect(inputBoundOf(request).most).toBeGreaterThan(4 * most);
  });

  test('has its tools, format, pictures and documents bounded as in any other', async () => {
    const parts = [
      { type: 'text', text: 'Look.' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    ];
    const parameters = { type: 'object', properties: { city: { type: 'string', description: 'x'.repeat(4_000) } } };
    const request = asked({
      messages: [{ role: 'user', content: parts }],
      tools: [{ type: 'function', function: { name: 'weather', description: 'The weather.', parameters } }],
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: parameters } },
    });
    const { likely, most } = await countInput(request, 'gpt-4o');
    expect(likely).toBeGreaterThan(500);
    expect(most).toBeGreaterThan(6_000 + 8_000);
  });

  test('has all that was said counted: results of tools, their calls, and what was thought', async () => {
    const words = 'one two three four five six seven eight nine ten '.repeat(10);
    const call = { id: 'c', type: 'function', function: { name: 'f', arguments: JSON.stringify({ words }) } };
    const request = asked({
      messages: [
        { role: 'user', content: words },
        { role: 'assistant', content: words, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: words },
      ],
    });
    const { likely } = await countInput(request, 'gpt-4o');
    expect(likely).toBeGreaterThan(400);
    expect(likely).toBeLessThan(450);
  });

  test('that is too long to be counted is bounded by its bytes', async () => {
    const request = saying('word '.repeat(250_000));
    expect(await countInput(request, 'gpt-4o')).toEqual({ ...inputBoundOf(request), countedBy: 'approximation' });
  });
});

test('an input to anybody else’s model is estimated from its bytes', async () => {
  const request = saying('The quick brown fox.');
  for (const model of ['claude-sonnet-5', 'gemini-3-pro', 'llama4', 'gpt-test', 'echo'])
    expect(await countInput(request, model)).toEqual({ ...inputBoundOf(request), countedBy: 'approximation' });
});

describe('tokens', () => {
  test.each([
    ['hello world', 2],
    ['', 0],
    ['<|endoftext|>', 7],
    ['漢字', 2],
    ['\ud800', 1],
  ])('of %j are %i', async (text, tokens) => {
    expect(await countTokens('o200k_base', [text])).toBe(tokens);
  });

  test('of a long text are those of the text in one piece', async () => {
    const { encode } = await import('gpt-tokenizer/encoding/o200k_base');
    const text = `${'Für 1.000 Wörter — “quoted”, (bracketed);\n\n  indented\tcode = {a: 1}; '.repeat(60)}the end`;
    expect(await countTokens('o200k_base', [text])).toBe(encode(text).length);
  });

  test.each([
    ['letters', 'a'],
    ['blanks', ' '],
    ['line ends', '\n'],
    ['stops', '.'],
    ['characters of many bytes', '👩‍👩‍👧‍👦'],
  ])('of %s without end are counted while others have their turn', async (_what, unit) => {
    let turns = 0;
    const other = setInterval(() => {
      turns += 1;
    }, 1);
    const started = performance.now();
    const tokens = await countTokens('o200k_base', [unit.repeat(200_000 / unit.length)]);
    clearInterval(other);
    expect(tokens).toBeGreaterThan(1_000);
    expect(turns).toBeGreaterThan(5);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

test.each([
  ['gpt-5.2-mini', 'o200k_base'],
  ['gpt-4.1', 'o200k_base'],
  ['o3', 'o200k_base'],
  ['o4-mini', 'o200k_base'],
  ['openai/gpt-oss-20b', 'o200k_base'],
  ['ft:gpt-4o-mini:acme::x', 'o200k_base'],
  ['gpt-4-turbo', 'cl100k_base'],
  ['gpt-35-turbo', 'cl100k_base'],
  ['gpt-3.5-turbo-0125', 'cl100k_base'],
  ['o2', null],
  ['orca', null],
  ['claude-opus-5', null],
])('%s is counted with %s', (model, encoding) => {
  expect(encodingOf(model)).toBe(encoding);
});
