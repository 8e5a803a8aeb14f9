import type { Route } from '@assay/contract';
import type { FastifyRequest } from 'fastify';
import type { ClientDialect, chatOperations, JsonObject } from '../../modules/providers/index.ts';
import { attributionOf } from '../http/attribution.ts';
import { cacheHeaders, cachingOf } from '../http/caching.ts';
import { setHeaders } from '../http/headers.ts';
import type { HttpKit } from '../http/kit.ts';
import { isRecorded } from '../http/recording.ts';
import { type Handler, rawBodyOf } from '../http/surface.ts';
import { type AnswerFormat, sendStreamed, sendWhole } from './answers.ts';
import { showingTokens, type TokenHeaders } from './token-headers.ts';

export type ChatEndpoint = {
  kit: HttpKit;
  executeChat: ReturnType<typeof chatOperations>['executeChat'];
  dialect: ClientDialect;
  formatOf(body: JsonObject): AnswerFormat;
  /** Headers that mean something to the dialect's own vendor. */
  passes: readonly string[];
  tokenHeaders: TokenHeaders;
};

/** Serves a chat in a dialect: what is asked is read no further than it must be, and shown in the dialect's own form. */
export function answerChat({
  kit,
  executeChat,
  dialect,
  formatOf,
  passes,
  tokenHeaders,
}: ChatEndpoint): Handler<Route> {
  return async ({ body: decoded }, call, { request, reply }) => {
    const body = decoded as unknown as JsonObject;
    const { model, stream, maxTokens, needs } = dialect.head(body);
    const asked = kit.operator.run(executeChat, call, {
      asked: { dialect, body, raw: rawBodyOf(request) },
      wish: { provider: providerNamed(request), model, tier: null, needs },
      stream,
      maxTokens,
      passedOn: headersOf(request, passes),
      attribution: attributionOf(request.headers),
      isRecorded: isRecorded(request.headers),
      caching: cachingOf(request.headers),
    });
    const answer = await showingTokens({ call, reply, as: tokenHeaders }, asked);
    setHeaders(reply, cacheHeaders(call));
    const format = formatOf(body);
    if (answer.kind === 'whole') return sendWhole(reply, answer, format);
    await sendStreamed(reply, { call, answer, format });
    return undefined;
  };
}

/** `X-Assay-Provider` chooses a provider where the dialect has no word for it. */
export function providerNamed(request: FastifyRequest): string | null {
  const header = request.headers['x-assay-provider'];
  return typeof header === 'string' ? header : null;
}

/** Those of a caller's headers that may go on. */
export function headersOf({ headers }: FastifyRequest, passes: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    passes.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    }),
  );
}
