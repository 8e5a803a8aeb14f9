import { readFileSync } from 'node:fs';
import type { Price, Rates, Tier } from './model.ts';

/*
 * Prices as the vendors publish them, vendored from a maintained catalogue: vendored-prices.json names source, licence and
 * release, and scripts/render-model-prices.ts writes it.
 */

type Match =
  | { equals: string }
  | { starts_with: string }
  | { ends_with: string }
  | { contains: string }
  | { regex: string }
  | { or: readonly Match[] }
  | { and: readonly Match[] };
type Variant = { from?: string; between?: readonly [string, string]; rates: Rates; tiers?: readonly Tier[] };
type Model = { id: string; match: Match; context?: number; prices: readonly Variant[] };
type Provider = { id: string; fallbacks: readonly string[]; batchPercent: number; models: readonly Model[] };
type Document = { version: string; providers: readonly Provider[] };

/** A longer name is no model's, and is not worth matching with a thousand rules. */
const LONGEST_NAME = 200;
/** Names that were looked up are remembered, up to this many: callers choose them. */
const MOST_REMEMBERED = 2_000;

/** Which catalogue speaks of a kind of provider: `own` machines are free, `none` have no published price. */
export const CATALOGUE_OF_KIND = {
  anthropic: 'anthropic',
  openai: 'openai',
  gemini: 'google',
  vertex: 'google',
  'azure-openai': 'azure',
  ollama: 'own',
  'openai-compatible': 'none',
  echo: 'none',
  replay: 'none',
} as const satisfies Record<string, string>;

/** The published prices of models. */
export class PriceCatalogue {
  readonly version: string;
  readonly #providers: ReadonlyMap<string, Provider>;
  readonly #found = new Map<string, { model: Model; provider: Provider } | null>();

  constructor(document: Document) {
    this.version = document.version;
    this.#providers = new Map(document.providers.map((provider) => [provider.id, provider]));
  }

  /** The catalogue that came with this release. */
  static vendored(): PriceCatalogue {
    return new PriceCatalogue(JSON.parse(readFileSync(new URL('vendored-prices.json', import.meta.url), 'utf8')));
  }

  /** Names of the providers that it has prices of. */
  get providers(): string[] {
    return [...this.#providers.keys()];
  }

  /** What a model cost at a moment; null for one that it does not know. */
  priceOf(providerId: string, modelName: string, at: Date): Price | null {
    const found = this.#find(providerId, modelName);
    if (!found) return null;
    const variant = found.model.prices.findLast((each) => holds(each, at)) ?? found.model.prices[0];
    if (!variant) return null;
    return {
      version: this.version,
      rates: variant.rates,
      tiers: variant.tiers ?? [],
      batchPercent: found.provider.batchPercent,
      contextWindow: found.model.context ?? null,
    };
  }

  #find(providerId: string, modelName: string): { model: Model; provider: Provider } | null {
    if (modelName.length > LONGEST_NAME) return null;
    const key = `${providerId}\n${modelName}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const found = this.#search(providerId, modelName.trim().toLowerCase(), []);
    if (this.#found.size >= MOST_REMEMBERED) this.#found.clear();
    this.#found.set(key, found);
    return found;
  }

  /** A cloud sells other vendors' models too: those are looked up where they come from. */
  #search(providerId: string, modelName: string, seen: readonly string[]): { model: Model; provider: Provider } | null {
    const provider = this.#providers.get(providerId);
    if (!provider || seen.includes(providerId)) return null;
    const model = provider.models.find(({ match }) => matches(match, modelName));
    if (model) return { model, provider };
    for (const other of provider.fallbacks) {
      const found = this.#search(other, modelName, [...seen, providerId]);
      if (found) return found;
    }
    return null;
  }
}

function matches(rule: Match, name: string): boolean {
  if ('or' in rule) return rule.or.some((each) => matches(each, name));
  if ('and' in rule) return rule.and.every((each) => matches(each, name));
  if ('equals' in rule) return name === rule.equals.toLowerCase();
  if ('starts_with' in rule) return name.startsWith(rule.starts_with.toLowerCase());
  if ('ends_with' in rule) return name.endsWith(rule.ends_with.toLowerCase());
  if ('contains' in rule) return name.includes(rule.contains.toLowerCase());
  return new RegExp(rule.regex).test(name);
}

/** Whether a price holds at a moment: from a day on, or between two times of the day (UTC), or always. */
function holds({ from, between }: Variant, at: Date): boolean {
  if (from !== undefined) return at >= new Date(from);
  if (between === undefined) return true;
  const [start, end] = between.map((time) => time.slice(0, 8)) as [string, string];
  const now = at.toISOString().slice(11, 19);
  return end < start ? now >= start || now < end : now >= start && now < end;
}
