import {
  type Capability,
  capabilitiesOf,
  isBuiltIn,
  type ListedModel,
  type Provider,
  type Tier,
} from '../catalogue/model.ts';
import { providerErrors } from '../errors.ts';
import type { NamedModel } from '../policies/model.ts';
import type { Health } from './breaker.ts';

/** What a caller asks for: a provider by name or id, a model by name or alias, or a tier. */
export type Wish = {
  provider: string | null;
  model: string | null;
  tier: Tier | null;
  needs: readonly Capability[];
  /** Who is asked instead when none of those that fit answers, in this order. */
  fallbacks?: readonly Pick<Wish, 'provider' | 'model' | 'tier'>[];
};

/** A model of a provider that can answer. */
export type Candidate = {
  provider: Provider;
  /** The model's name at the provider. */
  model: string;
  /** The most that it produces at once; null where nobody said. */
  maxOutputTokens: number | null;
};

export type RoutingView = {
  providers: readonly Provider[];
  healthOf(candidate: Candidate): Health;
  /** What the call would likely cost there, micro-dollars; null where it has no price. */
  costOf(candidate: Candidate): Promise<number | null>;
  /** Why the caller may not ask this model, known under these names; null when they may. */
  refusalOf(model: NamedModel): Error | null;
  /** A number from 0 up to 1; for shares among models of the same name. */
  random(): number;
};

/** Names that vendors give their models: who sells what, where no row lists it. */
const FAMILIES: readonly (readonly [RegExp, ReadonlySet<Provider['kind']>])[] = [
  [/^claude/, new Set(['anthropic', 'vertex'])],
  [/^(gemini|text-embedding-00\d|text-multilingual|embedding-|gemma)/, new Set(['gemini', 'vertex'])],
  [/^(gpt-|o\d|chatgpt|codex|text-embedding-|davinci|babbage)/, new Set(['openai', 'azure-openai'])],
];

/**
 * Finds the models that can answer, the best first: an explicit provider before an explicit model before a tier, then what
 * the caller may ask, then what has the capabilities, then who is healthy, then shares, then price.
 * @throws AppError `invalid` when nothing fits, saying what is there; `denied` when the caller may ask none of what fits
 */
export async function route(wish: Wish, view: RoutingView): Promise<Candidate[]> {
  const active = view.providers.filter(({ archivedAt }) => archivedAt === null);
  const { named, model } = nameProvider(wish, active);
  const found = named ? [candidateOf(named, model)] : search({ ...wish, model }, active);
  if (found.length === 0) throw nothingFits(wish, active);
  const refusals = found.map((each) => view.refusalOf(namesOf(each)));
  const allowed = found.filter((_each, at) => refusals[at] === null);
  if (allowed.length === 0) throw refusals[0];
  const able = allowed.filter(({ entry, candidate }) => can(candidate.provider, entry, wish.needs));
  if (able.length === 0) {
    throw providerErrors.none_fits(
      `No provider of this model can do what the request needs: ${wish.needs.join(', ')}. Ask another model.`,
    );
  }
  return order(able, view);
}

type Found = { candidate: Candidate; entry: ListedModel | null };

const namesOf = ({ candidate, entry }: Found): NamedModel => ({
  provider: candidate.provider.name,
  names: entry?.alias ? [candidate.model, entry.alias] : [candidate.model],
});

/** `name/model` names a provider too, as clients can say it that know only a model. */
function nameProvider(
  { provider, model }: Wish,
  active: readonly Provider[],
): { named: Provider | null; model: string | null } {
  if (provider !== null) {
    const named = active.find(({ id, name }) => id === provider || name === provider);
    if (!named)
      throw providerErrors.none_fits(`There is no provider "${provider}", or it is archived. ${known(active)}`);
    return { named, model };
  }
  const slash = model?.indexOf('/') ?? -1;
  const named = slash > 0 ? active.find(({ name }) => name === model?.slice(0, slash)) : undefined;
  return named ? { named, model: model?.slice(slash + 1) ?? null } : { named: null, model };
}

function candidateOf(provider: Provider, asked: string | null): Found {
  const model = asked ?? provider.defaultModel;
  if (model === null) {
    if (isBuiltIn(provider.kind)) throw providerErrors.model_unknown(`Say which model: \`${provider.name}/<model>\`.`);
    throw providerErrors.model_unknown(
      `Provider "${provider.name}" has no default model. Name one, or set \`default_model\` on it.`,
    );
  }
  const entry = entriesOf(provider, model)[0] ?? null;
  const maxOutputTokens = entry?.maxOutputTokens ?? null;
  return { entry, candidate: { provider, model: entry?.id ?? model, maxOutputTokens } };
}

const entriesOf = ({ models }: Provider, name: string): ListedModel[] =>
  models.filter(({ id, alias }) => (alias ?? id) === name || id === name);

const listed = (provider: Provider, entry: ListedModel): Found => ({
  entry,
  candidate: { provider, model: entry.id, maxOutputTokens: entry.maxOutputTokens },
});

function search({ model, tier, needs }: Wish, active: readonly Provider[]): Found[] {
  if (model !== null) return byModel(model, active);
  const isEmbedding = needs.includes('embeddings');
  const wanted = active.flatMap((provider) =>
    provider.models
      .filter((entry) => (tier === null || entry.tier === tier) && (isEmbedding ? embeds(entry) : !onlyEmbeds(entry)))
      .map((entry) => listed(provider, entry)),
  );
  if (wanted.length > 0 || tier !== null || isEmbedding) return wanted;
  return active.flatMap((provider) =>
    provider.defaultModel === null || isBuiltIn(provider.kind) ? [] : [candidateOf(provider, null)],
  );
}

/** A model that nobody asked for by name embeds only where its entry says so: most models of any provider do not. */
const embeds = ({ capabilities }: ListedModel): boolean => capabilities?.includes('embeddings') ?? false;

/** A model of no other capability does not chat. */
const onlyEmbeds = (entry: ListedModel): boolean => embeds(entry) && entry.capabilities?.length === 1;

function byModel(model: string, active: readonly Provider[]): Found[] {
  const builtIn = active.find(({ kind, name }) => isBuiltIn(kind) && name === model);
  if (builtIn) return [candidateOf(builtIn, null)];
  const named = active.flatMap((provider) => entriesOf(provider, model).map((entry) => listed(provider, entry)));
  if (named.length > 0) return named;
  const family = FAMILIES.find(([pattern]) => pattern.test(model));
  return active
    .filter(
      ({ kind, models, defaultModel }) => (models.length === 0 && family?.[1].has(kind)) || defaultModel === model,
    )
    .map((provider) => candidateOf(provider, model));
}

const can = ({ kind }: Provider, entry: ListedModel | null, needs: readonly Capability[]): boolean => {
  const has = capabilitiesOf(kind, entry);
  return needs.every((need) => has.includes(need));
};

/** A half-open breaker is worth a try when nobody healthy is there; an open one comes last, for its error says why. */
const RANK = { closed: 0, half_open: 1, open: 2 } as const;

async function order(found: readonly Found[], view: RoutingView): Promise<Candidate[]> {
  if (found.length === 1) return found.map(({ candidate }) => candidate);
  const weighed = await Promise.all(
    found.map(async ({ candidate, entry }) => ({
      candidate,
      rank: RANK[view.healthOf(candidate).state],
      // The greatest of u^(1/w) is drawn with the chance of its share (Efraimidis and Spirakis, 2006).
      draw: view.random() ** (1 / (entry?.weight ?? 1)),
      cost: (await view.costOf(candidate)) ?? Number.MAX_SAFE_INTEGER,
    })),
  );
  const hasShares = found.some(({ entry }) => (entry?.weight ?? 1) !== 1);
  weighed.sort((a, b) => a.rank - b.rank || (hasShares ? b.draw - a.draw : a.cost - b.cost) || b.draw - a.draw);
  return weighed.map(({ candidate }) => candidate);
}

function nothingFits({ model, tier }: Wish, active: readonly Provider[]): Error {
  if (model !== null) return providerErrors.model_unknown(`No provider has the model "${model}". ${known(active)}`);
  const what = tier === null ? 'model' : `model of tier ${tier}`;
  return providerErrors.none_fits(`No provider has a ${what}. ${known(active)}`);
}

const known = (active: readonly Provider[]): string =>
  `Providers here: ${active.map(({ name }) => name).join(', ') || 'none'}. An administrator can add one with POST /v1/providers.`;
