import { AppError } from '../../../kernel/errors.ts';
import { costOf, mostOf, type Price, type Recount } from '../../metering/index.ts';
import type { Provider } from '../catalogue/model.ts';
import type { ChatRequest } from '../model.ts';
import { type Applied, refusalOf, type Subjects } from '../policies/model.ts';
import type { PolicyBook } from '../policies/policy-book.ts';
import type { Breakers } from '../routing/breaker.ts';
import { type Candidate, type RoutingView, route, type Wish } from '../routing/route.ts';
import { encodingOf } from '../tokens/encodings.ts';
import { type InputBound, inputBoundOf } from '../tokens/input-bound.ts';
import { countInput, type InputCount } from '../tokens/input-count.ts';
import { builtInPrice } from './built-in-price.ts';
import type { ProviderDirectory } from './directory.ts';
import { echoModel } from './echo.ts';
import { type ChatCall, type Estimate, requestOf, type Served } from './model.ts';

export type PlannerServices = {
  directory: ProviderDirectory;
  policies: Pick<PolicyBook, 'appliedTo'>;
  breakers: Breakers;
  /** What a model of a provider costs the organization now; null when nobody has said. */
  priceOf(provider: Provider, model: string): Promise<Price | null>;
};

/** What is asked of a model, as far as who answers and what it costs go. Quantities are tokens. */
export type Demand = {
  /** Whom it is for. */
  by: Subjects;
  wish: Wish;
  /** What it is at the most whoever answers; quickly found. */
  input: InputBound;
  /** What it is for a model, counted if that can be. */
  countFor(model: string): Promise<InputCount>;
  /** The most that a model would produce for it. */
  outputOf(candidate: Candidate): number;
};

/** What a chat demands. */
export function demandOfChat(call: Pick<ChatCall, 'wish' | 'asked' | 'maxTokens'>, by: Subjects): Demand {
  const { wish, asked, maxTokens } = call;
  const input = inputBoundOf(asked.dialect === null ? asked.request : asked.body);
  return {
    by,
    wish,
    input,
    async countFor(model) {
      const request = understood(asked);
      return request === null ? { ...input, countedBy: 'approximation' } : countInput(request, model);
    },
    outputOf: (candidate) => outputBound(maxTokens, candidate),
  };
}

/** Null for what only its own vendor understands. */
function understood(asked: ChatCall['asked']): ChatRequest | null {
  try {
    return requestOf(asked);
  } catch (thrown) {
    if (thrown instanceof AppError) return null;
    throw thrown;
  }
}

/** Who is asked for a call, in which order, and the most that it can come to. Quantities are tokens. */
export type Planned = {
  /** The policies that the call falls under. */
  applied: Applied;
  candidates: Served[];
  likelyInput: number;
  mostInput: number;
  maxTokens: number;
  /** Micro-dollars; null when one of the candidates has no price. */
  amount: number | null;
  /** What it comes to with the input counted; null where nobody can. */
  recount: Recount | null;
};

/** What a model may produce where neither the caller nor its row says a bound; sent on, so that it is one. */
const DEFAULT_MAX_TOKENS = 8_192;
/** More providers than this are not asked for one call. */
export const MOST_ATTEMPTS = 3;

/** Finds who answers a call, and what it can cost there. */
export class Planner {
  readonly #services: PlannerServices;

  constructor(services: PlannerServices) {
    this.#services = services;
  }

  /**
   * @throws AppError `invalid` when no provider of the organization has what is wished for, `denied` when a policy allows
   *   none of those that do
   */
  async plan(demand: Demand): Promise<Planned> {
    const { by, wish, input, outputOf } = demand;
    const { directory, policies, breakers, priceOf } = this.#services;
    const applied = await policies.appliedTo(by);
    const providers = await directory.providersOf(by.orgId);
    const { likely, most } = input;
    const found = await routeAll(wish, {
      providers,
      healthOf: (candidate) => breakers.healthOf(breakerOf(candidate)),
      costOf: async (candidate) => {
        const price = await priceOf(candidate.provider, candidate.model);
        return price && costOf(price, { input: likely, output: outputOf(candidate), requests: 1 });
      },
      refusalOf: (model) => refusalOf(applied, model),
      random: Math.random,
    });
    const candidates = await Promise.all(
      found.map(async (candidate): Promise<Served> => {
        const price = builtInPrice(candidate) ?? (await priceOf(candidate.provider, candidate.model));
        return { ...candidate, price };
      }),
    );
    const maxTokens = Math.max(...candidates.map(outputOf));
    return {
      applied,
      candidates,
      likelyInput: likely,
      mostInput: most,
      maxTokens,
      amount: mostOfAll(candidates, { input: most, output: maxTokens }),
      recount: recountOf(demand, candidates, maxTokens),
    };
  }

  /** What a call would cost, asked of nobody. */
  async estimate(demand: Demand): Promise<Estimate> {
    const [served] = (await this.plan(demand)).candidates;
    if (!served) throw new Error('A route without candidates.');
    const { provider, model, price } = served;
    const input = await demand.countFor(model);
    const most = demand.outputOf(served);
    const output = { low: Math.min(1, most), high: most };
    const cost =
      price === null
        ? null
        : {
            low: costOf(price, { input: input.likely, output: output.low, requests: 1 }),
            high: mostOf(price, { input: input.most, output: output.high }),
          };
    return {
      provider: provider.name,
      model,
      input: { low: input.likely, high: input.most },
      countedBy: input.countedBy,
      output,
      cost,
      priceVersion: price?.version ?? null,
    };
  }
}

export const breakerOf = ({ provider, model }: Candidate): string => `${provider.orgId} ${provider.id} ${model}`;

/** Those that fit a wish, then the best of each fallback that is not among them. */
async function routeAll(wish: Wish, view: RoutingView): Promise<Candidate[]> {
  const found = (await route(withEcho(wish), view)).slice(0, MOST_ATTEMPTS);
  for (const fallback of wish.fallbacks ?? []) {
    const known = new Set(found.map(breakerOf));
    const other = (await route(withEcho({ ...fallback, needs: wish.needs }), view)).find(
      (each) => !known.has(breakerOf(each)),
    );
    if (other) found.push(other);
  }
  return found;
}

/** `echo-20ms@5` is the built-in echo, with the rest of its name for how. */
const withEcho = (wish: Wish): Wish =>
  wish.provider === null && wish.model !== null && echoModel(wish.model) ? { ...wish, provider: 'echo' } : wish;

export const outputBound = (asked: number | null, { maxOutputTokens }: Candidate): number =>
  Math.min(asked ?? Number.POSITIVE_INFINITY, maxOutputTokens ?? Number.POSITIVE_INFINITY, asked ?? DEFAULT_MAX_TOKENS);

/** The most that any of them would cost; null when one has no price. */
function mostOfAll(candidates: readonly Served[], bounds: { input: number; output: number }): number | null {
  const amounts = candidates.map(({ price }) => (price === null ? null : mostOf(price, bounds)));
  return amounts.some((amount) => amount === null) ? null : Math.max(...(amounts as number[]));
}

/** Counting takes longer than all the rest of a call's admission, so that a budget has to ask for it. */
function recountOf({ input, countFor }: Demand, candidates: readonly Served[], output: number): Recount | null {
  const least = mostOfAll(candidates, { input: 0, output });
  if (least === null || candidates.some(({ model }) => encodingOf(model) === null)) return null;
  return {
    least,
    async amount() {
      const counts = await Promise.all(candidates.map(({ model }) => countFor(model)));
      const most = Math.min(input.most, Math.max(...counts.map((count) => count.most)));
      return mostOfAll(candidates, { input: most, output }) ?? least;
    },
  };
}
