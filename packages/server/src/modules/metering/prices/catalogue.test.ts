import { calcPrice } from '@pydantic/genai-prices';
import { describe, expect, test } from 'vitest';
import { PriceCatalogue } from './catalogue.ts';
import { costOf } from './model.ts';

const catalogue = PriceCatalogue.vendored();
const NOW = new Date('2026-06-01T12:00:00Z');

describe('the catalogue', () => {
  test.each([
    ['anthropic', 'claude-sonnet-4-5-20250929', { input: 210_000, output: 900 }],
    [
      'anthropic',
      'claude-opus-5-5',
      { input: 900, cacheRead: 5_000, cacheWrite: 800, cacheWriteLong: 70, output: 900 },
    ],
    ['openai', 'gpt-4o-mini', { input: 1_234, cacheRead: 1_024, output: 77 }],
    ['openai', 'o3', { input: 12, output: 5_000, reasoning: 900 }],
    ['google', 'gemini-2.5-pro', { input: 150_000, cacheRead: 60_000, output: 4_000 }],
    ['google', 'claude-sonnet-4-5@20250929', { input: 10, output: 20 }],
    ['azure', 'gpt-4o', { input: 1_000, output: 1 }],
    ['mistral', 'mistral-large-latest', { input: 1, output: 1 }],
  ])('agrees with its source on %s %s', (providerId, model, quantities) => {
    const {
      input = 0,
      cacheRead = 0,
      cacheWrite = 0,
      cacheWriteLong = 0,
      output = 0,
      reasoning = 0,
    } = quantities as Record<string, number>;
    const usage = {
      input_tokens: input + cacheRead + cacheWrite + cacheWriteLong,
      cache_read_tokens: cacheRead,
      cache_write_tokens: cacheWrite + cacheWriteLong,
      cache_write_1h_tokens: cacheWriteLong,
      output_tokens: output + reasoning,
    };
    const theirs = calcPrice(usage, model, { providerId, timestamp: NOW });
    const price = catalogue.priceOf(providerId, model, NOW);
    expect(price && costOf(price, quantities)).toBe(Math.ceil(Number(((theirs?.total_price ?? 0) * 1e6).toFixed(6))));
  });

  test('knows what a model cost at another time', () => {
    const at = (day: string) => catalogue.priceOf('anthropic', 'claude-sonnet-4-6', new Date(day));
    expect(at('2026-03-12')?.tiers).toHaveLength(1);
    expect(at('2026-03-13')?.tiers).toHaveLength(0);
  });

  test('knows what half a day is cheaper', () => {
    const at = (time: string) => catalogue.priceOf('deepseek', 'deepseek-reasoner', new Date(`2025-06-01T${time}Z`));
    const [night, day] = [at('20:00:00'), at('12:00:00')].map((price) => price?.rates.output ?? 0);
    expect(day).toBeGreaterThan(night ?? 0);
  });

  test.each([
    ['openai', 'no-such-model'],
    ['openai', 'g'.repeat(10_000)],
    ['nobody', 'gpt-4o'],
    ['openai', ''],
  ])('has no price of %s %j', (provider, model) => expect(catalogue.priceOf(provider, model, NOW)).toBeNull());
});
