import type { Capability } from '../catalogue/model.ts';
import type { ChatRequest } from '../model.ts';
import { decodeAnthropicRequest } from './anthropic/request.ts';
import type { DialectName } from './index.ts';
import { isObject, type JsonObject, JsonReader, listOf, objectOf, textOf } from './json-reader.ts';
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

/** Where a dialect says what has to be known of a request. */
type Places = {
  /** Fields that bound the answer; the first one there counts. */
  limits: readonly string[];
  turns: string;
  /** What the answer has to look like. */
  format(body: JsonObject): unknown;
  /** How much is to be thought first. */
  effort(body: JsonObject): unknown;
};

function headOf(body: unknown, places: Places): RequestHead {
  const of = new JsonReader(body, '');
  const [limit = null] = places.limits.flatMap((name) => limitIn(of, name) ?? []);
  return {
    model: of.requiredText('model'),
    stream: of.flag('stream') ?? false,
    maxTokens: limit,
    needs: needsOf(of, body as JsonObject, places),
  };
}

/** No model says more at once; what one more token may cost has to be set aside. */
const MOST_OUTPUT_TOKENS = 10_000_000;

function limitIn(of: JsonReader, name: string): number | null {
  const limit = of.count(name);
  if (limit === null || (limit >= 1 && limit <= MOST_OUTPUT_TOKENS)) return limit;
  throw invalidRequest(name, `${name} must be from 1 to ${MOST_OUTPUT_TOKENS}.`);
}

function needsOf(of: JsonReader, body: JsonObject, { turns, format, effort }: Places): Capability[] {
  const needs = new Set<Capability>();
  if ((of.list('tools') ?? []).length > 0) needs.add('tools');
  if (objectOf(format(body))['type'] === 'json_schema') needs.add('json_schema');
  const asked = textOf(effort(body));
  if (asked !== '' && asked !== 'none') needs.add('reasoning');
  for (const turn of listOf(body[turns])) addMedia(needs, turn);
  return [...needs];
}

const MEDIA: Readonly<Record<string, Capability>> = {
  image: 'images',
  image_url: 'images',
  input_image: 'images',
  document: 'documents',
  file: 'documents',
  input_file: 'documents',
};
/** A message holds parts, and the result of a tool parts of its own. */
const DEEPEST_PART = 3;

function addMedia(needs: Set<Capability>, of: unknown, depth = 0): void {
  if (!isObject(of) || depth > DEEPEST_PART) return;
  const kind = MEDIA[textOf(of['type'])];
  if (kind !== undefined) needs.add(kind);
  for (const part of [...listOf(of['content']), ...listOf(of['output'])]) addMedia(needs, part, depth + 1);
}

/** The body itself where nothing is to be changed: then its very bytes can be sent on. */
function changed(body: JsonObject, changes: JsonObject): JsonObject {
  const isSame = Object.entries(changes).every(([name, value]) => value === undefined || body[name] === value);
  return isSame ? body : { ...body, ...JSON.parse(JSON.stringify(changes)) };
}

const IN_OPENAI_CHAT: Places = {
  limits: ['max_completion_tokens', 'max_tokens'],
  turns: 'messages',
  format: (body) => body['response_format'],
  effort: (body) => body['reasoning_effort'],
};

export const openAiChat: ClientDialect = {
  name: 'openai-chat',
  head: (body) => headOf(body, IN_OPENAI_CHAT),
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

const IN_OPENAI_RESPONSES: Places = {
  limits: ['max_output_tokens'],
  turns: 'input',
  format: (body) => objectOf(body['text'])['format'],
  effort: (body) => objectOf(body['reasoning'])['effort'],
};

export const openAiResponses: ClientDialect = {
  name: 'openai-responses',
  head: (body) => headOf(body, IN_OPENAI_RESPONSES),
  decode: (body) => decodeOpenAiResponsesRequest(body).request,
  forward: (body, { model, maxTokens }) =>
    changed(body, {
      model,
      max_output_tokens: body['max_output_tokens'] === undefined ? (maxTokens ?? undefined) : undefined,
    }),
};

const IN_ANTHROPIC: Places = {
  limits: ['max_tokens'],
  turns: 'messages',
  format: (body) => objectOf(body['output_config'])['format'] ?? body['output_format'],
  effort(body) {
    const thinking = objectOf(body['thinking'])['type'];
    return thinking === 'disabled' ? 'none' : (thinking ?? objectOf(body['output_config'])['effort']);
  },
};

export const anthropicMessages: ClientDialect = {
  name: 'anthropic',
  head(body) {
    const head = headOf(body, IN_ANTHROPIC);
    if (head.maxTokens === null) throw invalidRequest('max_tokens', 'max_tokens is required.');
    return head;
  },
  decode: (body) => decodeAnthropicRequest(body).request,
  forward: (body, { model }) => changed(body, { model }),
};
