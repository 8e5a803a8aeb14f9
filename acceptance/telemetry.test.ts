import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { Collector, type Span } from './harness/collector.ts';
import { Server } from './harness/server.ts';

/*
 * What a collector and a Prometheus server see of model calls: a provider on loopback answers, the server is stopped so
 * that it hands over all it has, and then the tests read what arrived.
 */

/** Stands in every prompt, answer and error of this file. It must arrive nowhere but at the provider. */
const CANARY = `canary-${randomBytes(12).toString('hex')}`;

const headersSeen: Record<string, unknown>[] = [];
const vendor = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  headersSeen.push(request.headers);
  const { model, stream } = JSON.parse(text) as { model: string; stream?: boolean };
  if (model === 'overloaded') return void json(response, 503, { error: { message: `Too busy for ${CANARY}` } });
  if (model === 'silent') return;
  if (stream === true) return void streamed(response, model);
  json(response, 200, {
    id: 'chatcmpl-whole',
    object: 'chat.completion',
    created: 1,
    model: `${model}-2026`,
    choices: [{ index: 0, message: { role: 'assistant', content: CANARY }, finish_reason: 'length' }],
    usage: { prompt_tokens: 20, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 8 } },
  });
});
vendor.listen(0, '127.0.0.1');
await once(vendor, 'listening');

const json = (response: ServerResponse, status: number, body: unknown): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

function streamed(response: ServerResponse, model: string): void {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-stream', model, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunk({ content: CANARY }));
  if (model === 'broken') return void setImmediate(() => response.destroy());
  if (model === 'endless') return;
  const usage = { prompt_tokens: 20, completion_tokens: 4 };
  response.end(`${chunk({}, 'stop')}data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

const collector = await Collector.start();
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: {
    ASSAY_OUTBOUND_NETWORKS: 'loopback',
    ASSAY_GRPC_PORT: 'off',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  },
  awaitReady: false,
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  vendor.closeAllConnections();
  vendor.close();
});

const traces: Record<string, string> = {};
/** Makes a call under a trace of its own, which the tests know by `name`. */
async function call(name: string, body: object, signal: AbortSignal | null = null): Promise<Response> {
  const trace = randomBytes(16).toString('hex');
  traces[name] = trace;
  return fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.credentials.apiKey}`,
      'content-type': 'application/json',
      traceparent: `00-${trace}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({ messages: [{ role: 'user', content: `Say ${CANARY}` }], max_tokens: 30, ...body }),
    signal,
  });
}

const client = server.as();
async function made(path: string, body: object): Promise<void> {
  const { status, text } = await client.post(path, body);
  if (status !== 201) throw new Error(`${path} answered ${status}: ${text}`);
}
const { port } = vendor.address() as AddressInfo;
const ours = { kind: 'openai', base_url: `http://127.0.0.1:${port}/v1`, api_key: 'vendor-key' };
const models = (...ids: string[]) => ids.map((id) => ({ id }));
await made('/v1/providers', { ...ours, name: 'ours', models: models('plain', 'broken', 'silent', 'endless') });
await made('/v1/providers', { ...ours, name: 'busy', models: [{ id: 'overloaded', alias: 'either', weight: 1000 }] });
await made('/v1/providers', { ...ours, name: 'idle', models: [{ id: 'spare', alias: 'either' }] });

await (await call('whole', { model: 'plain', temperature: 0.5, top_p: 0.9, seed: 7 })).text();
await (await call('stream', { model: 'plain', stream: true })).text();
await (await call('broken', { model: 'broken', stream: true })).text();
await (await call('busy', { model: 'busy/overloaded' })).text();
await (await call('unknown', { model: 'nobody has this' })).text();
// The busy one comes first nearly always; that it does is not what is tested here.
for (let n = 0; !traces['fallback'] && n < 40; n++) {
  const before = headersSeen.length;
  await (await call('either', { model: 'either' })).text();
  if (headersSeen.length === before + 2) traces['fallback'] = String(traces['either']);
}
const leaving = new AbortController();
const left = await call('cancelled', { model: 'endless', stream: true }, leaving.signal);
await left.body?.getReader().read();
leaving.abort();
await made('/v1/budgets', { name: 'Nothing', scope: { kind: 'organization' }, period: 'day', limit_micros: 0 });
const refused = await call('refused', { model: 'echo' });

const metrics = (await server.anonymous.get('/metrics')).text;
await server.stop();

const spansOf = (name: string): Span[] => collector.spans.filter(({ traceId }) => traceId === traces[name]);
const requestSpan = (name: string): Span => spansOf(name).find(({ kind }) => kind === 2) as Span;
const providerSpans = (name: string): Span[] => spansOf(name).filter(({ kind }) => kind === 3);

describe('a span of a call to a provider', () => {
  test('stands under that of the request, in the trace of the caller', () => {
    const [span] = providerSpans('whole');
    expect(requestSpan('whole')).toMatchObject({ name: 'providers.chat.execute', parentSpanId: '00f067aa0ba902b7' });
    expect(span).toMatchObject({ name: 'chat plain', parentSpanId: requestSpan('whole').spanId });
  });

  test('says what was asked of whom, and what it came to', () => {
    expect(providerSpans('whole')[0]?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'plain',
      'gen_ai.request.max_tokens': 30,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.top_p': 0.9,
      'gen_ai.request.seed': 7,
      'gen_ai.response.id': 'chatcmpl-whole',
      'gen_ai.response.model': 'plain-2026',
      'gen_ai.response.finish_reasons': ['length'],
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 4,
      'gen_ai.usage.cache_read.input_tokens': 8,
      'gen_ai.usage.cache_creation.input_tokens': 0,
      'gen_ai.usage.reasoning.output_tokens': 0,
      'server.address': '127.0.0.1',
      'server.port': port,
      'assay.provider.name': 'ours',
    });
  });

  test('of a stream ends with it, and knows when it began', () => {
    const [span] = providerSpans('stream');
    expect(span?.attributes).toMatchObject({
      'gen_ai.request.stream': true,
      'gen_ai.response.id': 'chatcmpl-stream',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.output_tokens': 4,
      'gen_ai.response.time_to_first_chunk': expect.any(Number),
    });
    expect(span?.status.code ?? 0).toBe(0);
  });

  test('of a stream that broke off says so, and what had come', () => {
    const [span] = providerSpans('broken');
    expect(span).toMatchObject({ status: { code: 2, message: 'interrupted' } });
    expect(span?.attributes).toMatchObject({
      'error.type': 'interrupted',
      'gen_ai.usage.output_tokens': expect.any(Number),
    });
  });

  test('is one for each try, and says why the first ones failed', () => {
    const tries = providerSpans('fallback');
    expect(
      tries.map(({ attributes }) => [attributes['assay.provider.name'], attributes['error.type'] ?? null]),
    ).toEqual([
      ['busy', 'overloaded'],
      ['idle', null],
    ]);
    expect(new Set(tries.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([requestSpan('fallback').spanId]));
    expect(providerSpans('busy').map(({ attributes }) => attributes['error.type'])).toEqual(
      Array(3).fill('overloaded'),
    );
    expect(requestSpan('busy').status).toEqual({ code: 2, message: 'provider.overloaded' });
  });

  test('whose caller left is no failure of the provider’s', () => {
    const [span] = providerSpans('cancelled');
    expect(span?.status.code ?? 0).toBe(0);
    expect(span?.attributes['error.type']).toBe('cancelled');
  });

  test('is not there for a call that no provider was asked for', () => {
    expect(refused.status).toBe(429);
    expect(providerSpans('refused')).toEqual([]);
    expect(requestSpan('refused').status).toEqual({ code: 2, message: 'budget.exceeded' });
    expect(providerSpans('unknown')).toEqual([]);
  });

  test('goes to the collector only: no provider learns the ids of a trace', () => {
    expect(headersSeen.length).toBeGreaterThan(5);
    for (const headers of headersSeen) expect(Object.keys(headers)).not.toContain('traceparent');
  });
});

describe('the metrics', () => {
  const labels = 'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="plain"';

  test('time calls, count their tokens and what was refused', () => {
    expect(metrics).toMatch(new RegExp(`^gen_ai_client_operation_duration_seconds_count\\{${labels}\\} 2$`, 'm'));
    expect(metrics).toMatch(
      new RegExp(`^gen_ai_client_operation_time_to_first_chunk_seconds_count\\{${labels}\\} 1$`, 'm'),
    );
    expect(metrics).toMatch(
      new RegExp(`^gen_ai_client_token_usage_sum\\{${labels},gen_ai_token_type="input"\\} \\d+`, 'm'),
    );
    expect(metrics).toMatch(/^assay_refusals_total\{operation="providers.chat.execute",reason="budget.exceeded"\} 1$/m);
    expect(metrics).toMatch(/error_type="overloaded"/);
    expect(metrics).toMatch(/^assay_provider_breakers_open \d$/m);
  });
});

describe('what was asked and answered', () => {
  test('is in no span, no metric and no line of the log', () => {
    expect(collector.spans.length).toBeGreaterThan(15);
    expect(collector.received.join('')).not.toContain(CANARY);
    expect(metrics).not.toContain(CANARY);
    expect(server.stderr).not.toContain(CANARY);
  });
});
