import { openAiRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import {
  type ClientDialect,
  type chatOperations,
  type embeddingOperations,
  encodeOpenAiChatAnswer,
  encodeOpenAiResponsesAnswer,
  type JsonObject,
  OpenAiChatStreamWriter,
  OpenAiResponsesWriter,
  openAiChat,
  openAiResponses,
} from '../../modules/providers/index.ts';
import { attributionOf } from '../http/attribution.ts';
import type { HttpKit } from '../http/kit.ts';
import { Surface } from '../http/surface.ts';
import type { AnswerFormat } from './answers.ts';
import { answerChat } from './chat.ts';
import { answerEmbeddings } from './embeddings.ts';
import { openAiErrorOf, renderOpenAiError } from './render-error.ts';
import { openAiTokenHeaders } from './token-headers.ts';

export type GatewaySurface = {
  kit: HttpKit;
  operations: ReturnType<typeof chatOperations> & ReturnType<typeof embeddingOperations>;
};

const seconds = (): number => Math.floor(Date.now() / 1000);
const data = (event: JsonObject): string => `data: ${JSON.stringify(event)}\n\n`;
const named = (event: JsonObject): string => `event: ${String(event['type'])}\n${data(event)}`;

/** Endpoints that OpenAI's clients know. */
export function registerOpenAi(scope: FastifyInstance, { kit, operations: of }: GatewaySurface): Surface {
  const surface = new Surface(scope, { name: 'openai', renderError: renderOpenAiError, rate: 'gateway', kit });
  const tokenHeaders = openAiTokenHeaders;
  const run = kit.operator.run.bind(kit.operator);
  const chat = (dialect: ClientDialect, formatOf: (body: JsonObject) => AnswerFormat) =>
    answerChat({ kit, executeChat: of.executeChat, dialect, formatOf, passes: ['openai-beta'], tokenHeaders });

  surface.serve(routes.chatCompletions, chat(openAiChat, chatFormat));
  surface.serve(routes.responses, chat(openAiResponses, responsesFormat));
  const embeddings = { kit, executeEmbedding: of.executeEmbedding, passes: ['openai-beta'] };
  surface.serve(routes.embeddings, answerEmbeddings(embeddings));

  surface.serve(routes.models, async (_decoded, call, { request }) => {
    const models = await run(of.listModels, call, { attribution: attributionOf(request.headers) });
    const list = models.map(({ id, provider, createdAt }) => ({
      id,
      object: 'model',
      type: 'model',
      display_name: id,
      created: Math.floor(createdAt.getTime() / 1000),
      created_at: createdAt.toISOString(),
      owned_by: provider,
    }));
    return {
      object: 'list',
      data: list,
      has_more: false,
      first_id: list[0]?.id ?? null,
      last_id: list.at(-1)?.id ?? null,
    };
  });
  return surface;
}

function chatFormat(body: JsonObject): AnswerFormat {
  const options = body['stream_options'] as JsonObject | null | undefined;
  const includeUsage = options?.['include_usage'] === true;
  return {
    whole: (answer) => encodeOpenAiChatAnswer(answer, seconds()),
    writer: () => new OpenAiChatStreamWriter({ created: seconds(), includeUsage }),
    frame: data,
    tail: 'data: [DONE]\n\n',
    failure: (error) => data({ error: openAiErrorOf(error) }),
    hides: (events) => !includeUsage && events.length > 0 && events.every(({ type }) => type === 'usage'),
  };
}

const responsesFormat = (): AnswerFormat => ({
  whole: (answer) => encodeOpenAiResponsesAnswer(answer, seconds()),
  writer: () => new OpenAiResponsesWriter(seconds()),
  frame: named,
  tail: '',
  failure: (error) => named({ ...openAiErrorOf(error), type: 'error' }),
  hides: () => false,
});
