import type { Capability } from '../catalogue/model.ts';
import type { ChatRequest } from '../model.ts';
import { decodeAnthropicRequest } from './anthropic/request.ts';
import type { DialectName } from './index.ts';
import { isObject, type JsonObject, JsonReader, listOf } from './json-reader.ts';
import { decodeOpenAiChatRequest } from './openai-chat/request.ts';
import { decodeOpenAiResponsesRequest } from './openai-responses/request.ts';
import { invalidRequest } from './refusal.ts';

/** What has to be known of a request before anything is understood of it. */
export type RequestHead = { model: string; stream: boolean; maxTokens: number | null; needs: Capability[] };

/** A wire format as callers speak it. */
export type ClientDialect = {
  name: DialectName;
  /** @throws AppError `invalid` when even that much cannot be read */
  head(body: unknown): RequestHead;
  /** @throws AppError `invalid` for what is malformed, and for what only the dialect's own vendor could do */
  decode(body: unknown): ChatRequest;
  /** The request as its own vendor gets it: every field as it came, but for these. */
  forward(body: JsonObject, of: { model: string; maxTokens: number | null; stream: boolean }): JsonObject;
};

/** Looks a request over. `limits` are the fields that bound the answer, the first one there counts. */
function headOf(body: unknown, limits: readonly string[], turns: string): RequestHead {
  const of = new JsonReader(body, '');
  const [limit = null] = limits.flatMap((name) => limitIn(of, name) ?? []);
  return {
    model: of.requiredText('model'),
    stream: of.flag('stream') ?? false,
    maxTokens: limit,
    needs: needsOf(of, body as JsonObject, turns),
  };
}

/** No model says more at once; what one more token may cost has to be set aside. */
const MOST_OUTPUT_TOKENS = 10_000_000;

function limitIn(of: JsonReader, name: string): number | null {
  const limit = of.count(name);
  if (limit === null || (limit >= 1 && limit <= MOST_OUTPUT_TOKENS)) return limit;
  throw invalidRequest(name, `${name} must be from 1 to ${MOST_OUTPUT_TOKENS}.`);
}

function needsOf(of: JsonReader, body: JsonObject, turns: string): Capability[] {
  const needs: Capability[] = [];
  if ((of.list('tools') ?? []).length > 0) needs.push('tools');
  for (const kind of mediaOf(listOf(body[turns]))) needs.push(kind);
  return needs;
}

const MEDIA: Readonly<Record<string, Capability>> = {
  image: 'images',
  image_url: 'images',
  input_image: 'images',
  document: 'documents',
  file: 'documents',
  input_file: 'documents',
};

function mediaOf(messages: readonly unknown[]): Set<Capability> {
  const found = new Set<Capability>();
  for (const message of messages) {
    for (const part of isObject(message) ? listOf(message['content']) : []) {
      const kind = isObject(part) ? MEDIA[String(part['type'])] : undefined;
      if (kind !== undefined) found.add(kind);
    }
  }
  return found;
}

/** The body itself where nothing is to be changed: then its very bytes can be sent on. */
function changed(body: JsonObject, changes: JsonObject): JsonObject {
  const isSame = Object.entries(changes).every(([name, value]) => value === undefined || body[name] === value);
  return isSame ? body : { ...body, ...JSON.parse(JSON.stringify(changes)) };
}

export const openAiChat: ClientDialect = {
  name: 'openai-chat',
  head: (body) => headOf(body, ['max_completion_tokens', 'max_tokens'], 'messages'),
  decode: (body) => decodeOpenAiChatRequest(body).request,
  forward(body, { model, maxTokens, stream }) {
    const isBounded = body['max_completion_tokens'] !== undefined || body['max_tokens'] !== undefined;
    const options = isObject(body['stream_options']) ? body['stream_options'] : {};
    const tellsUsage = !stream || options['include_usage'] === true;
    return changed(body, {
      model,
      max_completion_tokens: isBounded ? undefined : (maxTokens ?? undefined),
      stream_options: tellsUsage ? undefined : { ...options, include_usage: true },
    });
  },
};

export const openAiResponses: ClientDialect = {
  name: 'openai-responses',
  head: (body) => headOf(body, ['max_output_tokens'], 'input'),
  decode: (body) => decodeOpenAiResponsesRequest(body).request,
  forward: (body, { model, maxTokens }) =>
    changed(body, {
      model,
      max_output_tokens: body['max_output_tokens'] === undefined ? (maxTokens ?? undefined) : undefined,
    }),
};

export const anthropicMessages: ClientDialect = {
  name: 'anthropic',
  head(body) {
    const head = headOf(body, ['max_tokens'], 'messages');
    if (head.maxTokens === null) throw invalidRequest('max_tokens', 'max_tokens is required.');
    return head;
  },
  decode: (body) => decodeAnthropicRequest(body).request,
  forward: (body, { model }) => changed(body, { model }),
};
