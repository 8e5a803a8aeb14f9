import { anthropicRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import {
  AnthropicStreamWriter,
  anthropicMessages,
  encodeAnthropicAnswer,
  type JsonObject,
} from '../../modules/providers/index.ts';
import { attributionOf } from '../http/attribution.ts';
import { Surface } from '../http/surface.ts';
import type { AnswerFormat } from './answers.ts';
import { answerChat, headersOf, providerNamed } from './chat.ts';
import type { GatewaySurface } from './openai.ts';
import { anthropicErrorOf, renderAnthropicError } from './render-error.ts';
import { anthropicTokenHeaders } from './token-headers.ts';

const named = (event: JsonObject): string => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;

const FORMAT: AnswerFormat = {
  whole: encodeAnthropicAnswer,
  writer: () => new AnthropicStreamWriter(),
  frame: named,
  tail: '',
  failure: (error, call) => named(anthropicErrorOf(error, call.requestId)),
  hides: () => false,
};

/** Endpoints that Anthropic's clients know. */
export function registerAnthropic(scope: FastifyInstance, { kit, operations: of }: GatewaySurface): Surface {
  const surface = new Surface(scope, { name: 'anthropic', renderError: renderAnthropicError, rate: 'gateway', kit });
  const passes = ['anthropic-version', 'anthropic-beta'];
  const chat = {
    kit,
    executeChat: of.executeChat,
    dialect: anthropicMessages,
    formatOf: () => FORMAT,
    passes,
    tokenHeaders: anthropicTokenHeaders,
  };
  surface.serve(routes.messages, answerChat(chat));
  surface.serve(routes.countTokens, async ({ body }, call, { request, reply }) => {
    const attribution = attributionOf(request.headers);
    const asked = { body, provider: providerNamed(request), passedOn: headersOf(request, passes), attribution };
    const { tokens, countedBy } = await kit.operator.run(of.countTokens, call, asked);
    reply.header('x-assay-counted-by', countedBy);
    return { input_tokens: tokens };
  });
  return surface;
}
