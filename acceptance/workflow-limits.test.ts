import { ControlError, controlRoutes, type UsageRecord, type WorkflowRun } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { assay } from './harness/command-line.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { dataOf, native, refusalOf, WorkflowClient } from './harness/workflow-client.ts';

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
const client = server.as();
const workflows = new WorkflowClient(server);
afterAll(() => server[Symbol.asyncDispose]());

const start = async (name: string, more: object = {}): Promise<WorkflowRun> => {
  const answer = await client.post('/v1/workflow-runs', { name, start: true, ...more });
  return dataOf<{ workflow_run: WorkflowRun }>(answer, 201).workflow_run;
};
const read = ({ id }: WorkflowRun): Promise<WorkflowRun> => workflows.run(id);
const cancel = async ({ id }: WorkflowRun): Promise<void> => void dataOf(await workflows.act(id, 'cancel'));

/** The field at fault, or where there is none the sentence. */
const reasonOf = (answer: Answer): string => {
  const { message, details } = ControlError.parse(answer.body).error;
  return (details['fields'] as { field: string }[] | undefined)?.[0]?.field ?? message;
};

/** Waits until somebody decides, so that a test says when a run ends. */
const define = (name: string, concurrency?: object): Promise<Answer> =>
  client.post('/v1/workflow-definitions', {
    name,
    nodes: [native('wait', 'delay', { ms: 600_000 })],
    ...(concurrency && { concurrency }),
  });

describe('concurrency', () => {
  test('runs above a limit wait queued, and one that ends lets the next in', async () => {
    const limits = [{ limit: 2 }, { limit: 1, key: 'input.customer' }];
    expect(dataOf(await define('limited', limits), 201)).toMatchObject({
      workflow_definition: { concurrency: limits },
    });
    const first = await start('limited', { input: { customer: 'a' } });
    const second = await start('limited', { input: { customer: 'a' } });
    const third = await start('limited', { input: { customer: 7 } });
    const fourth = await start('limited', { input: { customer: true }, concurrency_key: 'a' });
    expect([first, second, third, fourth]).toMatchObject([
      { state: 'running', concurrency_key: 'a' },
      { state: 'queued', concurrency_key: 'a', started_at: null },
      { state: 'running', concurrency_key: '7' },
      { state: 'queued', concurrency_key: 'a' },
    ]);
    await cancel(first);
    expect((await Promise.all([second, fourth].map(read))).map(({ state }) => state)).toEqual(['running', 'queued']);
    await workflows.nodeIs(second.id, 'wait', 'waiting');
    dataOf(await define('limited'), 201);
    expect(await read(fourth)).toMatchObject({ state: 'running' });
    const answer = await client.get(`/v1/workflow-runs/${fourth.id}`);
    expect(controlRoutes.getWorkflowRun.answers[200].schema.parse(answer.body)).toEqual(answer.body);
  });

  test('a run that waits can be cancelled, and not be started or paused', async () => {
    await define('single', { limit: 1 });
    const first = await start('single');
    const second = await start('single');
    expect(refusalOf(await workflows.act(second.id, 'start'))).toBe('409 already_started');
    expect(refusalOf(await workflows.act(second.id, 'pause'))).toBe('409 not_running');
    await cancel(second);
    expect(await read(second)).toMatchObject({ state: 'cancelled' });
    expect(await read(first)).toMatchObject({ state: 'running' });
  });

  test('the command line names the key', async () => {
    await define('by-key', { limit: 1, key: '"everybody"' });
    const { apiKey } = server.credentials;
    const run = await assay(['run', 'by-key', '--concurrency-key', 'mine', '--quiet'], { server, apiKey });
    expect(run.exit, run.stderr).toBe(0);
    expect(await workflows.run(run.stdout.trim())).toMatchObject({ concurrency_key: 'mine', state: 'running' });
  });

  test('limits that cannot be, and keys that are none, are refused', async () => {
    await define('free');
    await define('keyed', { limit: 1, key: 'input.customer' });
    const create = (body: object) => client.post('/v1/workflow-runs', { start: true, ...body });
    const refusals = await Promise.all([
      define('wrong', { limit: 0 }),
      define('wrong', [{ limit: 1 }, { limit: 2 }]),
      define('wrong', { limit: 1, key: 'input.' }),
      create({ name: 'free', concurrency_key: 'a' }),
      create({ name: 'keyed', input: {} }),
      create({ name: 'keyed', input: { customer: [1] } }),
      create({ name: 'keyed', input: { customer: 'x'.repeat(501) } }),
    ]);
    expect(refusals.map(({ status }) => status)).toEqual(refusals.map(() => 400));
    expect(refusals.map(reasonOf)).toEqual([
      'concurrency.limit',
      'concurrency',
      'concurrency.0.key',
      expect.stringMatching(/no limit of runs with the same key/),
      expect.stringMatching(/customer/),
      expect.stringMatching(/must be a text, a number/),
      expect.stringMatching(/501 characters/),
    ]);
  });
});

describe('a budget', () => {
  const chat = (key: string, config: object, more: object = {}) => ({
    key,
    runtime: 'provider',
    operation: 'chat',
    config: { model: 'echo', prompt: 'one two three four', params: { max_tokens: 10 }, ...config },
    policy: { retries: 3, on_error: 'continue', backoff: { kind: 'fixed', first_ms: 1, most_ms: 1 } },
    ...more,
  });
  /** What runs were billed. */
  async function cost(...runs: readonly string[]): Promise<number> {
    const { organization_id: orgId } = await server.sdk().me();
    const records = await Promise.all(
      runs.map(async (id) => {
        const answer = await client.get(`/v1/organizations/${orgId}/usage/records?work=${id}&limit=200`);
        return dataOf<{ usage_records: UsageRecord[] }>(answer).usage_records;
      }),
    );
    return records.flat().reduce((sum, { cost_micros }) => sum + cost_micros, 0);
  }

  test('is held by nodes that race for it, and the run ends where it is spent, whatever their policy says', async () => {
    const items = Array.from({ length: 40 }, (_, at) => at);
    const asks = chat('asks', {}, { depends_on: ['ask'], for_each: { items, concurrency: 40 } });
    await workflows.define({ name: 'race', nodes: [chat('ask', {}), asks] });
    const run = await start('race', { budget_micros: 1_000 });
    const ended = await workflows.ended(run.id);
    expect(ended).toMatchObject({ state: 'failed', budget_micros: 1_000, error: { code: 'budget.of_run_exceeded' } });
    expect(ended.error?.message).toContain('may cost $0.001; ');
    expect(await until('something is billed', async () => (await cost(run.id)) || null)).toBeLessThanOrEqual(1_000);
    const answer = await client.get('/v1/budgets');
    expect(dataOf<{ budgets: unknown[] }>(answer).budgets).toEqual([]);
    expect((await client.get(`/v1/budgets/${run.id}`)).status).toBe(404);
  });

  test('counts what the runs below cost, is the definition’s unless the run says one, and is not tried again', async () => {
    await workflows.define({ name: 'child', nodes: [chat('ask', {})] });
    const below = (key: string, ...dependsOn: string[]) =>
      native(key, 'subworkflow', { name: 'child' }, { depends_on: dependsOn });
    await workflows.define({
      name: 'parent',
      budget_micros: 50,
      nodes: [below('a'), below('b', 'a'), chat('c', {}, { depends_on: ['b'] })],
    });
    const [poor, rich] = [
      await start('parent', { budget_micros: 3 }),
      await start('parent', { budget_micros: 1_000_000 }),
    ];
    expect(await workflows.ended(poor.id)).toMatchObject({
      state: 'failed',
      error: { code: 'budget.of_run_exceeded', node: 'a' },
    });
    expect(await workflows.node(poor.id, 'a')).toMatchObject({ attempt: 1, state: 'failed' });
    expect(await workflows.ended(rich.id)).toMatchObject({ state: 'completed', budget_micros: 1_000_000 });
    expect(await start('parent')).toMatchObject({ budget_micros: 50 });
  });

  test('is given on the command line in dollars', async () => {
    const { apiKey } = server.credentials;
    await workflows.define({ name: 'cheap', nodes: [native('a', 'noop')] });
    const run = await assay(['run', 'cheap', '--budget', '0.25', '--quiet'], { server, apiKey });
    expect(await workflows.run(run.stdout.trim())).toMatchObject({ budget_micros: 250_000 });
  });
});

test('a context above 256 KiB is read as an asset, which cannot be deleted while it is one', async () => {
  const text = 'x'.repeat(200_000);
  const copy = (key: string, more: object = {}) =>
    native(key, 'noop', {}, { inputs: { text: '$context.input.text' }, ...more });
  await workflows.define({ name: 'large', nodes: [copy('a'), copy('b', { depends_on: ['a'] })] });
  const run = await workflows.ended(await workflows.start('large', { text }));
  const expected = { input: { text }, a: { text }, b: { text } };
  const bytes = JSON.stringify(expected).length;
  expect(run).toMatchObject({ state: 'completed', context: null, context_asset: { id: expect.any(String), bytes } });
  const path = `/v1/assets/${run.context_asset?.id}`;
  expect(JSON.parse((await client.get(path)).text)).toEqual(expected);
  expect(refusalOf(await client.send('DELETE', path))).toBe('409 conflict');
  const shown = await assay(['runs', 'get', run.id], { server, apiKey: server.credentials.apiKey });
  expect(shown.stdout).toContain(`${run.context_asset?.id} (${bytes} bytes)`);
});
