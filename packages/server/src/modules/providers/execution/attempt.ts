import type { Authorization } from '../../vault/index.ts';
import { isBuiltIn } from '../catalogue/model.ts';
import type { ClientDialect } from '../dialects/client-dialects.ts';
import { answerOf, type DialectName, UPSTREAM_DIALECTS, type UpstreamDialect } from '../dialects/index.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import type { ChatEvent, ChatRequest, ChatResponse } from '../model.ts';
import type { Candidate } from '../routing/route.ts';
import { ANTHROPIC_VERSION, ANTHROPIC_VERTEX_VERSION, baseUrlOf, ENDPOINTS } from '../upstream/endpoints.ts';
import { failureInStream } from '../upstream/failures.ts';
import { lineFrames, sseFrames } from '../upstream/frames.ts';
import {
  type ProviderClient,
  type UpstreamAnswer,
  type UpstreamRequest,
  wholeAnswer,
} from '../upstream/provider-client.ts';
import { concealed, secretsOf } from '../upstream/secrets.ts';
import { UpstreamError } from '../upstream/upstream-error.ts';
import { withQuery } from './access.ts';
import { type Asked, type Piece, requestOf } from './model.ts';

/** One try at one provider. */
export type Attempt = {
  candidate: Candidate;
  /** What the provider knows the organization by: it goes there and nowhere else. */
  authorization: Authorization;
  asked: Asked;
  stream: boolean;
  /** The bound that a budget needs, for callers who gave none. */
  maxTokens: number | null;
  passedOn: Record<string, string>;
};

/** What to send, and how to read what comes back. */
export type Prepared = { request: UpstreamRequest; dialect: UpstreamDialect; isPassedThrough: boolean };

/** The dialect that both sides speak, or the one that the provider does. */
function dialectFor({ candidate, asked }: Attempt): { name: DialectName; same: ClientDialect | null } {
  const { kind } = candidate.provider;
  if (isBuiltIn(kind)) throw new Error('A built-in provider is not spoken to.');
  const spoken = ENDPOINTS[kind].dialect(candidate.model);
  if (asked.dialect === null) return { name: spoken, same: null };
  const { name } = asked.dialect;
  const speaksResponses = name === 'openai-responses' && ENDPOINTS[kind].responsesPath !== null;
  if (name === spoken || speaksResponses) return { name, same: asked.dialect };
  return { name: spoken, same: null };
}

/**
 * Writes the request of an attempt. Between two who speak the same dialect a body that needs no change is sent as it came.
 * @throws AppError `invalid` for what the provider's dialect cannot say
 */
export function prepare(attempt: Attempt): Prepared {
  const { candidate, stream, asked, maxTokens } = attempt;
  const { provider, model } = candidate;
  if (isBuiltIn(provider.kind)) throw new Error('A built-in provider is not spoken to.');
  const { name, same } = dialectFor(attempt);
  const endpoint = ENDPOINTS[provider.kind];
  const path =
    name === 'openai-responses'
      ? String(endpoint.responsesPath)
      : endpoint.chatPath({ model, stream, config: provider.config });
  const address = new URL(baseUrlOf(provider.kind, provider.baseUrl, provider.config) + path);
  const url = withQuery(address, attempt.authorization);
  const isVertexClaude = provider.kind === 'vertex' && name === 'anthropic';
  const headers: Record<string, string> = {
    ...attempt.authorization.headers,
    ...(name === 'anthropic' && !isVertexClaude ? { 'anthropic-version': ANTHROPIC_VERSION } : {}),
    ...(same === null ? {} : attempt.passedOn),
    accept: stream ? 'text/event-stream' : 'application/json',
  };
  const body =
    same !== null && asked.dialect !== null
      ? forwarded(same, asked, { model, maxTokens, stream })
      : translated(UPSTREAM_DIALECTS[name], requestOf(asked), { model, maxTokens, stream });
  const sent = isVertexClaude ? JSON.stringify(onVertex(body)) : body instanceof Buffer ? body : JSON.stringify(body);
  return { request: { url, headers, body: sent }, dialect: UPSTREAM_DIALECTS[name], isPassedThrough: same !== null };
}

type Bounds = { model: string; maxTokens: number | null; stream: boolean };

function forwarded(
  dialect: ClientDialect,
  asked: { body: JsonObject; raw: Buffer | null },
  of: Bounds,
): JsonObject | Buffer {
  const body = dialect.forward(asked.body, of);
  return body === asked.body && asked.raw !== null ? asked.raw : body;
}

function translated(dialect: UpstreamDialect, request: ChatRequest, { model, maxTokens, stream }: Bounds): JsonObject {
  if (dialect.encode === null) throw new Error(`Nobody is asked in ${dialect.name}.`);
  return dialect.encode({ ...request, model, maxTokens: request.maxTokens ?? maxTokens }, { stream });
}

function onVertex(body: JsonObject | Buffer): JsonObject {
  const { model: _model, ...rest } = (body instanceof Buffer ? JSON.parse(body.toString('utf8')) : body) as JsonObject;
  return { anthropic_version: ANTHROPIC_VERTEX_VERSION, ...rest };
}

/** Until when an answer is waited for: until somebody aborts, or so long in all. */
type Patience = { signal: AbortSignal; deadlineMs: number };

/** Asks for a whole answer. */
export async function fetchWhole(
  client: ProviderClient,
  prepared: Prepared,
  { signal, deadlineMs }: Patience,
): Promise<{ raw: Buffer | null; answer: ChatResponse; latencyMs: number }> {
  const upstream = await client.send(prepared.request, signal, deadlineMs);
  const bytes = await wholeAnswer(upstream.chunks);
  const answer = prepared.dialect.decode(parsed(bytes.toString('utf8')));
  if (answer === null) throw malformed();
  return { raw: prepared.isPassedThrough ? bytes : null, answer, latencyMs: upstream.latencyMs };
}

/** Asks for a streamed answer, and waits for its first piece: until then somebody else can be asked. */
export async function fetchStream(
  client: ProviderClient,
  prepared: Prepared,
  { signal, deadlineMs }: Patience,
): Promise<{ pieces: AsyncGenerator<Piece>; latencyMs: number }> {
  const upstream = await client.send(prepared.request, signal, deadlineMs);
  const pieces = piecesOf(upstream, prepared);
  const first = await pieces.next();
  return { latencyMs: upstream.latencyMs, pieces: following(first, pieces) };
}

async function* following(first: IteratorResult<Piece>, rest: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

async function* piecesOf(
  upstream: UpstreamAnswer,
  { request, dialect, isPassedThrough }: Prepared,
): AsyncGenerator<Piece> {
  const reader = dialect.reader();
  const frames = dialect.framing === 'sse' ? sseFrames(upstream.chunks) : lineFrames(upstream.chunks);
  for await (const { raw, data } of frames) {
    if (data === '[DONE]') {
      if (isPassedThrough) yield { raw, events: [] };
      continue;
    }
    const value = parsed(data);
    if (failureInStream(value)) throw failureOf(data, request);
    const events = reader.read(value);
    if (events === null) throw malformed();
    yield { raw: isPassedThrough ? raw : null, events };
  }
  if (!reader.isFinished) {
    throw new UpstreamError({
      reason: 'interrupted',
      status: 200,
      message: 'Its answer broke off.',
      retryAfterMs: null,
    });
  }
}

function failureOf(data: string, request: UpstreamRequest): UpstreamError {
  const failure = failureInStream(parsed(concealed(data, secretsOf(request))));
  return failure === null ? malformed() : new UpstreamError(failure);
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
}

export const malformed = (cause?: unknown): UpstreamError =>
  new UpstreamError(
    { reason: 'malformed', status: 200, message: 'Its answer cannot be read.', retryAfterMs: null },
    cause,
  );

/** An answer that was made here, whole. */
export async function gathered(events: AsyncIterable<ChatEvent>): Promise<ChatResponse> {
  const list: ChatEvent[] = [];
  for await (const event of events) list.push(event);
  return answerOf(list);
}
