import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type ConditionalPrice, findProvider, type MatchLogic, type ModelPrice } from '@pydantic/genai-prices';

/*
 * The catalogue of model prices as the server has it: what the package says of the providers that Assay speaks to, cut to
 * what is billed by tokens, requests and searches, in integers. A new version of the package is a diff of one file.
 */

const PROVIDERS = [
  'anthropic',
  'openai',
  'google',
  'azure',
  'aws',
  'x-ai',
  'mistral',
  'groq',
  'deepseek',
  'cohere',
  'together',
  'fireworks',
  'cerebras',
  'perplexity',
  'moonshotai',
  'openrouter',
];

/** What is left to pay, in percent, for a call of the vendor's batch API; from the vendors' public price pages. */
const BATCH_PERCENT: Readonly<Record<string, number>> = {
  anthropic: 50,
  openai: 50,
  google: 50,
  azure: 50,
  mistral: 50,
  groq: 50,
};

/** The package's price keys, and how many of the thing one price is for. */
const KEYS: Readonly<Record<string, readonly [quantity: string, per: number]>> = {
  input_mtok: ['input', 1_000_000],
  cache_read_mtok: ['cacheRead', 1_000_000],
  cache_write_mtok: ['cacheWrite', 1_000_000],
  cache_write_1h_mtok: ['cacheWriteLong', 1_000_000],
  output_mtok: ['output', 1_000_000],
  output_reasoning_mtok: ['reasoning', 1_000_000],
  input_image_mtok: ['inputImage', 1_000_000],
  cache_image_read_mtok: ['cacheReadImage', 1_000_000],
  output_image_mtok: ['outputImage', 1_000_000],
  input_audio_mtok: ['inputAudio', 1_000_000],
  cache_audio_read_mtok: ['cacheReadAudio', 1_000_000],
  output_audio_mtok: ['outputAudio', 1_000_000],
  web_searches_kcount: ['webSearches', 1_000],
  requests_kcount: ['requests', 1_000],
};

type Rates = Record<string, number>;
type Variant = { from?: string; between?: [string, string]; rates: Rates; tiers?: { above: number; rates: Rates }[] };

/** Micro-dollars for a million, rounded up where the price is finer. */
const rateOf = (dollars: number, per: number): number => {
  const micros = (dollars * 1e6 * 1e6) / per;
  const nearest = Math.round(micros);
  return Math.abs(micros - nearest) < 1e-3 ? nearest : Math.ceil(micros);
};

function variantOf({ prices, constraint }: ConditionalPrice): Variant {
  const rates: Rates = {};
  const tiers = new Map<number, Rates>();
  for (const [key, price] of Object.entries(prices)) {
    const [quantity, per] = KEYS[key] ?? [];
    if (quantity === undefined || per === undefined || price === undefined) continue;
    rates[quantity] = rateOf(typeof price === 'number' ? price : price.base, per);
    if (typeof price === 'number') continue;
    for (const tier of price.tiers) {
      tiers.set(tier.start, { ...tiers.get(tier.start), [quantity]: rateOf(tier.price, per) });
    }
  }
  const sorted = [...tiers].sort(([a], [b]) => a - b).map(([above, tierRates]) => ({ above, rates: tierRates }));
  return {
    ...(constraint?.type === 'start_date' && { from: constraint.start_date }),
    ...(constraint?.type === 'time_of_date' && { between: [constraint.start_time, constraint.end_time] }),
    rates,
    ...(sorted.length > 0 && { tiers: sorted }),
  } as Variant;
}

const isConditional = (prices: ConditionalPrice[] | ModelPrice): prices is ConditionalPrice[] => Array.isArray(prices);

function modelOf(model: {
  id: string;
  match: MatchLogic;
  context_window?: number;
  prices: ConditionalPrice[] | ModelPrice;
}) {
  const conditional = isConditional(model.prices) ? model.prices : [{ prices: model.prices }];
  return {
    id: model.id,
    match: model.match,
    ...(model.context_window !== undefined && { context: model.context_window }),
    prices: conditional.map(variantOf),
  };
}

/** A price without what tokens cost would bill a call at nothing. */
const isByTokens = (model: ReturnType<typeof modelOf>): boolean =>
  model.prices.every(({ rates }) => rates['input'] !== undefined);

export async function renderModelPrices(): Promise<string> {
  const manifest = join(dirname(createRequire(import.meta.url).resolve('@pydantic/genai-prices')), '../package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const head = {
    source: 'https://github.com/pydantic/genai-prices',
    licence: 'MIT, Copyright (c) Pydantic Services Inc. 2025 to present',
    version: `genai-prices@${version}`,
    unit: 'micro-dollars for a million',
  };
  const providers = PROVIDERS.map((id) => {
    const provider = findProvider({ providerId: id });
    if (!provider) throw new Error(`The catalogue knows no provider "${id}".`);
    const models = provider.models.map(modelOf).filter(isByTokens);
    const lines = models.map((model) => `        ${JSON.stringify(model)}`).join(',\n');
    const fallbacks = JSON.stringify(
      (provider.fallback_model_providers ?? []).filter((other) => PROVIDERS.includes(other)),
    );
    return `    {\n      "id": ${JSON.stringify(id)},\n      "fallbacks": ${fallbacks},\n      "batchPercent": ${BATCH_PERCENT[id] ?? 100},\n      "models": [\n${lines}\n      ]\n    }`;
  });
  const headLines = Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
  return `{\n${headLines.join('')}  "providers": [\n${providers.join(',\n')}\n  ]\n}\n`;
}
