import { ControlError, controlRoutes } from '@assay/contract';
import { afterAll, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { assay } from './harness/command-line.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
const client = server.as(server.credentials.apiKey);
afterAll(() => server[Symbol.asyncDispose]());

type Run = { id: string; state: string; concurrency_key: string | null; started_at: string | null };

const dataOf = (answer: Answer, status: number): Record<string, unknown> => {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Record<string, unknown> }).data;
};
const refusal = (answer: Answer): { status: number; code: string } => {
  const { error } = ControlError.parse(answer.body);
  return { status: answer.status, code: error.code };
};

/** The field at fault, or where there is none the sentence. */
const reasonOf = (answer: Answer): string => {
  const { message, details } = ControlError.parse(answer.body).error;
  return (details['fields'] as { field: string }[] | undefined)?.[0]?.field ?? message;
};

/** Waits until somebody decides, so that a test says when a run ends. */
const WAITS = {
  key: 'wait',
  runtime: 'native',
  operation: 'delay',
  config: { ms: 600_000 },
};
const define = (name: string, concurrency?: object): Promise<Answer> =>
  client.post('/v1/workflow-definitions', { name, nodes: [WAITS], ...(concurrency && { concurrency }) });
const start = async (name: string, more: object = {}): Promise<Run> =>
  dataOf(await client.post('/v1/workflow-runs', { name, start: true, ...more }), 201)['workflow_run'] as Run;
const read = async ({ id }: Run): Promise<Run> =>
  dataOf(await client.get(`/v1/workflow-runs/${id}`), 200)['workflow_run'] as Run;
const cancel = (run: Run): Promise<Answer> => client.post(`/v1/workflow-runs/${run.id}/cancel`);

test('runs above a limit wait queued, and one that ends lets the next in', async () => {
  const limits = [{ limit: 2 }, { limit: 1, key: 'input.customer' }];
  const made = dataOf(await define('limited', limits), 201)['workflow_definition'];
  expect(made).toMatchObject({ concurrency: limits });
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
  dataOf(await cancel(first), 200);
  expect((await Promise.all([second, fourth].map(read))).map(({ state }) => state)).toEqual(['running', 'queued']);
  await until('the run that was let in is under way', async () => {
    const answer = await client.get(`/v1/workflow-runs/${second.id}/nodes`);
    const [node] = dataOf(answer, 200)['nodes'] as { state: string }[];
    return node?.state === 'waiting';
  });
  dataOf(await define('limited'), 201);
  expect(await read(fourth)).toMatchObject({ state: 'running' });
  const answer = await client.get(`/v1/workflow-runs/${fourth.id}`);
  expect(controlRoutes.getWorkflowRun.answers[200].schema.parse(answer.body)).toEqual(answer.body);
});

test('a run that waits can be cancelled, and not be started or paused', async () => {
  await define('single', { limit: 1 });
  const first = await start('single');
  const second = await start('single');
  expect(refusal(await client.post(`/v1/workflow-runs/${second.id}/start`))).toEqual({
    status: 409,
    code: 'already_started',
  });
  expect(refusal(await client.post(`/v1/workflow-runs/${second.id}/pause`))).toEqual({
    status: 409,
    code: 'not_running',
  });
  expect(dataOf(await cancel(second), 200)['workflow_run']).toMatchObject({ state: 'cancelled' });
  expect(await read(first)).toMatchObject({ state: 'running' });
});

test('the command line names the key', async () => {
  await define('by-key', { limit: 1, key: '"everybody"' });
  const { apiKey } = server.credentials;
  const run = await assay(['run', 'by-key', '--concurrency-key', 'mine', '--quiet'], { server, apiKey });
  expect(run.exit, run.stderr).toBe(0);
  const found = await client.get(`/v1/workflow-runs/${run.stdout.trim()}`);
  expect(dataOf(found, 200)['workflow_run']).toMatchObject({ concurrency_key: 'mine', state: 'running' });
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
