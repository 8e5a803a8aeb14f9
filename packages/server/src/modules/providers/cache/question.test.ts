import { describe, expect, test } from 'vitest';
import { anthropicMessages, openAiChat } from '../dialects/client-dialects.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import { nameOf, questionOf } from './question.ts';

const wish = { provider: null, model: 'm', tier: null, needs: [] };
const RULE = { ttlSeconds: 60, includeSampled: false };
const body = (more: JsonObject = {}): JsonObject => ({
  model: 'm',
  temperature: 0,
  max_tokens: 10,
  messages: [{ role: 'user', content: 'Hello.' }],
  ...more,
});
const question = (
  of: JsonObject,
  { dialect = openAiChat, passedOn = {}, rule = RULE, provider = null as string | null } = {},
) => questionOf({ asked: { dialect, body: of, raw: null }, wish: { ...wish, provider }, passedOn }, rule);

describe('a question', () => {
  test('is the same in any dialect, for any user, whole or streamed, whatever the order of its fields', () => {
    const same = question(body());
    expect(same).not.toBeNull();
    expect(question(body({ user: 'u-1', stream: true, stream_options: { include_usage: true } }))).toBe(same);
    expect(question(Object.fromEntries(Object.entries(body()).reverse()))).toBe(same);
    expect(question(body({ metadata: { user_id: 'u-2' } }), { dialect: anthropicMessages })).toBe(same);
  });

  test.each([
    ['what was said', { messages: [{ role: 'user', content: 'Hello!' }] }],
    ['its bound', { max_tokens: 11 }],
    ['its seed', { seed: 1 }],
    ['its temperature', { temperature: 0.1, seed: 1 }],
    ['its tools', { tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['its format', { response_format: { type: 'json_object' } }],
    ['where it stops', { stop: ['.'] }],
    ['its class of service', { service_tier: 'flex' }],
  ])('is another one with another of %s', (_what, more) => {
    const other = question(body(more));
    expect(other).not.toBeNull();
    expect(other).not.toBe(question(body()));
  });

  test('is another one for another provider, and with other headers for it', () => {
    expect(question(body(), { provider: 'gpt' })).not.toBe(question(body()));
    expect(question(body(), { passedOn: { 'anthropic-beta': 'x' } })).not.toBe(question(body()));
  });

  test.each([
    ['only its vendor understands it', { logit_bias: { 1: 2 } }],
    ['something is to be kept there', { store: true }],
    [
      'a picture may change',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.b/c' } }] }] },
    ],
    ['the answer is left to chance', { temperature: 0.7 }],
    ['nobody said how it is to be chosen', { temperature: null }],
  ])('has no answer to be kept where %s', (_why, more) => expect(question(body(more))).toBeNull());

  test('left to chance has one where the policy says so', () => {
    expect(question(body({ temperature: 0.7 }), { rule: { ...RULE, includeSampled: true } })).not.toBeNull();
  });

  test('is kept by a name that differs by organization and secret', () => {
    const names = [
      nameOf(Buffer.from('s'), 'o', 'q'),
      nameOf(Buffer.from('s'), 'p', 'q'),
      nameOf(Buffer.from('t'), 'o', 'q'),
    ].map(String);
    expect(new Set(names).size).toBe(3);
  });
});
