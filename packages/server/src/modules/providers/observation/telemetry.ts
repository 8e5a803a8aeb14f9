import type { Json } from '../../../kernel/json.ts';
import type { ModelCallDetail } from '../../../platform/telemetry/gen-ai.ts';
import type { ModelCallRecord, ModelCalls } from '../../../platform/telemetry/model-calls.ts';
import { isBuiltIn, type Provider } from '../catalogue/model.ts';
import type { EmbeddingCall } from '../execution/embedding-call.ts';
import type { Asked, ChatCall, Served } from '../execution/model.ts';
import { baseUrlOf } from '../upstream/endpoints.ts';
import { capturedRequest } from './captured-content.ts';
import type { RequestOptions, Watched } from './watch.ts';

/** What OpenTelemetry's conventions call the kinds; those that they do not know keep our name. */
const PROVIDER_NAMES: Readonly<Record<Provider['kind'], string>> = {
  anthropic: 'anthropic',
  openai: 'openai',
  gemini: 'gcp.gemini',
  'azure-openai': 'azure.ai.openai',
  vertex: 'gcp.vertex_ai',
  'openai-compatible': 'openai-compatible',
  ollama: 'ollama',
  echo: 'echo',
  replay: 'replay',
};

/** Starts to measure a call to a provider, as the conventions want it told. */
export function measure(
  calls: ModelCalls,
  { operation, isStream, trace, options }: Watched,
  served: Served,
): ModelCallRecord {
  const { provider, model } = served;
  const detail = (): ModelCallDetail => ({
    providerName: provider.name,
    server: serverOf(provider),
    ...options(served),
  });
  return calls.start({ operation, provider: PROVIDER_NAMES[provider.kind], model, isStream, detail }, trace);
}

function serverOf({ kind, baseUrl, config }: Provider): ModelCallDetail['server'] {
  if (isBuiltIn(kind)) return null;
  const { hostname, port, protocol } = new URL(baseUrlOf(kind, baseUrl, config));
  return { address: hostname, port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port) };
}

/** A chat for those who look on. */
export const watchedChat = (
  { asked, stream, trace, claims }: ChatCall,
  boundOf: (served: Served) => number,
): Watched => ({
  operation: 'chat',
  isStream: stream,
  trace,
  claims,
  request: () => capturedRequest(asked),
  requestBytes: () => (asked.dialect === null ? sizeOf(asked.request) : (asked.raw?.length ?? sizeOf(asked.body))),
  options: (served) => ({ maxTokens: boundOf(served), ...optionsOf(asked) }),
});

/** An embedding for those who look on. */
export const watchedEmbedding = ({ trace, claims, wish, inputs }: EmbeddingCall): Watched => ({
  operation: 'embeddings',
  isStream: false,
  trace,
  claims,
  request: () => ({ model: wish.model, inputs: inputs as Json }),
  requestBytes: () => sizeOf(inputs),
  options: () => NO_OPTIONS,
});

const NO_OPTIONS: RequestOptions = {
  maxTokens: null,
  temperature: null,
  topP: null,
  topK: null,
  frequencyPenalty: null,
  presencePenalty: null,
  seed: null,
};

const sizeOf = (value: unknown): number => JSON.stringify(value).length;

/** Options that all dialects of clients write alike. */
function optionsOf(asked: Asked): Omit<RequestOptions, 'maxTokens'> {
  if (asked.dialect === null) {
    const { temperature, topP, topK, frequencyPenalty, presencePenalty, seed } = asked.request;
    return { temperature, topP, topK, frequencyPenalty, presencePenalty, seed };
  }
  const { body } = asked;
  const number = (name: string): number | null => (typeof body[name] === 'number' ? body[name] : null);
  return {
    temperature: number('temperature'),
    topP: number('top_p'),
    topK: number('top_k'),
    frequencyPenalty: number('frequency_penalty'),
    presencePenalty: number('presence_penalty'),
    seed: number('seed'),
  };
}
