import type { Authorization } from '../../vault/index.ts';
import { isBuiltIn } from '../catalogue/model.ts';
import { EMBEDDING_DIALECTS, type EmbeddingDialect } from '../dialects/embedding-dialects.ts';
import { formatOfEmbeddings } from '../dialects/openai-embeddings/answer.ts';
import { decodeEmbeddingRequest, forwardEmbedding } from '../dialects/openai-embeddings/request.ts';
import { inexpressible } from '../dialects/refusal.ts';
import type { Embeddable, EmbeddingRequest, EmbeddingResponse } from '../embedding-model.ts';
import type { Candidate } from '../routing/route.ts';
import { baseUrlOf, ENDPOINTS } from '../upstream/endpoints.ts';
import { type ProviderClient, type UpstreamRequest, wholeAnswer } from '../upstream/provider-client.ts';
import { UpstreamError } from '../upstream/upstream-error.ts';
import { withQuery } from './access.ts';
import { malformed, parsed } from './attempt.ts';
import type { AskedEmbedding, EmbeddingCall } from './embedding-call.ts';

/** How a provider is asked: what one request may hold, and the request for some of the inputs. */
export type PreparedEmbedding = {
  mostInputs: number;
  requestFor(inputs: readonly Embeddable[], authorization: Authorization): UpstreamRequest;
  dialect: EmbeddingDialect;
  /** As the vectors were asked for; null where they are read and written anew anyway. */
  passesThrough: 'float' | 'base64' | null;
  dimensions: number | null;
};

/**
 * Prepares the requests of an attempt. One that speaks OpenAI's dialect gets the very bytes of a caller who does, unless
 * the model is known here by another name.
 * @throws AppError `invalid` for what the provider's dialect cannot say
 */
export function prepareEmbedding(
  { provider, model }: Candidate,
  { asked, passedOn }: Pick<EmbeddingCall, 'asked' | 'passedOn'>,
): PreparedEmbedding {
  if (isBuiltIn(provider.kind)) throw new Error('A built-in provider is not spoken to.');
  const endpoint = ENDPOINTS[provider.kind].embeddings?.(model, provider.config);
  if (!endpoint) throw inexpressible('embeddings', `${provider.name} (${model})`);
  const dialect = EMBEDDING_DIALECTS[endpoint.dialect];
  const address = baseUrlOf(provider.kind, provider.baseUrl, provider.config) + endpoint.path;
  const requestWith = (body: string | Buffer, authorization: Authorization, more = {}): UpstreamRequest => ({
    url: withQuery(new URL(address), authorization),
    headers: { ...authorization.headers, ...more, accept: 'application/json' },
    body,
  });
  const mostInputs = dialect.mostInputs(model);
  if (asked.dialect === dialect.name) {
    const body = forwardEmbedding(asked.body, { model });
    const sent = body === asked.body && asked.raw !== null ? asked.raw : JSON.stringify(body);
    return {
      mostInputs,
      requestFor: (_inputs, authorization) => requestWith(sent, authorization, passedOn),
      dialect,
      passesThrough: asked.format,
      dimensions: null,
    };
  }
  const request = requestOf(asked);
  return {
    mostInputs,
    requestFor: (inputs, authorization) =>
      requestWith(JSON.stringify(dialect.encode({ ...request, model, inputs })), authorization),
    dialect,
    passesThrough: null,
    dimensions: request.dimensions,
  };
}

export const requestOf = (asked: AskedEmbedding): EmbeddingRequest =>
  asked.dialect === null ? asked.request : decodeEmbeddingRequest(asked.body);

/** Some of the inputs of a call, and what lets them in. */
type Portion = { prepared: PreparedEmbedding; inputs: readonly Embeddable[]; authorization: Authorization };

/** Asks for the vectors of as many inputs as one request may hold. */
export async function fetchEmbeddings(
  client: ProviderClient,
  { prepared, inputs, authorization }: Portion,
  signal: AbortSignal,
): Promise<{ raw: Buffer | null; answer: EmbeddingResponse; latencyMs: number }> {
  const { dialect, passesThrough, dimensions, requestFor } = prepared;
  const { chunks, latencyMs } = await client.send(requestFor(inputs, authorization), signal);
  const bytes = await wholeAnswer(chunks);
  const body = parsed(bytes.toString('utf8'));
  const answer = dialect.decode(body, inputs.length);
  if (answer === null) throw malformed();
  const length = answer.vectors[0]?.length;
  if (dimensions !== null && length !== dimensions) throw ofOtherLength(dimensions, length);
  // Some servers pass over `encoding_format`; then what was asked for is made of what came.
  const isAsAsked = passesThrough !== null && formatOfEmbeddings(body) === passesThrough;
  return { raw: isAsAsked ? bytes : null, answer, latencyMs };
}

const ofOtherLength = (asked: number, given: number | undefined): UpstreamError =>
  new UpstreamError({
    reason: 'rejected',
    status: 200,
    message: `Its vectors have ${given} numbers, and cannot have the ${asked} that \`dimensions\` asks for.`,
    retryAfterMs: null,
  });
