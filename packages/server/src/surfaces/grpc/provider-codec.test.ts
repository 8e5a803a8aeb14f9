import { ModelCallSchema } from '@assay/contract/grpc';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../../test/faults.ts';
import { decodeCall, encodePiece } from './provider-codec.ts';

const call = (init: MessageInitShape<typeof ModelCallSchema>) => create(ModelCallSchema, init);

describe('a call', () => {
  test('is read with all that is said', () => {
    const read = decodeCall(
      call({
        choice: { provider: 'house', model: 'large' },
        fallbacks: [{ tier: 'basic' }],
        input: { case: 'conversation', value: { system: 'Be brief.', messages: [{ role: 'user', content: 'Hello' }] } },
        params: { max_tokens: 7 },
      }),
    );
    expect(read).toEqual({
      modality: 'chat',
      provider: 'house',
      model: 'large',
      fallbacks: [{ tier: 'basic' }],
      input: { system: 'Be brief.', messages: [{ role: 'user', content: 'Hello' }] },
      params: { max_tokens: 7 },
    });
  });

  test('of texts is about their vectors', () => {
    expect(decodeCall(call({ input: { case: 'texts', value: { texts: ['a', 'b'] } } }))).toMatchObject({
      modality: 'embedding',
      input: ['a', 'b'],
    });
  });

  test.each([
    ['nothing', undefined, 'call'],
    ['no input', {}, 'call.input'],
    ['an empty prompt', { input: { case: 'prompt', value: '' } }, 'call.input'],
    ['no message', { input: { case: 'conversation', value: {} } }, 'call.input.messages'],
    ['more texts than fit', { input: { case: 'texts', value: { texts: Array(257).fill('a') } } }, 'call.texts'],
    ['no such tier', { choice: { tier: 'golden' }, input: { case: 'prompt', value: 'a' } }, 'call.tier'],
    ['a fallback to nobody', { fallbacks: [{}], input: { case: 'prompt', value: 'a' } }, 'call.fallbacks.0'],
    [
      'an option that is no JSON of ours',
      { input: { case: 'prompt', value: 'a' }, params: JSON.parse('{"__proto__": 1}') },
      'call.params',
    ],
  ] as const)('that says %s is refused by its field', (_, init, field) => {
    const asked = init && call(init as MessageInitShape<typeof ModelCallSchema>);
    expect(faultsOf(() => decodeCall(asked))).toEqual([field]);
  });
});

test('what is no part of the answer is not told', () => {
  expect(encodePiece({ type: 'text', text: 'a' })).toEqual({ case: 'text', value: 'a' });
  expect(encodePiece({ type: 'start', id: 'x', model: 'y' })).toBeNull();
});
