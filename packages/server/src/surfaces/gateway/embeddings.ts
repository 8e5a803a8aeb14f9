import type { Route } from '@assay/contract';
import {
  type embeddingOperations,
  encodeOpenAiEmbeddings,
  headOfEmbedding,
  type JsonObject,
} from '../../modules/providers/index.ts';
import { attributionOf } from '../http/attribution.ts';
import { setHeaders } from '../http/headers.ts';
import type { HttpKit } from '../http/kit.ts';
import { type Handler, rawBodyOf } from '../http/surface.ts';
import { billHeaders } from './answers.ts';
import { headersOf, providerNamed } from './chat.ts';

export type EmbeddingsEndpoint = {
  kit: HttpKit;
  executeEmbedding: ReturnType<typeof embeddingOperations>['executeEmbedding'];
  /** Headers that mean something to OpenAI. */
  passes: readonly string[];
};

/** Serves embeddings in OpenAI's dialect: a provider that speaks it is asked and heard byte for byte. */
export function answerEmbeddings({ kit, executeEmbedding, passes }: EmbeddingsEndpoint): Handler<Route> {
  return async ({ body: decoded }, call, { request, reply }) => {
    const body = decoded as unknown as JsonObject;
    const { model, inputs, format } = headOfEmbedding(body);
    const answer = await kit.operator.run(executeEmbedding, call, {
      wish: { provider: providerNamed(request), model, tier: null, needs: ['embeddings'] },
      inputs,
      asked: { dialect: 'openai', body, raw: rawBodyOf(request), format },
      passedOn: headersOf(request, passes),
      attribution: attributionOf(request.headers),
    });
    const { raw, vectors, bill } = answer;
    setHeaders(reply, billHeaders(bill));
    if (raw === null)
      return encodeOpenAiEmbeddings({ vectors, model: answer.model, inputTokens: bill.usage.input }, format);
    reply.header('content-type', 'application/json; charset=utf-8');
    return raw;
  };
}
