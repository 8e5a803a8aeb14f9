import type { Json } from '../../../kernel/json.ts';
import { dollarsOf } from '../../../kernel/money.ts';
import {
  type CallBill,
  type ChatInput,
  type ChatResponse,
  gathered,
  openAiChat,
  type StreamedAnswer,
} from '../../providers/index.ts';
import type { Result } from '../engine/model.ts';
import { nodeErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject } from '../model.ts';
import { completed, type Handler, type Task } from './model.ts';
import { filled } from './template.ts';

type Named = { provider?: string; model?: string; tier?: NonNullable<ChatInput['wish']['tier']> };
type ChatConfig = Named & {
  fallbacks: Named[];
  params: JsonObject;
  system?: string;
  prompt?: string;
  output: 'text' | 'json';
  schema?: JsonObject;
  billed_to: { team?: string; project?: string; agent?: string; tags: Record<string, string> };
};

export type ChatServices = {
  expressions: Pick<Expressions, 'misfits'>;
  /**
   * Asks in the name of whoever made the run, as they are permitted now, through the operation that callers of models use.
   * @throws AppError for every refusal, and where that somebody is gone
   */
  ask(task: Task, input: ChatInput): Promise<StreamedAnswer>;
};

/**
 * Asks a model. It is asked for a stream that nobody sees: so a run that is cancelled stops the provider in the middle, and
 * pays for what was said until then. Pieces are no events, each of which would be a row for good.
 */
export const chatHandler =
  ({ expressions, ask }: ChatServices): Handler =>
  async (task) => {
    const config = task.node.config as unknown as ChatConfig;
    const { pieces, bill } = await ask(task, chatInput(config, task));
    const answer = await gathered(eventsOf(pieces));
    const output = encodeAnswer(answer, await bill);
    if (config.output === 'text') return completed(output);
    const value = jsonIn(textOf(answer));
    if (value === undefined) return wrong('no_json', 'The model did not answer with JSON.');
    const faults = config.schema === undefined ? [] : await expressions.misfits(config.schema, value, 'value');
    if (faults.length > 0) return wrong('does_not_fit', 'The answer does not fit the schema.', faults);
    return completed({ ...output, value });
  };

async function* eventsOf(pieces: StreamedAnswer['pieces']) {
  for await (const { events } of pieces) yield* events;
}

function chatInput(config: ChatConfig, { runId, input, node, budgetedBy }: Task): ChatInput {
  const system = config.system === undefined ? [] : [{ role: 'system', content: config.system }];
  const messages = [...system, ...turnsOf(config, input)];
  const format = config.output === 'json' ? { response_format: formatOf(config.schema) } : {};
  const body = { ...config.params, ...format, model: config.model ?? 'any', messages, stream: true };
  const { maxTokens, needs } = openAiChat.head(body);
  const { team = null, project = null, agent = null, tags } = config.billed_to;
  const work = { type: 'workflow_run', id: runId };
  return {
    asked: { dialect: null, request: openAiChat.decode(body) },
    wish: { ...namedBy(config), needs, fallbacks: config.fallbacks.map(namedBy) },
    stream: true,
    maxTokens,
    passedOn: {},
    attribution: {
      teamId: team,
      projectId: project,
      agentId: agent,
      tags: { node: node.key, ...tags },
      work,
      ...(budgetedBy.length === 0 ? {} : { runs: budgetedBy }),
    },
    caching: { noCache: false, noStore: false, maxAgeSeconds: null },
  };
}

const namedBy = ({ provider, model, tier }: Named) => ({
  provider: provider ?? null,
  model: model ?? null,
  tier: tier ?? null,
});

const formatOf = (schema: JsonObject | undefined): JsonObject =>
  schema === undefined
    ? { type: 'json_object' }
    : { type: 'json_schema', json_schema: { name: 'answer', schema, strict: false } };

function turnsOf({ prompt }: ChatConfig, input: JsonObject): Json[] {
  if (prompt !== undefined) return [{ role: 'user', content: filled(prompt, { input }) }];
  const { messages, prompt: asked } = input;
  if (Array.isArray(messages)) return messages;
  if (asked === undefined)
    throw nodeErrors.nothing_to_ask(
      'Say what the model is asked: `config.prompt`, or the input `prompt` or `messages`.',
    );
  return [{ role: 'user', content: typeof asked === 'string' ? asked : JSON.stringify(asked) }];
}

const textOf = ({ content }: ChatResponse): string =>
  content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

function encodeAnswer(answer: ChatResponse, { provider, model, usage, cost, isEstimated }: CallBill): JsonObject {
  const calls = answer.content.flatMap((part) =>
    part.type === 'tool_call' ? [{ id: part.id, name: part.name, arguments: part.arguments }] : [],
  );
  return {
    text: textOf(answer),
    tool_calls: calls,
    stop_reason: answer.stopReason,
    provider,
    model,
    usage: {
      input_tokens: usage.input + usage.cacheRead + usage.cacheWrite,
      output_tokens: usage.output,
      is_estimated: isEstimated,
      cost_usd: cost === null ? null : dollarsOf(cost),
    },
  };
}

/** JSON as models write it: bare, or fenced as in Markdown. */
function jsonIn(text: string): Json | undefined {
  const bare = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text;
  try {
    return JSON.parse(bare) as Json;
  } catch {
    return undefined;
  }
}

/** A model may do better the next time. */
const wrong = (
  reason: string,
  message: string,
  faults: Extract<Result, { kind: 'failed' }>['failure']['faults'] = [],
): Result => ({
  kind: 'failed',
  failure: { code: `workflow_node.${reason}`, message, ...(faults.length > 0 ? { faults } : {}) },
  isFinal: false,
});
