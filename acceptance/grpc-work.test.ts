import { once } from 'node:events';
import {
  BadRequestSchema,
  ProviderService,
  type ProviderServiceExecuteStreamResponse,
  WorkflowRunState,
  WorkflowService,
} from '@assay/contract/grpc';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import type { ServiceError } from '@grpc/grpc-js';
import { afterAll, describe, expect, test } from 'vitest';
import { FaultyProvider, PIECE } from './harness/faulty-provider.ts';
import { GrpcClient, grpcAddressOf, refusalOf } from './harness/grpc-client.ts';
import { Server } from './harness/server.ts';
import { addTenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/* Models and workflows over gRPC, by two libraries: what a caller gives up is given up everywhere, and billed as far as it came. */
const provider = await FaultyProvider.start();
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_OUTBOUND_NETWORKS: 'loopback', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

const tenant = await addTenant(server, 'caller');
const owner = server.as(tenant.apiKey);
const house = { kind: 'openai', base_url: `${provider.url}/openai/v1`, api_key: 'k', models: [{ id: 'm' }] };
await owner.post('/v1/providers', { name: 'house', ...house });
await owner.send('PUT', `/v1/organizations/${tenant.orgId}/prices/house/m`, {
  body: { rates: { input: 1_000_000, output: 2_000_000 } },
});

const address = await grpcAddressOf(server);
const withKey: Interceptor = (next) => (request) => {
  request.header.set('x-api-key', tenant.apiKey);
  return next(request);
};
const transport = createGrpcTransport({ baseUrl: `http://${address}`, interceptors: [withKey] });
const models = createClient(ProviderService, transport);
const workflows = createClient(WorkflowService, transport);
const byGrpcJs = await GrpcClient.of(server, tenant.apiKey);
afterAll(() => byGrpcJs[Symbol.dispose]());

/** Tells the provider how the call of this name goes, and gives what to ask. */
function asking(
  name: string,
  { pieces, paceMs, isSilent = false }: { pieces: number; paceMs: number; isSilent?: boolean },
) {
  provider.expect(name, { tries: [isSilent ? 'silent' : 'none'], pieces, paceMs, input: 5 });
  const value = `call ${name}.`;
  return { call: { choice: { model: 'm' }, input: { case: 'prompt' as const, value }, params: { max_tokens: 1_000 } } };
}

type Bill = { outcome: string; output_tokens: number; cost_micros: number };
/** The bills since there were so many. */
async function billsAfter(count: number): Promise<Bill[]> {
  const { body } = await owner.get(`/v1/organizations/${tenant.orgId}/usage/records`);
  const { usage_records } = (body as { data: { usage_records: Bill[] } }).data;
  return usage_records.slice(0, usage_records.length - count);
}
const billOf = (count: number): Promise<Bill> =>
  until('the call is billed', async () => {
    const [bill, ...others] = await billsAfter(count);
    expect(others).toEqual([]);
    return bill?.outcome === undefined ? null : bill;
  });
const givenUp = (): Promise<unknown> => until('nobody asks the provider any more', () => provider.open === 0);

describe('a model', () => {
  test('is asked, whole and streamed, at the price that was estimated', async () => {
    const { length: before } = await billsAfter(0);
    const estimate = await models.estimate(asking('guess', { pieces: 0, paceMs: 1 }));
    expect(estimate).toMatchObject({ provider: 'house', model: 'm' });
    const whole = await models.execute(asking('whole', { pieces: 3, paceMs: 1 }));
    expect(whole.output).toMatchObject({ case: 'text', value: { text: PIECE.repeat(3), stopReason: 'stop' } });
    const pieces: ProviderServiceExecuteStreamResponse['piece'][] = [];
    for await (const { piece } of models.executeStream(asking('streamed', { pieces: 3, paceMs: 1 })))
      pieces.push(piece);
    expect(pieces.map(({ case: told }) => told)).toEqual(['started', 'text', 'text', 'text', 'completed']);
    const end = pieces.at(-1);
    const usage = end?.case === 'completed' ? end.value.usage : undefined;
    expect(usage).toMatchObject({ inputTokens: 5n, outputTokens: 3n, isEstimated: false, costUsd: 0.000011 });
    expect(whole.usage).toEqual(usage);
    expect(usage?.costUsd).toBeLessThanOrEqual(estimate.costUsd?.high ?? 0);
    expect((await billsAfter(before)).map(({ outcome, cost_micros }) => [outcome, cost_micros])).toEqual([
      ['completed', 11],
      ['completed', 11],
    ]);
  });

  test('gives the vectors of texts', async () => {
    const texts = { case: 'texts' as const, value: { texts: ['one', 'two'] } };
    const { output } = await models.execute({ call: { choice: { model: 'echo' }, input: texts } });
    expect(output.case === 'embedding' && output.value.embeddings.map(({ values }) => values.length > 0)).toEqual([
      true,
      true,
    ]);
  });

  test('that is left in the middle of its answer is cancelled at its provider, and billed as far as it came', async () => {
    const { length: before } = await billsAfter(0);
    const leave = new AbortController();
    const answer = models.executeStream(asking('left', { pieces: 10_000, paceMs: 5 }), { signal: leave.signal });
    const refusal = await (async () => {
      let heard = 0;
      for await (const { piece } of answer) if (piece.case === 'text' && ++heard === 3) leave.abort();
      throw new Error('It came to its end.');
    })().catch((thrown) => ConnectError.from(thrown));
    expect(refusal).toMatchObject({ code: Code.Canceled });
    await givenUp();
    const bill = await billOf(before);
    expect(bill.outcome).toBe('cancelled');
    expect(bill.output_tokens).toBeGreaterThanOrEqual(3);
    expect(bill.output_tokens).toBeLessThanOrEqual(provider.served('left').sent);
  });

  test('ends at the deadline of the call, at its provider too', async () => {
    const { length: before } = await billsAfter(0);
    const asked = asking('late', { pieces: 10_000, paceMs: 5 });
    const stream = byGrpcJs.stream(ProviderService.method.executeStream, asked, {}, { deadline: Date.now() + 500 });
    stream.resume();
    const [error] = (await once(stream, 'error')) as [ServiceError];
    expect(error.code).toBe(Code.DeadlineExceeded);
    await givenUp();
    expect(await billOf(before)).toMatchObject({ outcome: 'cancelled' });
  });

  test('that says nothing before the deadline is not waited for', async () => {
    const asked = asking('silent', { pieces: 1, paceMs: 1, isSilent: true });
    const refusal = await models.execute(asked, { timeoutMs: 500 }).catch((thrown) => ConnectError.from(thrown));
    expect(refusal).toMatchObject({ code: Code.DeadlineExceeded });
    await givenUp();
  });

  test('that breaks off tells what it cost so far, and how it failed', async () => {
    provider.expect('broken', { tries: ['truncated'], pieces: 10, paceMs: 1, input: 5 });
    const asked = { call: { choice: { model: 'm' }, input: { case: 'prompt' as const, value: 'call broken.' } } };
    const pieces: ProviderServiceExecuteStreamResponse['piece'][] = [];
    const failure = await (async () => {
      for await (const { piece } of models.executeStream(asked)) pieces.push(piece);
      throw new Error('It came to its end.');
    })().catch((thrown) => ConnectError.from(thrown));
    expect(failure).toMatchObject({ code: Code.Unavailable });
    const end = pieces.at(-1);
    expect(end?.case === 'failed' && Number(end.value.usage?.outputTokens)).toBeGreaterThan(0);
  });

  test('that is asked nonsense names the fields', async () => {
    const failure = await models
      .execute({ call: { fallbacks: [{}], input: { case: 'prompt', value: '' } } })
      .catch((thrown) => ConnectError.from(thrown));
    expect(failure).toMatchObject({ code: Code.InvalidArgument });
    const [details] = (failure as ConnectError).findDetails(BadRequestSchema);
    expect(details?.fieldViolations.map(({ field }) => field)).toEqual(['call.fallbacks.0', 'call.input']);
  });
});

const node = (key: string, operation: string, more: object = {}) => ({ key, runtime: 'native', operation, ...more });
const GREETING = {
  name: 'greeting',
  nodes: [
    node('hello', 'transform', {
      config: { expression: '"Hello, " & name' },
      inputs: { name: '$context.input.name' },
    }),
    node('done', 'noop', { depends_on: ['hello'] }),
  ],
};

describe('a workflow', () => {
  test('is made, run and followed to its end, and can be read in every way', async () => {
    const { definition } = await workflows.createDefinition({ content: GREETING });
    expect(definition).toMatchObject({ version: 1, content: { name: 'greeting' } });
    const { run } = await workflows.createRun({
      workflow: { case: 'name', value: 'greeting' },
      input: { name: 'Ada' },
      start: true,
    });
    const id = run?.id ?? '';
    const told: [string, string][] = [];
    for await (const { position, event } of workflows.followRun({ id })) told.push([position, event?.type ?? '']);
    expect(told.at(0)?.[1]).toBe('');
    expect(told.at(1)?.[1]).toBe('workflow.run.created');
    expect(told.at(-1)?.[1]).toBe('workflow.run.completed');

    const half = Math.floor(told.length / 2);
    const rest: [string, string][] = [];
    for await (const { position, event } of workflows.followRun({ id, after: told[half]?.[0] ?? '' })) {
      if (event) rest.push([position, event.type]);
    }
    expect(rest).toEqual(told.slice(half + 1));

    const { run: ended } = await workflows.getRun({ id });
    expect(ended).toMatchObject({ state: WorkflowRunState.COMPLETED, context: { hello: 'Hello, Ada' } });
    const { nodes } = await workflows.listRunNodes({ id });
    expect(nodes.map(({ key, output }) => [key, output?.kind.value])).toEqual([
      ['hello', 'Hello, Ada'],
      ['done', expect.anything()],
    ]);
    const { runs } = await workflows.listRuns({ name: 'greeting', state: WorkflowRunState.COMPLETED });
    expect(runs.map((each) => each.id)).toEqual([id]);
    expect((await owner.get(`/v1/workflow-runs/${id}`)).text).toContain('Hello, Ada');
  });

  test('is refused with every fault by its field', async () => {
    const content = { name: 'wrong', nodes: [node('a', 'noop', { depends_on: ['a', 'x'] })] };
    const { valid, faults } = await workflows.validateDefinition({ content });
    expect(valid).toBe(false);
    const refusal = await refusalOf(byGrpcJs.call(WorkflowService.method.createDefinition, { content }));
    expect(refusal).toMatchObject({ code: Code.InvalidArgument, reason: 'workflow_definition.invalid' });
    expect(refusal.fields).toEqual(['content.nodes.0.depends_on.0', 'content.nodes.0.depends_on.1']);
    expect(faults.map(({ field }) => field)).toEqual(refusal.fields);
  });

  test('of another organization cannot be run', async () => {
    const { definition } = await workflows.createDefinition({ content: GREETING });
    using stranger = await GrpcClient.of(server, server.credentials.apiKey);
    const workflow = { case: 'workflowDefinitionId' as const, value: definition?.id ?? '' };
    const refusal = await refusalOf(stranger.call(WorkflowService.method.createRun, { workflow }));
    expect(refusal.code).toBe(Code.NotFound);
  });

  test('is paused, resumed, cancelled and retried, and nothing is done twice under one idempotency key', async () => {
    const content = { name: 'slow', nodes: [node('wait', 'delay', { config: { ms: 60_000 } })] };
    await workflows.createDefinition({ content });
    const headers = { 'idempotency-key': 'one-run' };
    const make = () => workflows.createRun({ workflow: { case: 'name', value: 'slow' } }, { headers });
    const { run } = await make();
    expect((await make()).run?.id).toBe(run?.id);
    const id = run?.id ?? '';
    const states = [
      await workflows.startRun({ id }),
      await workflows.pauseRun({ id }),
      await workflows.resumeRun({ id }),
      await workflows.cancelRun({ id }),
      await workflows.retryRun({ id }),
    ].map(({ run: now }) => now?.state);
    const { RUNNING, PAUSED, CANCELLED } = WorkflowRunState;
    expect(states).toEqual([RUNNING, PAUSED, RUNNING, CANCELLED, RUNNING]);
    const refusal = await refusalOf(byGrpcJs.call(WorkflowService.method.startRun, { id }));
    expect(refusal).toMatchObject({ code: Code.FailedPrecondition, reason: 'workflow_run.already_started' });
    await workflows.cancelRun({ id });
    const ends: string[] = [];
    for await (const { event } of workflows.followRun({ id }))
      if (event?.type.endsWith('cancelled')) ends.push(event.type);
    expect(ends.filter((type) => type === 'workflow.run.cancelled')).toHaveLength(2);
  });
});
