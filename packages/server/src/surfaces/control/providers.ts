import { type ExecuteRequest, controlRoutes as routes } from '@assay/contract';
import type { FastifyRequest } from 'fastify';
import { dollarsOf } from '../../kernel/money.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import {
  type Breakers,
  type CallBill,
  type ChatEvent,
  type ChatInput,
  type ChatResponse,
  capabilitiesOf,
  type catalogueOperations,
  type chatOperations,
  type Estimate,
  type GivenKey,
  isBuiltIn,
  type KindConfig,
  type ListedModel,
  openAiChat,
  type Provider,
  type ProviderSettings,
  type ProviderTest,
  type policyOperations,
  type StreamedAnswer,
  type testOperations,
} from '../../modules/providers/index.ts';
import { attributionOf } from '../http/attribution.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import { rateHeaders } from '../http/headers.ts';
import type { HttpKit } from '../http/kit.ts';
import { isRecorded } from '../http/recording.ts';
import { type SseFrame, sendEvents } from '../http/sse.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { serveModelPolicies } from './model-policies.ts';

export type ProviderOperations = ReturnType<typeof catalogueOperations> &
  ReturnType<typeof chatOperations> &
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

  surface.serve(routes.execute, async ({ body }, call, { request, reply }) => {
    const answer = await run(of.executeChat, call, chatOf(body, request, false));
    if (answer.kind !== 'whole') throw new Error('A whole answer was asked for.');
    if (answer.bill.recorded) reply.header('x-assay-recorded', answer.bill.recorded);
    const execution = encodeExecution(answer.answer, answer.bill);
    return envelope(call, { status: 200, data: { execution }, links: { self: '/v1/providers/execute' } });
  });

  surface.serve(routes.executeStream, async ({ body }, call, { request, reply }) => {
    const answer = await run(of.executeChat, call, chatOf(body, request, true));
    if (answer.kind !== 'stream') throw new Error('A stream was asked for.');
    const headers = { 'x-request-id': call.requestId, ...rateHeaders(call.notes.rate) };
    await sendEvents(reply, framesOf(answer, call.requestId), { headers, signal: call.signal });
    return undefined;
  });

  surface.serve(routes.estimate, async ({ body }, call, { request }) => {
    const estimate = await run(of.estimateChat, call, chatOf(body, request, false));
    return envelope(call, {
      status: 200,
      data: { estimate: encodeEstimate(estimate) },
      links: { self: '/v1/providers/estimate' },
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

/** What was asked in Assay's words, as a chat: input and options are read as OpenAI's clients write them. */
function chatOf(
  { provider, model, tier, input, params }: ExecuteRequest,
  { headers }: FastifyRequest,
  stream: boolean,
): ChatInput {
  const { messages, system } =
    typeof input === 'string' ? { messages: [{ role: 'user', content: input }], system: undefined } : input;
  const turns = system === undefined ? messages : [{ role: 'system', content: system }, ...messages];
  const body = { ...params, model: model ?? 'any', messages: turns, stream };
  const { maxTokens, needs } = openAiChat.head(body);
  return {
    asked: { dialect: null, request: openAiChat.decode(body) },
    wish: { provider: provider ?? null, model: model ?? null, tier: tier ?? null, needs },
    stream,
    maxTokens,
    passedOn: {},
    attribution: attributionOf(headers),
    isRecorded: isRecorded(headers),
  };
}

const encodeUsage = ({ usage, cost, priceVersion }: CallBill) => ({
  input_tokens: usage.input,
  cache_read_tokens: usage.cacheRead,
  cache_write_tokens: usage.cacheWrite,
  output_tokens: usage.output,
  reasoning_tokens: usage.reasoning,
  cost_usd: cost === null ? null : dollarsOf(cost),
  price_version: priceVersion,
});

const encodeExecution = (answer: ChatResponse, bill: CallBill) => ({
  id: answer.id,
  provider: bill.provider,
  model: bill.model,
  output: {
    text: answer.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(''),
    tool_calls: answer.content.flatMap((part) =>
      part.type === 'tool_call' ? [{ id: part.id, name: part.name, arguments: part.arguments }] : [],
    ),
    stop_reason: answer.stopReason,
  },
  usage: encodeUsage(bill),
});

/** What an event of an answer is called on this stream, and what it carries; null for what is not told. */
function told(event: ChatEvent): [name: string, data: object] | null {
  switch (event.type) {
    case 'text':
      return ['execution.delta', { text: event.text }];
    case 'reasoning':
      return ['execution.reasoning', { text: event.text }];
    case 'tool_call':
      return ['execution.tool_call', { index: event.index, id: event.id, name: event.name }];
    case 'tool_arguments':
      return ['execution.tool_arguments', { index: event.index, text: event.text }];
    default:
      return null;
  }
}

async function* framesOf({ served, pieces, bill }: StreamedAnswer, requestId: string): AsyncGenerator<SseFrame> {
  let number = 0;
  let stopReason = 'stop';
  const frame = (event: string, data: object): SseFrame => ({
    id: String(number++),
    event,
    data: { type: event, ...data },
  });
  yield frame('execution.started', { request_id: requestId, provider: served.provider.name, model: served.model });
  for await (const { events } of pieces) {
    for (const event of events) {
      if (event.type === 'finish') stopReason = event.reason;
      const said = told(event);
      if (said) yield frame(...said);
    }
  }
  const settled = await bill;
  yield frame('execution.completed', {
    request_id: requestId,
    provider: settled.provider,
    model: settled.model,
    stop_reason: stopReason,
    ...(settled.recorded ? { recorded: settled.recorded } : {}),
    usage: encodeUsage(settled),
  });
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

const encodeEstimate = ({ provider, model, input, output, countedBy, cost, priceVersion }: Estimate) => ({
  provider,
  model,
  input_tokens: input,
  counted_by: countedBy,
  output_tokens: output,
  cost_usd: cost === null ? null : { low: dollarsOf(cost.low), high: dollarsOf(cost.high) },
  price_version: priceVersion,
});
