import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

/** $1,000,000 for a million: nothing costs more, and sums stay exact. */
const Rate = z.int().min(0).max(1_000_000_000_000);
const Rates = z
  .strictObject({
    input: Rate,
    cache_read: Rate,
    cache_write: Rate,
    cache_write_long: Rate,
    output: Rate,
    reasoning: Rate,
    input_image: Rate,
    cache_read_image: Rate,
    output_image: Rate,
    input_audio: Rate,
    cache_read_audio: Rate,
    output_audio: Rate,
    web_searches: Rate,
    requests: Rate,
  })
  .partial()
  .meta({
    id: 'PriceRates',
    description:
      'Micro-dollars for a million tokens of each class, searches or requests. A class without a rate costs what the nearest one does: cached and image input as input, reasoning as output.',
  });
export type PriceRates = z.infer<typeof Rates>;

const Tier = z.strictObject({
  above: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .meta({ description: 'Holds for the whole call once its input is above this many tokens.' }),
  rates: Rates,
});
const Step = z.object({
  version: z.int(),
  effective_from: z.iso.datetime(),
  rates: Rates.nullable().meta({ description: 'Null: the catalogue’s price holds again.' }),
  tiers: z.array(Tier),
  batch_percent: z.int(),
});

export const ModelPrice = z
  .object({
    provider: z.string(),
    model: z.string(),
    source: z.enum(['organization', 'catalogue', 'none']),
    price_version: z.string().nullable(),
    effective_from: z.iso.datetime().nullable(),
    rates: Rates.nullable(),
    tiers: z.array(Tier),
    batch_percent: z.int(),
    context_window: z.int().nullable(),
    upcoming: z.array(Step),
  })
  .meta({ id: 'ModelPrice' });
export type ModelPrice = z.infer<typeof ModelPrice>;

export const OwnPrice = Step.extend({ provider: z.string(), model: z.string() }).meta({ id: 'OwnPrice' });

export const PriceChange = z
  .strictObject({
    effective_from: z.iso
      .datetime({ offset: true })
      .optional()
      .meta({ description: 'At once unless given; never in the past.' }),
    rates: Rates.refine((rates) => rates.input !== undefined && rates.output !== undefined, {
      message: 'give at least `input` and `output`; 0 says that they cost nothing',
    }),
    tiers: z
      .array(Tier)
      .max(10)
      .default([])
      .refine((tiers) => tiers.every(({ above }, at) => at === 0 || above > (tiers[at - 1]?.above ?? 0)), {
        message: 'tiers go from the smallest `above` to the largest',
      }),
    batch_percent: z.int().min(0).max(100).default(100),
  })
  .meta({ id: 'PriceChange' });
export type PriceChange = z.infer<typeof PriceChange>;

const Organization = z.object({ id: z.string().max(64) });
const Model = Organization.extend({ provider: z.string().min(1).max(200), model: z.string().min(1).max(200) });
const One = enveloped(z.object({ price: ModelPrice }));

/** What models cost an organization. */
export const priceRoutes = {
  listPrices: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/prices',
    operation: 'metering.price.list',
    organization: 'id',
    summary: 'List the prices that the organization set',
    params: Organization,
    query: PageQuery,
    answers: { 200: { description: 'A page, by name.', schema: enveloped(z.object({ prices: z.array(OwnPrice) })) } },
  }),
  getPrice: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/prices/{provider}/{model}',
    operation: 'metering.price.get',
    organization: 'id',
    summary: 'Get what a model costs',
    params: Model,
    answers: { 200: { description: 'The price now, and the changes to come.', schema: One } },
  }),
  setPrice: route({
    surface: 'control',
    method: 'PUT',
    path: '/v1/organizations/{id}/prices/{provider}/{model}',
    operation: 'metering.price.set',
    organization: 'id',
    summary: 'Set what a model costs; `If-Match` holds the change to the version you read',
    params: Model,
    body: PriceChange,
    answers: { 200: { description: 'The price now, and the changes to come.', schema: One } },
  }),
  resetPrice: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/prices/{provider}/{model}',
    operation: 'metering.price.reset',
    organization: 'id',
    summary: 'Give a model back to the catalogue',
    params: Model,
    answers: { 200: { description: 'The price now, and the changes to come.', schema: One } },
  }),
};
