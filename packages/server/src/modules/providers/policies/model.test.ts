import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cacheRuleOf, type ModelPolicy, matches, refusalOf } from './model.ts';

const policy = (kind: ModelPolicy['subject']['kind'], of: Partial<ModelPolicy>): ModelPolicy => ({
  orgId: 'o',
  subject: { kind, id: `the-${kind}` },
  providers: null,
  models: null,
  tokensPerMinute: null,
  teamId: null,
  cache: null,
  version: 1,
  updatedBy: 'somebody',
  createdAt: new Date(0),
  updatedAt: new Date(0),
  ...of,
});
const gpt = { provider: 'openai', names: ['gpt-5-mini', 'small'] };

describe('a pattern', () => {
  test.each([
    ['gpt-5', 'gpt-5', true],
    ['gpt-5', 'gpt-5-mini', false],
    ['gpt-*', 'gpt-', true],
    ['*', '', true],
    ['*-mini', 'gpt-5-mini', true],
    ['a*a', 'a', false],
    ['a*b*c', 'abbc', true],
    ['a*b*c', 'acb', false],
    ['g.t', 'gpt', false],
  ])('%s says of %s: %s', (pattern, text, expected) => expect(matches(pattern, text)).toBe(expected));

  test('says what the regular expression with the same meaning does', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 12 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
    fc.assert(
      fc.property(word, text, (pattern, said) => {
        expect(matches(pattern, said)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(said));
      }),
    );
  });

  test('takes no time to speak of, whatever it is', () => {
    expect(matches('*a'.repeat(100), 'a'.repeat(100_000).concat('b'))).toBe(false);
  });
});

describe('the policies that a call falls under', () => {
  test('allow what none of them forbids', () => {
    expect(refusalOf([], gpt)).toBeNull();
    const all = [policy('organization', { models: ['gpt-*', 'o3'] }), policy('api_key', { providers: ['openai'] })];
    expect(refusalOf(all, gpt)).toBeNull();
    expect(refusalOf([policy('team', { models: ['small'] })], gpt)).toBeNull();
  });

  test('must all allow it: the refusal says whose policy does not, and what it allows', () => {
    const wide = policy('organization', { models: ['*'] });
    expect(refusalOf([wide, policy('team', { models: ['claude-*', 'o3'] })], gpt)).toMatchObject({
      kind: 'denied',
      message: expect.stringMatching(
        /team the-team allows only the models claude-\*, o3, and "gpt-5-mini" of "openai"/,
      ),
    });
    expect(refusalOf([wide, policy('api_key', { providers: [] })], gpt)).toMatchObject({
      message: expect.stringMatching(/API key the-api_key allows only the providers \(none\)/),
    });
  });

  test('say of the cache what the narrowest of them says', () => {
    const on = { ttlSeconds: 60, includeSampled: false };
    const off = { ttlSeconds: 0, includeSampled: false };
    expect(cacheRuleOf([])).toBeNull();
    expect(cacheRuleOf([policy('organization', { cache: on }), policy('team', {})])).toEqual(on);
    expect(cacheRuleOf([policy('organization', { cache: on }), policy('api_key', { cache: off })])).toEqual(off);
  });
});
