import type { Tx } from '../../../platform/db/index.ts';
import { CATALOGUE_OF_KIND, type PriceCatalogue } from './catalogue.ts';
import { FREE, type Override, type Price } from './model.ts';
import { findOverrides } from './store.ts';

export type PriceBookOptions = {
  catalogue: PriceCatalogue;
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Whether another process's changes are heard of; while they are not, nothing is remembered. */
  hearsChanges(): boolean;
};

/** A model as an organization calls it. `kind` is that of the provider, where its name is not a kind itself. */
export type PricedModel = { orgId: string; provider: string; kind?: string; model: string };

/** Organizations whose prices are remembered; the one that came first makes room. */
const MOST_REMEMBERED = 1_000;

type Kind = keyof typeof CATALOGUE_OF_KIND;
const isKind = (text: string): text is Kind => Object.hasOwn(CATALOGUE_OF_KIND, text);

/** What models cost: by the organization's own prices, else by the catalogue. */
export class PriceBook {
  readonly #options: PriceBookOptions;
  readonly #overrides = new Map<string, Promise<Override[]>>();

  constructor(options: PriceBookOptions) {
    this.#options = options;
  }

  /** What a model costs at a moment; null when nobody knows. */
  async priceOf(of: PricedModel, at: Date): Promise<Price | null> {
    const overrides = await this.#overridesOf(of.orgId);
    const own = overrides.filter(({ provider, model }) => provider === of.provider && model === of.model);
    return priceAmong(own, at) ?? this.published(of, at);
  }

  /** What the catalogue says. */
  published({ provider, kind = provider, model }: Omit<PricedModel, 'orgId'>, at: Date): Price | null {
    const catalogue = isKind(kind) ? CATALOGUE_OF_KIND[kind] : kind;
    return catalogue === 'own' ? FREE : this.#options.catalogue.priceOf(catalogue, model, at);
  }

  /** Some organization's prices were changed: rare enough to read all of them again. */
  forget(): void {
    this.#overrides.clear();
  }

  #overridesOf(orgId: string): Promise<Override[]> {
    const { statements, hearsChanges } = this.#options;
    const read = (): Promise<Override[]> => statements(orgId, (tx) => findOverrides(tx, orgId));
    if (!hearsChanges()) return read();
    const known = this.#overrides.get(orgId);
    if (known !== undefined) return known;
    const [first] = this.#overrides.keys();
    if (first !== undefined && this.#overrides.size >= MOST_REMEMBERED) this.#overrides.delete(first);
    const reading = read();
    this.#overrides.set(orgId, reading);
    reading.catch(() => this.#overrides.get(orgId) === reading && this.#overrides.delete(orgId));
    return reading;
  }
}

/** The step that holds at a moment: the latest to begin, and of those the last that was made. */
export function stepAmong(overrides: readonly Override[], at: Date): Override | null {
  const begun = overrides.filter(({ effectiveFrom }) => effectiveFrom <= at);
  return begun.reduce<Override | null>(
    (latest, each) => (latest && latest.effectiveFrom > each.effectiveFrom ? latest : each),
    null,
  );
}

function priceAmong(overrides: readonly Override[], at: Date): Price | null {
  const step = stepAmong(overrides, at);
  return step?.price ? { ...step.price, version: `override:${step.version}`, contextWindow: null } : null;
}
