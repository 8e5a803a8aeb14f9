import {
  type PriceChange,
  type PriceRates,
  controlRoutes as routes,
  type ModelPrice as WirePrice,
} from '@assay/contract';
import {
  type ModelPrice,
  type Override,
  type priceOperations,
  QUANTITIES,
  type Quantity,
  type Rates,
} from '../../modules/metering/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Raw = Parameters<Handler<typeof routes.getPrice>>[2];

/** Prices of models: `data.price`, as it is now and as it will be. */
export function servePrices(surface: Surface, { operator }: HttpKit, of: ReturnType<typeof priceOperations>): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.listPrices, async ({ params, query }, call) => {
    const page = await run(of.listPrices, call, { limit: query.limit, cursor: query.cursor ?? null });
    const prices = page.items.map((own) => ({ provider: own.provider, model: own.model, ...encodeStep(own) }));
    const self = `/v1/organizations/${params.id}/prices`;
    return envelope(call, {
      status: 200,
      data: { prices },
      links: pageLinks(self, { limit: query.limit }, page.nextCursor),
    });
  });

  surface.serve(routes.getPrice, async ({ params: { id, ...model } }, call, raw) =>
    answerWith(call, raw, id, await run(of.getPrice, call, model)),
  );

  surface.serve(routes.setPrice, async ({ params: { id, ...model }, body }, call, raw) => {
    const { after } = await run(of.setPrice, call, {
      ...model,
      expected: expectedVersions(raw.request.headers),
      effectiveFrom: body.effective_from === undefined ? null : new Date(body.effective_from),
      price: decodePrice(body),
    });
    return answerWith(call, raw, id, after);
  });

  surface.serve(routes.resetPrice, async ({ params: { id, ...model } }, call, raw) => {
    const { after } = await run(of.resetPrice, call, { ...model, expected: expectedVersions(raw.request.headers) });
    return answerWith(call, raw, id, after);
  });
}

function answerWith(call: Call, { reply }: Raw, orgId: string, price: ModelPrice) {
  reply.header('etag', etagOf(price.version));
  const path = [price.provider, price.model].map(encodeURIComponent).join('/');
  const self = `/v1/organizations/${orgId}/prices/${path}`;
  return envelope(call, { status: 200, data: { price: encodePrice(price) }, links: { self } });
}

const wireNameOf = (quantity: Quantity) =>
  quantity.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) as keyof PriceRates;

function decodeRates(rates: PriceRates): Rates {
  const decoded: Rates = {};
  for (const quantity of QUANTITIES) {
    const rate = rates[wireNameOf(quantity)];
    if (rate !== undefined) decoded[quantity] = rate;
  }
  return decoded;
}

function encodeRates(rates: Rates): PriceRates {
  const encoded: PriceRates = {};
  for (const quantity of QUANTITIES) {
    const rate = rates[quantity];
    if (rate !== undefined) encoded[wireNameOf(quantity)] = rate;
  }
  return encoded;
}

const decodePrice = (body: PriceChange) => ({
  rates: decodeRates(body.rates),
  tiers: body.tiers.map(({ above, rates }) => ({ above, rates: decodeRates(rates) })),
  batchPercent: body.batch_percent,
});

const encodeTiers = (tiers: readonly { above: number; rates: Rates }[]) =>
  tiers.map(({ above, rates }) => ({ above, rates: encodeRates(rates) }));

const encodeStep = ({ version, effectiveFrom, price }: Override) => ({
  version,
  effective_from: effectiveFrom.toISOString(),
  rates: price && encodeRates(price.rates),
  tiers: encodeTiers(price?.tiers ?? []),
  batch_percent: price?.batchPercent ?? 100,
});

const encodePrice = ({ provider, model, source, price, effectiveFrom, upcoming }: ModelPrice): WirePrice => ({
  provider,
  model,
  source: price === null ? 'none' : source,
  price_version: price?.version ?? null,
  effective_from: effectiveFrom?.toISOString() ?? null,
  rates: price && encodeRates(price.rates),
  tiers: encodeTiers(price?.tiers ?? []),
  batch_percent: price?.batchPercent ?? 100,
  context_window: price?.contextWindow ?? null,
  upcoming: upcoming.map(encodeStep),
});
