import type { AnyOperation, AuditedAct, Call, Context } from '../../platform/operation.ts';
import { operation } from '../../platform/operation.ts';
import type { Leaf } from '../audit/index.ts';
import type { Provider } from './catalogue/model.ts';
import { isBuiltIn } from './catalogue/model.ts';
import type { ProviderDirectory } from './execution/directory.ts';
import type { ChatExecutor } from './execution/executor.ts';
import type { Asked, ChatAnswer, Estimate } from './execution/model.ts';
import { demandOfChat, type Planner } from './execution/planner.ts';
import type { CountCall, TokenCount, TokenCounter } from './execution/token-counter.ts';
import type { Wish } from './routing/route.ts';

export type ChatServices = {
  executor: ChatExecutor;
  planner: Planner;
  directory: ProviderDirectory;
  counter: TokenCounter;
  /** The leaf of an act of this call's. */
  leafOf(call: Call, act: AuditedAct): Leaf;
};

export type ChatInput = {
  asked: Asked;
  wish: Wish;
  stream: boolean;
  maxTokens: number | null;
  passedOn: Record<string, string>;
};

/** A model that can be asked for by name. */
export type KnownModel = { id: string; provider: string; createdAt: Date };

export const chatOperations = (services: ChatServices) =>
  ({
    executeChat: executeChat(services),
    estimateChat: estimateChat(services),
    listModels: listModels(services),
    countTokens: countTokens(services),
  }) satisfies Record<string, AnyOperation>;

const executeChat = ({ executor, leafOf }: ChatServices) =>
  operation({
    name: 'providers.chat.execute',
    summary: 'Ask a model, whole or streamed, within the budgets that apply.',
    scope: 'providers:execute',
    effect: 'create',
    rate: 'gateway',
    audit: 'own',
    transaction: 'none',
    run(context, input: ChatInput): Promise<ChatAnswer> {
      const { by, call } = context;
      const orgId = orgOf(context);
      const detail = { model: input.wish.model, provider: input.wish.provider, stream: input.stream };
      const leaf = leafOf(call, { action: 'chat.requested', target: null, detail, personal: {} });
      return executor.execute({
        claims: {
          orgId,
          teamId: null,
          projectId: null,
          principal: { kind: by.kind, id: by.id },
          apiKeyId: by.kind === 'api_key' ? by.id : null,
          agentId: null,
          work: null,
          tags: {},
          requestId: call.requestId,
        },
        ...input,
        attached: { leaves: [leaf] },
        trace: context.trace,
        signal: call.signal,
      });
    },
  });

const estimateChat = ({ planner }: ChatServices) =>
  operation({
    name: 'providers.chat.estimate',
    summary: 'Estimate what a call would use and cost, without making it.',
    scope: 'providers:execute',
    effect: 'read',
    rate: 'gateway',
    audit: null,
    transaction: 'none',
    run: (context, input: ChatInput): Promise<Estimate> => planner.estimate(demandOfChat(input, orgOf(context))),
  });

const listModels = ({ directory }: ChatServices) =>
  operation({
    name: 'providers.model.list',
    summary: 'List the models that can be asked for by name.',
    scope: 'providers:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    async run(context, _input: undefined): Promise<KnownModel[]> {
      const providers = await directory.providersOf(orgOf(context));
      const active = providers.filter(({ archivedAt }) => archivedAt === null);
      const named = new Map(active.flatMap(modelsOf).map((model) => [model.id, model]));
      return [...named.values()].sort((a, b) => a.id.localeCompare(b.id));
    },
  });

const countTokens = ({ counter }: ChatServices) =>
  operation({
    name: 'providers.tokens.count',
    summary: 'Count the tokens that a request would be.',
    scope: 'providers:execute',
    effect: 'read',
    rate: 'gateway',
    audit: null,
    transaction: 'none',
    run: (context, input: Omit<CountCall, 'orgId' | 'signal'>): Promise<TokenCount> =>
      counter.count({ ...input, orgId: orgOf(context), signal: context.call.signal }),
  });

function modelsOf(provider: Provider): KnownModel[] {
  const of = (id: string): KnownModel => ({ id, provider: provider.name, createdAt: provider.createdAt });
  const listed = provider.models.map(({ id, alias }) => of(alias ?? id));
  if (provider.defaultModel === null) return listed;
  return [...listed, of(isBuiltIn(provider.kind) ? provider.name : provider.defaultModel)];
}

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
