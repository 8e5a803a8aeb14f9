import type { AnyOperation } from '../../platform/operation.ts';
import { operation } from '../../platform/operation.ts';
import { type Attribution, billedTo } from './attribution.ts';
import { billedOnce, type ChatServices } from './chats.ts';
import type { EmbeddingAnswer, EmbeddingCall } from './execution/embedding-call.ts';
import { demandOfEmbedding } from './execution/embedding-call.ts';
import type { EmbeddingExecutor } from './execution/embedding-executor.ts';
import type { Estimate } from './execution/model.ts';

export type EmbeddingServices = Pick<ChatServices, 'planner' | 'policies' | 'leafOf'> & { embedder: EmbeddingExecutor };

export type EmbeddingInput = Pick<EmbeddingCall, 'wish' | 'inputs' | 'asked' | 'passedOn'> & {
  attribution: Attribution;
};

export const embeddingOperations = (services: EmbeddingServices) =>
  ({
    executeEmbedding: executeEmbedding(services),
    estimateEmbedding: estimateEmbedding(services),
  }) satisfies Record<string, AnyOperation>;

const executeEmbedding = ({ embedder, policies, leafOf }: EmbeddingServices) =>
  operation({
    name: 'providers.embedding.execute',
    summary: 'Ask a model for the vectors of texts, within the budgets that apply.',
    scope: 'providers:execute',
    effect: 'create',
    rate: 'gateway',
    audit: 'own',
    transaction: 'none',
    async run(context, { attribution, ...input }: EmbeddingInput): Promise<EmbeddingAnswer> {
      const { call } = context;
      const claims = await billedTo(context, attribution, policies);
      const detail = { model: input.wish.model, provider: input.wish.provider, inputs: input.inputs.length };
      const leaf = leafOf(call, { action: 'embedding.requested', target: null, detail, personal: {} });
      return embedder.execute({
        claims,
        ...input,
        ...billedOnce(context),
        attached: { leaves: [leaf] },
        trace: context.trace,
        notes: call.notes,
        signal: call.signal,
      });
    },
  });

const estimateEmbedding = ({ planner, policies }: EmbeddingServices) =>
  operation({
    name: 'providers.embedding.estimate',
    summary: 'Estimate what an embedding would use and cost, without making it.',
    scope: 'providers:execute',
    effect: 'read',
    rate: 'gateway',
    audit: null,
    transaction: 'none',
    run: async (context, { attribution, ...input }: EmbeddingInput): Promise<Estimate> =>
      planner.estimate(demandOfEmbedding(input, await billedTo(context, attribution, policies))),
  });
