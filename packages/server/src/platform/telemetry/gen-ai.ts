import { Counter, Histogram, type Registry } from 'prom-client';

/*
 * How calls to models are told of: OpenTelemetry's semantic conventions for generative AI, spans of clients and the
 * metrics of the same names. All names and bounds of the conventions stand here. What was asked and answered has no place
 * in any of it: nothing here takes a text of a caller's or a model's, but the names of models.
 */

export type ModelOperation = 'chat' | 'embeddings';

/** What is known of a call when it begins. */
export type ModelCall = {
  operation: ModelOperation;
  /** The convention's name of who is asked. */
  provider: string;
  model: string;
  isStream: boolean;
  /** Asked for only when somebody listens. */
  detail(): ModelCallDetail;
};
export type ModelCallDetail = {
  /** The organization's own name of the provider. */
  providerName: string;
  server: { address: string; port: number } | null;
  maxTokens: number | null;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  frequencyPenalty: number | null;
  presencePenalty: number | null;
  seed: number | null;
};

/** How it ended. */
export type ModelCallEnd = {
  /** A word for what went wrong, of a few; null when nothing did. */
  failure: string | null;
  /** Seconds to the first piece of a streamed answer; null where none came. */
  firstChunkSeconds: number | null;
  response: { id: string; model: string; finishReason: string | null } | null;
  /** Tokens. `input` leaves out what was read from or written to a cache; `output` has the reasoning in it. */
  usage: { input: number; cacheRead: number; cacheWrite: number; output: number; reasoning: number } | null;
  /** Micro-dollars; null where the model has no price. */
  cost: number | null;
};

export type Attributes = Record<string, string | number | boolean | string[]>;

export const spanName = ({ operation, model }: ModelCall): string => `${operation} ${model}`;

/** Attributes of a span that are known when it starts, so that samplers can look at them. */
export function requestAttributes(call: ModelCall): Attributes {
  const { operation, provider, model, isStream } = call;
  const detail = call.detail();
  return known({
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': provider,
    'gen_ai.request.model': model,
    'gen_ai.request.stream': isStream ? true : null,
    'gen_ai.request.max_tokens': detail.maxTokens,
    'gen_ai.request.temperature': detail.temperature,
    'gen_ai.request.top_p': detail.topP,
    'gen_ai.request.top_k': detail.topK,
    'gen_ai.request.frequency_penalty': detail.frequencyPenalty,
    'gen_ai.request.presence_penalty': detail.presencePenalty,
    'gen_ai.request.seed': detail.seed,
    'server.address': detail.server?.address ?? null,
    'server.port': detail.server?.port ?? null,
    'assay.provider.name': detail.providerName,
  });
}

/** Attributes of a span that are known when it ends. Tokens read from or written to a cache count as input, too. */
export function responseAttributes({ failure, firstChunkSeconds, response, usage, cost }: ModelCallEnd): Attributes {
  return known({
    'error.type': failure,
    'gen_ai.response.id': response?.id || null,
    'gen_ai.response.model': response?.model || null,
    'gen_ai.response.finish_reasons': response?.finishReason ? [response.finishReason] : null,
    'gen_ai.response.time_to_first_chunk': firstChunkSeconds,
    'gen_ai.usage.input_tokens': usage && inputOf(usage),
    'gen_ai.usage.output_tokens': usage?.output ?? null,
    'gen_ai.usage.cache_read.input_tokens': usage?.cacheRead ?? null,
    'gen_ai.usage.cache_creation.input_tokens': usage?.cacheWrite ?? null,
    'gen_ai.usage.reasoning.output_tokens': usage?.reasoning ?? null,
    'assay.cost.usd': cost === null ? null : cost / 1_000_000,
  });
}

const inputOf = ({ input, cacheRead, cacheWrite }: NonNullable<ModelCallEnd['usage']>): number =>
  input + cacheRead + cacheWrite;

function known(attributes: Record<string, Attributes[string] | null>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)) as Attributes;
}

/** The convention's boundaries, in seconds and in tokens. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const LABELS = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model'] as const;
type Labels = Record<(typeof LABELS)[number], string>;

/** Callers may name models as they like; beyond so many, metrics tell them apart no longer. */
const MOST_MODELS = 100;
const OTHER = '_OTHER';

/** The metrics of model calls, named as Prometheus names what the conventions define. */
export class ModelCallMetrics {
  readonly #models = new Set<string>();
  readonly #duration: Histogram<keyof Labels | 'error_type'>;
  readonly #firstChunk: Histogram<keyof Labels>;
  readonly #tokens: Histogram<keyof Labels | 'gen_ai_token_type'>;
  readonly #cost: Counter<keyof Labels>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#duration = new Histogram({
      name: 'gen_ai_client_operation_duration_seconds',
      help: 'Time of a call to a provider, to the end of its answer. `error_type` says why one failed.',
      labelNames: [...LABELS, 'error_type'],
      buckets: SECONDS,
      registers,
    });
    this.#firstChunk = new Histogram({
      name: 'gen_ai_client_operation_time_to_first_chunk_seconds',
      help: 'Time to the first piece of a streamed answer.',
      labelNames: LABELS,
      buckets: SECONDS,
      registers,
    });
    this.#tokens = new Histogram({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of a call as they are billed; those read from or written to a cache are input.',
      labelNames: [...LABELS, 'gen_ai_token_type'],
      buckets: TOKENS,
      registers,
    });
    this.#cost = new Counter({
      name: 'assay_model_cost_dollars_total',
      help: 'What calls to models were billed.',
      labelNames: LABELS,
      registers,
    });
  }

  observe(call: ModelCall, seconds: number, { failure, firstChunkSeconds, usage, cost }: ModelCallEnd): void {
    const labels: Labels = {
      gen_ai_operation_name: call.operation,
      gen_ai_provider_name: call.provider,
      gen_ai_request_model: this.#few(call.model, failure === null),
    };
    this.#duration.observe(failure === null ? labels : { ...labels, error_type: failure }, seconds);
    if (firstChunkSeconds !== null) this.#firstChunk.observe(labels, firstChunkSeconds);
    if (usage) {
      this.#tokens.observe({ ...labels, gen_ai_token_type: 'input' }, inputOf(usage));
      if (call.operation === 'chat') this.#tokens.observe({ ...labels, gen_ai_token_type: 'output' }, usage.output);
    }
    if (cost !== null) this.#cost.inc(labels, cost / 1_000_000);
  }

  /** A model gets a name of its own in the metrics by answering: what is merely asked for can be anything. */
  #few(model: string, hasAnswered: boolean): string {
    if (this.#models.has(model)) return model;
    if (!hasAnswered || this.#models.size >= MOST_MODELS) return OTHER;
    this.#models.add(model);
    return model;
  }
}
