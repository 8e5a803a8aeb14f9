import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import {
  type ModelCall,
  type ModelCallEnd,
  ModelCallMetrics,
  requestAttributes,
  responseAttributes,
} from './gen-ai.ts';

const call = (of: Partial<ModelCall> = {}): ModelCall => ({
  operation: 'chat',
  provider: 'openai',
  model: 'gpt-test',
  isStream: false,
  detail: () => ({
    providerName: 'ours',
    server: { address: 'api.example', port: 443 },
    maxTokens: 50,
    temperature: 0,
    topP: null,
    topK: null,
    frequencyPenalty: null,
    presencePenalty: null,
    seed: null,
  }),
  ...of,
});
const ended = (of: Partial<ModelCallEnd> = {}): ModelCallEnd => ({
  failure: null,
  firstChunkSeconds: null,
  response: { id: 'chatcmpl-1', model: 'gpt-test-1', finishReason: 'stop' },
  usage: { input: 10, cacheRead: 5, cacheWrite: 2, output: 7, reasoning: 3 },
  cost: 1_500_000,
  ...of,
});

describe('the attributes of a span', () => {
  test('are those of the conventions, and leave out what nobody said', () => {
    expect(requestAttributes(call())).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-test',
      'gen_ai.request.max_tokens': 50,
      'gen_ai.request.temperature': 0,
      'server.address': 'api.example',
      'server.port': 443,
      'assay.provider.name': 'ours',
    });
    expect(requestAttributes(call({ isStream: true }))).toMatchObject({ 'gen_ai.request.stream': true });
  });

  test('count what came from a cache as input', () => {
    expect(responseAttributes(ended({ firstChunkSeconds: 0.25 }))).toEqual({
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'gpt-test-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.response.time_to_first_chunk': 0.25,
      'gen_ai.usage.input_tokens': 17,
      'gen_ai.usage.output_tokens': 7,
      'gen_ai.usage.cache_read.input_tokens': 5,
      'gen_ai.usage.cache_creation.input_tokens': 2,
      'gen_ai.usage.reasoning.output_tokens': 3,
      'assay.cost.usd': 1.5,
    });
    const failed = ended({ failure: 'timeout', response: null, usage: null, cost: null });
    expect(responseAttributes(failed)).toEqual({ 'error.type': 'timeout' });
  });
});

describe('the metrics of model calls', () => {
  const labels = 'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt-test"';

  test('time a call, count its tokens by type and add up its cost', async () => {
    const registry = new Registry();
    const metrics = new ModelCallMetrics(registry);
    metrics.observe(call(), 0.5, ended({ firstChunkSeconds: 0.03 }));
    const text = await registry.metrics();
    expect(text).toContain(`gen_ai_client_operation_duration_seconds_bucket{le="0.64",${labels}} 1`);
    expect(text).toContain(`gen_ai_client_operation_time_to_first_chunk_seconds_bucket{le="0.04",${labels}} 1`);
    expect(text).toContain(`gen_ai_client_token_usage_sum{${labels},gen_ai_token_type="input"} 17`);
    expect(text).toContain(`gen_ai_client_token_usage_sum{${labels},gen_ai_token_type="output"} 7`);
    expect(text).toContain(`assay_model_cost_dollars_total{${labels}} 1.5`);
  });

  test('of embeddings know no output', async () => {
    const registry = new Registry();
    new ModelCallMetrics(registry).observe(call({ operation: 'embeddings' }), 0.5, ended());
    const text = await registry.metrics();
    expect(text).toContain('gen_ai_operation_name="embeddings"');
    expect(text).not.toContain('gen_ai_token_type="output"');
  });

  test('say why a call failed, and give a model that never answered no name of its own', async () => {
    const registry = new Registry();
    const metrics = new ModelCallMetrics(registry);
    const failed = ended({ failure: 'model_unknown', response: null, usage: null, cost: null });
    metrics.observe(call({ model: 'whatever a caller made up' }), 0.5, failed);
    const text = await registry.metrics();
    expect(text).toContain('gen_ai_request_model="_OTHER",error_type="model_unknown"} 1');
    expect(text).not.toContain('made up');
  });

  test('stay few, however many models answer', async () => {
    const registry = new Registry();
    const metrics = new ModelCallMetrics(registry);
    for (let n = 0; n < 150; n++) metrics.observe(call({ model: `echo-${n}ms` }), 0.5, ended());
    const text = await registry.metrics();
    const counts = text.match(/^gen_ai_client_operation_duration_seconds_count\{.*$/gm) ?? [];
    expect(counts).toHaveLength(101);
    expect(counts.at(-1)).toMatch(/model="_OTHER"\} 50$/);
  });
});
