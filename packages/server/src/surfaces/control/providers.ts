import { controlRoutes as routes } from '@assay/contract';
import { dollarsOf } from '../../kernel/money.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import {
  type Breakers,
  capabilitiesOf,
  type catalogueOperations,
  type chatOperations,
  type embeddingOperations,
  type GivenKey,
  isBuiltIn,
  type KindConfig,
  type ListedModel,
  type Provider,
  type ProviderSettings,
  type ProviderTest,
  type policyOperations,
  type testOperations,
} from '../../modules/providers/index.ts';
import { attributionOf } from '../http/attribution.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { serveModelCalls } from './model-calls.ts';
import { serveModelPolicies } from './model-policies.ts';

export type ProviderOperations = ReturnType<typeof catalogueOperations> &
  ReturnType<typeof chatOperations> &
  ReturnType<typeof embeddingOperations> &
  ReturnType<typeof policyOperations> &
  ReturnType<typeof testOperations>;

type Body = {
  display_name?: string | undefined;
  base_url?: string | null | undefined;
  default_model?: string | null | undefined;
  models?: readonly WireModel[] | undefined;
  config?:
    | { project?: string | undefined; location?: string | undefined; api_version?: string | undefined }
    | undefined;
};
type WireModel = Omit<ListedModel, 'maxOutputTokens'> & { max_output_tokens: number | null };

/** Providers of models, and calls to them in Assay's own words. */
export function serveProviders(
  surface: Surface,
  kit: HttpKit,
  { operations: of, health }: { operations: ProviderOperations; health: Pick<Breakers, 'healthOfAll'> },
): void {
  const run = kit.operator.run.bind(kit.operator);
  serveModelPolicies(surface, kit, of);
  serveModelCalls(surface, kit, of);
  const encode = (provider: Provider) => encodeProvider(provider, health);
  const self = ({ id }: Provider): string => `/v1/providers/${id}`;

  surface.serve(routes.createProvider, async ({ body }, call, { reply }) => {
    const { name, kind } = body;
    const blank = { displayName: name, baseUrl: null, defaultModel: null, models: [], config: {} };
    const settings = { ...blank, ...settingsOf(body) };
    const provider = await run(of.createProvider, call, {
      name,
      kind,
      key: keyOf(body) ?? { from: 'nowhere' },
      ...settings,
    });
    reply.header('etag', etagOf(provider.version));
    return envelope(call, { status: 201, data: { provider: encode(provider) }, links: { self: self(provider) } });
  });

  surface.serve(routes.listProviders, async ({ query }, call) => {
    const providers = await run(of.listProviders, call, { includeArchived: query.include_archived });
    return envelope(call, {
      status: 200,
      data: { providers: providers.map(encode) },
      links: { self: '/v1/providers' },
    });
  });

  const one = (provider: Provider, call: Parameters<typeof envelope>[0]) =>
    envelope(call, { status: 200, data: { provider: encode(provider) }, links: { self: self(provider) } });

  surface.serve(routes.getProvider, async ({ params }, call, { reply }) => {
    const provider = await run(of.getProvider, call, params);
    reply.header('etag', etagOf(provider.version));
    return one(provider, call);
  });

  surface.serve(routes.updateProvider, async ({ params, body }, call, { request, reply }) => {
    const expected = expectedVersions(request.headers);
    const key = keyOf(body);
    const { provider } = await run(of.updateProvider, call, { ...params, expected, key, ...settingsOf(body) });
    reply.header('etag', etagOf(provider.version));
    return one(provider, call);
  });

  surface.serve(routes.deleteProvider, async ({ params }, call, { request }) =>
    one(await run(of.deleteProvider, call, { ...params, expected: expectedVersions(request.headers) }), call),
  );
  surface.serve(routes.archiveProvider, async ({ params }, call) =>
    one(await run(of.archiveProvider, call, params), call),
  );
  surface.serve(routes.unarchiveProvider, async ({ params }, call) =>
    one(await run(of.unarchiveProvider, call, params), call),
  );

  surface.serve(routes.testProvider, async ({ params, body }, call, { request }) => {
    const attribution = attributionOf(request.headers);
    const test = await run(of.testProvider, call, { ...params, model: body.model ?? null, attribution });
    return envelope(call, {
      status: 200,
      data: { test: encodeTest(test) },
      links: { self: `${self(test.provider)}/test` },
    });
  });
}

type KeyFields = {
  api_key?: string | undefined;
  credential_id?: string | null | undefined;
  secret?: string | null | undefined;
};

/** The key that a body gives, in one of the ways that there are; null for a body that says nothing of it. */
function keyOf({ api_key, credential_id, secret }: KeyFields): GivenKey | null {
  if (api_key !== undefined) return { from: 'caller', apiKey: new Sensitive(api_key) };
  if (typeof credential_id === 'string') return { from: 'credential', id: credential_id };
  if (typeof secret === 'string') return { from: 'secret', name: secret };
  return credential_id === null || secret === null ? { from: 'nowhere' } : null;
}

function settingsOf(body: Body): Partial<ProviderSettings> {
  const { display_name, base_url, default_model, models, config } = body;
  return {
    ...(display_name === undefined ? {} : { displayName: display_name }),
    ...(base_url === undefined ? {} : { baseUrl: base_url }),
    ...(default_model === undefined ? {} : { defaultModel: default_model }),
    ...(models === undefined
      ? {}
      : {
          models: models.map(({ max_output_tokens, ...model }) => ({ ...model, maxOutputTokens: max_output_tokens })),
        }),
    ...(config === undefined ? {} : { config: configOf(config) }),
  };
}

const configOf = ({ project, location, api_version }: NonNullable<Body['config']>): KindConfig => ({
  ...(project === undefined ? {} : { project }),
  ...(location === undefined ? {} : { location }),
  ...(api_version === undefined ? {} : { apiVersion: api_version }),
});

function encodeProvider(provider: Provider, breakers: Pick<Breakers, 'healthOfAll'>) {
  const { config, models } = provider;
  const { state, calls, failures, latencyMs } = breakers.healthOfAll(`${provider.orgId} ${provider.id} `);
  return {
    id: provider.id,
    name: provider.name,
    display_name: provider.displayName,
    kind: provider.kind,
    is_built_in: isBuiltIn(provider.kind),
    base_url: provider.baseUrl,
    key_hint: provider.keyHint,
    credential_id: provider.credentialId,
    secret: provider.secret,
    default_model: provider.defaultModel,
    models: models.map(({ maxOutputTokens, ...model }) => ({ ...model, max_output_tokens: maxOutputTokens })),
    config: { project: config.project, location: config.location, api_version: config.apiVersion },
    capabilities: capabilitiesOf(provider.kind, null),
    health: { state, calls, failures, latency_ms: latencyMs },
    version: provider.version,
    created_at: provider.createdAt.toISOString(),
    updated_at: provider.updatedAt.toISOString(),
    archived_at: provider.archivedAt?.toISOString() ?? null,
  };
}
const encodeTest = ({ provider, model, answeredBy, latencyMs, cost, failure }: ProviderTest) => ({
  provider: provider.name,
  works: failure === null,
  model,
  answered_by: answeredBy,
  latency_ms: Math.round(latencyMs),
  cost_usd: cost === null ? null : dollarsOf(cost),
  failure,
});
