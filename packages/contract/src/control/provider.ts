import { z } from 'zod';
import { MOST_CHAT_BYTES, route } from '../route.ts';
import { enveloped } from './envelope.ts';

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const Kind = z.enum(['anthropic', 'openai', 'gemini', 'azure-openai', 'vertex', 'openai-compatible', 'ollama']);
const Tier = z.enum(['basic', 'standard', 'premium']);
const Capability = z.enum(['tools', 'json_schema', 'images', 'documents', 'reasoning', 'embeddings']);
const ModelName = z.string().min(1).max(200);

const ListedModel = z
  .strictObject({
    id: ModelName.meta({ description: 'The name of the model at the provider.' }),
    alias: ModelName.nullable().default(null).meta({ description: 'The name that callers use; the id unless given.' }),
    tier: Tier.nullable().default(null),
    weight: z.int().min(1).max(1000).default(1).meta({ description: 'Share of the calls among models of one name.' }),
    max_output_tokens: z.int().min(1).max(10_000_000).nullable().default(null),
    capabilities: z
      .array(Capability)
      .max(10)
      .nullable()
      .default(null)
      .meta({ description: 'Null: what its kind can do.' }),
  })
  .meta({ id: 'ListedModel' });

const Config = z
  .strictObject({
    project: z.string().min(1).max(200).optional(),
    location: z
      .string()
      .regex(/^[a-z0-9-]{1,60}$/, 'lower-case letters, digits and dashes')
      .optional(),
    api_version: z
      .string()
      .regex(/^[\w.-]{1,40}$/, 'letters, digits, dots and dashes')
      .optional(),
  })
  .meta({ id: 'ProviderConfig' });

const Provider = z
  .object({
    id: z.uuid(),
    name: z.string(),
    display_name: z.string(),
    kind: z.enum([...Kind.options, 'echo', 'replay']),
    is_built_in: z.boolean(),
    base_url: z.string().nullable(),
    key_hint: z.string().nullable().meta({ description: 'The last four characters of a key of its own.' }),
    credential_id: z.uuid().nullable().meta({ description: 'The credential that calls are let in with instead.' }),
    secret: z.string().nullable().meta({ description: 'The name of the secret that holds the key instead.' }),
    default_model: z.string().nullable(),
    models: z.array(ListedModel),
    config: Config,
    capabilities: z.array(Capability),
    health: z
      .object({
        state: z.enum(['closed', 'half_open', 'open']),
        calls: z.int(),
        failures: z.int(),
        latency_ms: z.number().nullable(),
      })
      .meta({ description: 'Of the last minute, as this server saw it, over all models.' }),
    version: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Provider' });

const ApiKey = z
  .string()
  .trim()
  .min(1)
  .max(4096)
  .meta({ description: 'The key that the provider knows you by. It goes in and comes out nowhere.' });
const VaultKeys = {
  credential_id: z.uuid().nullable().optional().meta({
    description:
      'A credential of the organization instead of a key: its token or key is sent. Null takes it away. Needs the scope `credentials:write`.',
  }),
  secret: z.string().min(1).max(100).nullable().optional().meta({
    description: 'The name of a secret that holds the key. Null takes it away. Needs the scope `secrets:write`.',
  }),
};
type Keys = {
  api_key?: string | undefined;
  credential_id?: string | null | undefined;
  secret?: string | null | undefined;
};
const oneKey = ({ api_key, credential_id, secret }: Keys): boolean =>
  [api_key, credential_id, secret].filter((key) => key !== undefined && key !== null).length <= 1;
const ONE_KEY = { message: 'give `api_key`, `credential_id` or `secret`, not several of them', path: ['api_key'] };

const Settings = z.strictObject({
  display_name: z.string().trim().min(1).max(100),
  base_url: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .nullable(),
  default_model: ModelName.nullable(),
  models: z.array(ListedModel).max(500),
  config: Config,
});

const NewProvider = Settings.partial()
  .extend({
    name: z.string().regex(NAME, 'lower-case letters, digits, `.`, `_` and `-`, at most 64'),
    kind: Kind,
    api_key: ApiKey.optional(),
    ...VaultKeys,
  })
  .refine(oneKey, ONE_KEY)
  .meta({ id: 'NewProvider' });
const ProviderChange = Settings.partial()
  .extend({ api_key: ApiKey.optional(), ...VaultKeys })
  .refine(oneKey, ONE_KEY)
  .meta({ id: 'ProviderChange' });

const Identified = z.object({ id: z.string().max(64) });
const OneProvider = enveloped(z.object({ provider: Provider }));
const one = (description: string) => ({ 200: { description, schema: OneProvider } });

const ExecuteInput = z.union([
  z.string().min(1).max(2_000_000),
  z.array(z.string().min(1).max(2_000_000)).min(1).max(2_048),
  z.strictObject({
    system: z.string().max(1_000_000).optional(),
    messages: z
      .array(z.looseObject({ role: z.string() }))
      .min(1)
      .max(10_000),
  }),
]);

const Fallback = z
  .strictObject({
    provider: z.string().min(1).max(64).optional().meta({ description: 'The name or id of a provider.' }),
    model: ModelName.optional().meta({ description: 'The name or alias of a model.' }),
    tier: Tier.optional().meta({ description: 'A tier of models.' }),
  })
  .refine((wanted) => Object.keys(wanted).length > 0, { message: 'name a provider, a model or a tier', path: [] })
  .meta({ id: 'Fallback' });

export const ExecuteRequest = z
  .strictObject({
    modality: z
      .enum(['text', 'chat', 'embedding'])
      .default('text')
      .meta({ description: 'What is asked for: text, from a prompt or a conversation; or the vectors of texts.' }),
    provider: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'The name or id of who is asked; whoever has such a model unless given.' }),
    model: ModelName.optional().meta({ description: 'The name or alias of the model.' }),
    tier: Tier.optional().meta({ description: 'The tier of the model, where none is named.' }),
    fallbacks: z
      .array(Fallback)
      .max(5)
      .default([])
      .meta({ description: 'Who is asked instead, in this order, when nobody before has said anything.' }),
    input: ExecuteInput.meta({
      description:
        'A prompt, or messages in the form of OpenAI’s Chat Completions; for vectors, a text or a list of them.',
    }),
    params: z
      .looseObject({
        max_tokens: z.int().min(1).optional().meta({ description: 'Longest answer.' }),
        temperature: z.number().optional().meta({ description: 'How much chance there is in it.' }),
      })
      .default({})
      .meta({ description: 'Options in the words of OpenAI’s Chat Completions, or of its Embeddings.' }),
  })
  .meta({ id: 'ExecuteRequest' });
export type ExecuteRequest = z.infer<typeof ExecuteRequest>;

const Usage = z.object({
  input_tokens: z.int(),
  cache_read_tokens: z.int(),
  cache_write_tokens: z.int(),
  output_tokens: z.int(),
  reasoning_tokens: z.int(),
  is_estimated: z.boolean().meta({ description: 'Whether the provider did not count, or not to the end.' }),
  cost_usd: z.number().nullable(),
  price_version: z.string(),
});

const TextOutput = z.object({
  text: z.string(),
  tool_calls: z.array(z.object({ id: z.string(), name: z.string(), arguments: z.string() })),
  stop_reason: z.string(),
});
const EmbeddingOutput = z.object({
  embeddings: z.array(z.array(z.number())).meta({ description: 'A vector for each text, in their order.' }),
});

const Execution = z
  .object({
    id: z.string(),
    provider: z.string(),
    model: z.string(),
    output: z.union([TextOutput, EmbeddingOutput]),
    usage: Usage,
  })
  .meta({ id: 'Execution' });

export const CostEstimate = z
  .object({
    provider: z.string(),
    model: z.string(),
    input_tokens: z.object({ low: z.int(), high: z.int() }).meta({
      description: 'What it probably is, and what it is at the most: what a budget would set aside for it.',
    }),
    counted_by: z.enum(['o200k_base', 'cl100k_base', 'approximation']).meta({
      description:
        'The vocabulary that the input was counted with; or an approximation: four bytes are a token, and one byte at the most.',
    }),
    output_tokens: z.object({ low: z.int(), high: z.int() }),
    cost_usd: z
      .object({ low: z.number(), high: z.number() })
      .nullable()
      .meta({ description: 'Null: nobody knows the price.' }),
    price_version: z.string().nullable(),
  })
  .meta({ id: 'CostEstimate' });

const ProviderTest = z
  .object({
    provider: z.string(),
    works: z.boolean(),
    model: z.string().meta({ description: 'What was asked for.' }),
    answered_by: z.string().nullable().meta({ description: 'The model as the provider names it.' }),
    latency_ms: z.int(),
    cost_usd: z.number().nullable().meta({ description: 'Null: nobody knows the price.' }),
    failure: z
      .object({
        reason: z.enum([
          'unreachable',
          'address_refused',
          'timeout',
          'credential',
          'model_unknown',
          'malformed',
          'interrupted',
          'overloaded',
          'rate_limited',
          'quota',
          'rejected',
          'too_long',
          'config_missing',
          'address_missing',
        ]),
        message: z.string().meta({ description: 'What happened, in the provider’s words where it had some.' }),
        advice: z.string(),
      })
      .nullable(),
  })
  .meta({ id: 'ProviderTest' });

/** Providers of models, and calls to them in Assay's own words. */
export const providerRoutes = {
  createProvider: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers',
    operation: 'providers.provider.create',
    summary: 'Add a provider of models',
    body: NewProvider,
    answers: { 201: { description: 'The provider, without its key.', schema: OneProvider } },
  }),
  listProviders: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/providers',
    operation: 'providers.provider.list',
    summary: 'List providers, their capabilities and health',
    query: z.object({ include_archived: z.stringbool().default(false) }),
    answers: {
      200: {
        description: 'The built-in ones first, then by name.',
        schema: enveloped(z.object({ providers: z.array(Provider) })),
      },
    },
  }),
  getProvider: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/providers/{id}',
    operation: 'providers.provider.get',
    summary: 'Get a provider',
    params: Identified,
    answers: one('The provider, without its key.'),
  }),
  updateProvider: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/providers/{id}',
    operation: 'providers.provider.update',
    summary: 'Change a provider, or give it a new key',
    params: Identified,
    body: ProviderChange,
    answers: one('As it is now.'),
  }),
  deleteProvider: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/providers/{id}',
    operation: 'providers.provider.delete',
    summary: 'Remove a provider and its key',
    params: Identified,
    answers: one('As it was.'),
  }),
  archiveProvider: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers/{id}/archive',
    operation: 'providers.provider.archive',
    summary: 'Set a provider aside',
    params: Identified,
    answers: one('The archived provider.'),
  }),
  unarchiveProvider: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers/{id}/unarchive',
    operation: 'providers.provider.unarchive',
    summary: 'Take a provider into use again',
    params: Identified,
    answers: one('The provider.'),
  }),
  testProvider: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers/{id}/test',
    operation: 'providers.provider.test',
    summary: 'Ask a provider for a word, to see that address, key and model work',
    params: Identified,
    body: z
      .strictObject({
        model: ModelName.optional().meta({ description: 'Its default, or the first listed, if left out.' }),
      })
      .default({}),
    answers: {
      200: {
        description: 'What came of it; also when it does not work.',
        schema: enveloped(z.object({ test: ProviderTest })),
      },
    },
  }),
  execute: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers/execute',
    operation: 'providers.chat.execute',
    isBilledOnce: true,
    mostBytes: MOST_CHAT_BYTES,
    summary: 'Execute a provider request',
    body: ExecuteRequest,
    answers: {
      200: { description: 'The answer, and what it cost.', schema: enveloped(z.object({ execution: Execution })) },
    },
  }),
  executeStream: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers/execute/stream',
    operation: 'providers.chat.execute',
    isBilledOnce: true,
    mostBytes: MOST_CHAT_BYTES,
    summary: 'Execute with token streaming (SSE)',
    body: ExecuteRequest,
    answers: {
      200: {
        description:
          'Events `execution.started`, `execution.delta`, and in the end `execution.completed` or `execution.failed`.',
        otherMedia: ['text/event-stream'],
      },
    },
  }),
  estimate: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/providers/estimate',
    operation: 'providers.chat.estimate',
    mostBytes: MOST_CHAT_BYTES,
    summary: 'Estimate what a request would cost',
    body: ExecuteRequest,
    answers: {
      200: { description: 'From the least to the most.', schema: enveloped(z.object({ estimate: CostEstimate })) },
    },
  }),
};
