import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { priceErrors } from '../errors.ts';
import type { Override, OverridePrice, Price } from './model.ts';
import { type PriceBook, stepAmong } from './price-book.ts';
import * as store from './store.ts';

export type PriceServices = {
  book: Pick<PriceBook, 'published'>;
  /** Makes every process read prices anew, with the commit. */
  pricesChanged(tx: Tx): void;
};

export type ModelRef = { provider: string; model: string };
/** A model's price now, and the changes that are to come. `version` counts the organization's own steps; 0: it made none. */
export type ModelPrice = ModelRef & {
  version: number;
  source: 'organization' | 'catalogue';
  price: Price | null;
  effectiveFrom: Date | null;
  upcoming: readonly Override[];
};
export type PriceChange = ModelRef & { expected: Expected; effectiveFrom: Date | null; price: OverridePrice };
type Changed = { before: ModelPrice; after: ModelPrice };

/** They are read together and remembered: enough for every model that there is, several times over. */
const MOST_OVERRIDES = 5_000;
/** Clocks of callers are not ours. */
const TOLERANCE_MS = 60_000;

const READ = { scope: 'budgets:read', effect: 'read', rate: 'control', audit: null } as const;
const WRITE = { scope: 'budgets:write', effect: 'create', rate: 'control' } as const;

export function priceOperations(services: PriceServices) {
  const viewOf = async (context: Context, of: ModelRef): Promise<ModelPrice> => {
    const steps = await store.findModelOverrides(context.tx, { orgId: orgOf(context), ...of });
    return describeSteps(services, of, steps);
  };

  /** Adds a step behind the last one. */
  async function change(
    context: Context,
    of: ModelRef & { expected: Expected },
    to: { effectiveFrom: Date | null; price: OverridePrice | null },
  ): Promise<Changed> {
    const orgId = orgOf(context);
    const { provider, model } = of;
    const before = await viewOf(context, { provider, model });
    assertExpected(of.expected, before.version);
    if ((await store.countOverrides(context.tx, orgId)) >= MOST_OVERRIDES)
      throw priceErrors.too_many(`An organization sets at most ${MOST_OVERRIDES} prices, changes of prices included.`);
    const now = new Date();
    if (to.effectiveFrom !== null && to.effectiveFrom.getTime() < now.getTime() - TOLERANCE_MS) {
      throw priceErrors.in_the_past('What was billed stays billed: `effective_from` must not be in the past.', {
        faults: [{ field: 'effective_from', constraint: 'future', message: 'Must not be in the past.' }],
      });
    }
    const effectiveFrom = to.effectiveFrom ?? now;
    const step = {
      provider,
      model,
      version: before.version + 1,
      effectiveFrom,
      price: to.price,
      createdBy: context.by.id,
    };
    await store.insertOverride(context.tx, { orgId, ...step });
    services.pricesChanged(context.tx);
    return { before, after: await viewOf(context, { provider, model }) };
  }

  const getPrice = operation({
    ...READ,
    name: 'metering.price.get',
    summary: 'Get what a model costs your organization, now and from when on otherwise.',
    run: (context, input: ModelRef): Promise<ModelPrice> => viewOf(context, input),
  });
  const listPrices = operation({
    ...READ,
    name: 'metering.price.list',
    summary: 'List the prices that your organization set itself.',
    async run(context, { limit, cursor }: { limit: number; cursor: string | null }): Promise<Page<Override>> {
      const [provider, model] = cursor === null ? [] : decodeCursor(cursor, [isName, isName]);
      const after = provider !== undefined && model !== undefined ? { provider, model } : null;
      const found = await store.listOverrides(context.tx, { orgId: orgOf(context), after, limit: limit + 1 });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, nextCursor: found.length > limit && last ? encodeCursor([last.provider, last.model]) : null };
    },
  });
  const setPrice = operation({
    ...WRITE,
    name: 'metering.price.set',
    summary: 'Set what a model costs your organization, from now on or from a later moment on.',
    audit: {
      action: 'price.set',
      target: (input: PriceChange) => targetOf(input),
      detail: (_input, { before, after }: Changed) => ({ before: detailOf(before), after: detailOf(after) }),
    },
    run: (context, input): Promise<Changed> => change(context, input, input),
  });
  const resetPrice = operation({
    ...WRITE,
    name: 'metering.price.reset',
    summary: 'Give a model back to the catalogue. Prices that were set for later are kept.',
    audit: {
      action: 'price.reset',
      target: (input: ModelRef & { expected: Expected }) => targetOf(input),
      detail: (_input, { before, after }: Changed) => ({ before: detailOf(before), after: detailOf(after) }),
    },
    async run(context, input): Promise<Changed> {
      const { version } = await viewOf(context, { provider: input.provider, model: input.model });
      if (version === 0) throw priceErrors.not_found('Your organization set no price for this model.');
      return change(context, input, { effectiveFrom: null, price: null });
    },
  });
  return { getPrice, listPrices, setPrice, resetPrice } satisfies Record<string, AnyOperation>;
}

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);

const isName = (key: string): boolean => key.length > 0 && key.length <= 200 && !key.includes('\u0000');

function describeSteps({ book }: PriceServices, of: ModelRef, steps: readonly Override[]): ModelPrice {
  const now = new Date();
  const step = stepAmong(steps, now);
  const own = step?.price ?? null;
  return {
    ...of,
    version: steps.at(-1)?.version ?? 0,
    source: own === null ? 'catalogue' : 'organization',
    price:
      own === null ? book.published(of, now) : { ...own, version: `override:${step?.version}`, contextWindow: null },
    effectiveFrom: own === null ? null : (step?.effectiveFrom ?? null),
    upcoming: steps.filter(({ effectiveFrom }) => effectiveFrom > now),
  };
}

const targetOf = ({ provider, model }: ModelRef) => ({ type: 'price', id: `${provider}/${model}` });

const detailOf = ({ version, source, price, upcoming }: ModelPrice): Record<string, unknown> => ({
  version,
  source,
  price: price && { rates: price.rates, tiers: price.tiers, batch_percent: price.batchPercent },
  upcoming: upcoming.length,
});
