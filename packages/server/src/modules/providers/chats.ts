import type { AddressRules } from '../../platform/http-client/index.ts';
import type { AnyOperation, AuditedAct, Call, Context } from '../../platform/operation.ts';
import { operation } from '../../platform/operation.ts';
import type { Leaf } from '../audit/index.ts';
import { type Attribution, billedTo } from './attribution.ts';
import type { Caching } from './cache/answer-cache.ts';
import type { Provider } from './catalogue/model.ts';
import { isBuiltIn } from './catalogue/model.ts';
import type { ProviderDirectory } from './execution/directory.ts';
import type { ChatExecutor } from './execution/executor.ts';
import type { Asked, ChatAnswer, Estimate } from './execution/model.ts';
import { demandOfChat, type Planner } from './execution/planner.ts';
import type { CountCall, TokenCount, TokenCounter } from './execution/token-counter.ts';
import { refuseInnerMedia } from './media-addresses.ts';
import { type Applied, refusalOf } from './policies/model.ts';
import type { PolicyBook } from './policies/policy-book.ts';
import type { Recorder } from './replay/recorder.ts';
import type { Wish } from './routing/route.ts';

export type ChatServices = {
  executor: ChatExecutor;
  planner: Planner;
  directory: ProviderDirectory;
  counter: TokenCounter;
  policies: PolicyBook;
  recorder: Recorder;
  /** Which addresses are not on the inside. */
  rules: AddressRules;
  /** The leaf of an act of this call's. */
  leafOf(call: Call, act: AuditedAct): Leaf;
};

export type ChatInput = {
  asked: Asked;
  wish: Wish;
  stream: boolean;
  maxTokens: number | null;
  passedOn: Record<string, string>;
  attribution: Attribution;
  /** Whether `replay` is to play it later. */
  isRecorded?: boolean;
  caching: Caching;
};

export type CountInput = Omit<CountCall, 'by' | 'signal'> & { attribution: Attribution };

/** A model that can be asked for by name. */
export type KnownModel = { id: string; provider: string; createdAt: Date };

export const chatOperations = (services: ChatServices) =>
  ({
    executeChat: executeChat(services),
    estimateChat: estimateChat(services),
    listModels: listModels(services),
    countTokens: countTokens(services),
  }) satisfies Record<string, AnyOperation>;

const executeChat = ({ executor, policies, recorder, rules, leafOf }: ChatServices) =>
  operation({
    name: 'providers.chat.execute',
    summary: 'Ask a model, whole or streamed, within the budgets that apply.',
    scope: 'providers:execute',
    effect: 'create',
    rate: 'gateway',
    audit: 'own',
    transaction: 'none',
    async run(context, { attribution, isRecorded, ...input }: ChatInput): Promise<ChatAnswer> {
      const { by, call } = context;
      refuseInnerMedia(input.asked.dialect === null ? input.asked.request : input.asked.body, rules);
      const recording = isRecorded ? recorder.begin(by, input.asked) : null;
      const claims = await billedTo(context, attribution, policies);
      const detail = { model: input.wish.model, provider: input.wish.provider, stream: input.stream };
      const leaf = leafOf(call, { action: 'chat.requested', target: null, detail, personal: {} });
      const answer = await executor.execute({
        claims,
        ...input,
        // What is recorded is what the provider says now.
        caching: { ...input.caching, noCache: input.caching.noCache || recording !== null },
        ...billedOnce(context),
        attached: { leaves: [leaf] },
        trace: context.trace,
        notes: call.notes,
        signal: call.signal,
      });
      return recording === null ? answer : recording.answer(answer);
    },
  });

const estimateChat = ({ planner, policies }: ChatServices) =>
  operation({
    name: 'providers.chat.estimate',
    summary: 'Estimate what a call would use and cost, without making it.',
    scope: 'providers:execute',
    effect: 'read',
    rate: 'gateway',
    audit: null,
    transaction: 'none',
    run: async (context, { attribution, ...input }: ChatInput): Promise<Estimate> =>
      planner.estimate(demandOfChat(input, await billedTo(context, attribution, policies))),
  });

const listModels = ({ directory, policies }: ChatServices) =>
  operation({
    name: 'providers.model.list',
    summary: 'List the models that the caller can ask for by name.',
    scope: 'providers:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    async run(context, { attribution }: { attribution: Attribution }): Promise<KnownModel[]> {
      const applied = await policies.appliedTo(await billedTo(context, attribution, policies));
      const providers = await directory.providersOf(orgOf(context));
      const active = providers.filter(({ archivedAt }) => archivedAt === null);
      const models = active.flatMap((provider) => modelsOf(provider, applied));
      const named = new Map(models.map((model) => [model.id, model]));
      return [...named.values()].sort((a, b) => a.id.localeCompare(b.id));
    },
  });

const countTokens = ({ counter, policies }: ChatServices) =>
  operation({
    name: 'providers.tokens.count',
    summary: 'Count the tokens that a request would be.',
    scope: 'providers:execute',
    effect: 'read',
    rate: 'gateway',
    audit: null,
    transaction: 'none',
    async run(context, { attribution, ...input }: CountInput): Promise<TokenCount> {
      const by = await billedTo(context, attribution, policies);
      return counter.count({ ...input, by, signal: context.call.signal });
    },
  });

/** What of a provider's can be asked for by name, under these policies. */
function modelsOf({ name, kind, models, defaultModel, createdAt }: Provider, applied: Applied): KnownModel[] {
  const listed = models.map(({ id, alias }) => ({ shown: alias ?? id, names: alias === null ? [id] : [id, alias] }));
  const byDefault = isBuiltIn(kind) ? name : defaultModel;
  return [...listed, ...(byDefault === null ? [] : [{ shown: byDefault, names: [byDefault] }])]
    .filter(({ names }) => refusalOf(applied, { provider: name, names }) === null)
    .map(({ shown }) => ({ id: shown, provider: name, createdAt }));
}

/** A call that its caller named is billed once, however often it is sent. */
export const billedOnce = ({ by, call }: Pick<Context, 'by' | 'call'>): { fact?: string } =>
  call.idempotency === null ? {} : { fact: `model-call:${by.kind}:${by.id}:${call.idempotency.key}` };

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
