import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ControlError, controlRoutes } from '@assay/contract';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { assay } from './harness/command-line.ts';
import { inDatabase } from './harness/database.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
const { apiKey } = server.credentials;
const client = server.as(apiKey);
afterAll(() => server[Symbol.asyncDispose]());

type Run = { id: string; state: string; context: Record<string, unknown>; error: unknown };

const dataOf = (answer: Answer, status: number): Record<string, never> => {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Record<string, never> }).data;
};
const refusal = (answer: Answer): { status: number; code: string; fields: string[] } => {
  const { error } = ControlError.parse(answer.body);
  const fields = (error.details['fields'] ?? []) as { field: string }[];
  return { status: answer.status, code: error.code, fields: fields.map(({ field }) => field) };
};

const native = (key: string, operation: string, config: object = {}, more: object = {}) => ({
  key,
  runtime: 'native',
  operation,
  config,
  ...more,
});

/** Orders above a hundred are looked at again; what is below is taken as it is. */
const ORDERS = {
  name: 'orders',
  input_schema: { type: 'object', required: ['lines'], properties: { lines: { type: 'array' } } },
  nodes: [
    native('total', 'transform', { expression: '$sum(lines.price)' }, { inputs: { lines: '$context.input.lines' } }),
    native(
      'size',
      'branch',
      { cases: [{ when: 'context.total > 100', to: ['review'] }], otherwise: ['accept'] },
      { depends_on: ['total'] },
    ),
    native('review', 'noop', {}, { depends_on: ['size'], inputs: { verdict: 'reviewed' } }),
    native('accept', 'noop', {}, { depends_on: ['size'], inputs: [{ name: 'total', path: '$context.total' }] }),
    native('done', 'fan_in', { as: 'first' }, { depends_on: ['review', 'accept'], inputs: { a: 1 } }),
  ],
};

async function define(body: object): Promise<{ id: string; version: number }> {
  return dataOf(await client.post('/v1/workflow-definitions', body), 201)['workflow_definition'] as never;
}

async function runOf(body: object): Promise<Run> {
  return dataOf(await client.post('/v1/workflow-runs', body), 201)['workflow_run'] as never;
}

const read = async (id: string): Promise<Run> =>
  dataOf(await client.get(`/v1/workflow-runs/${id}`), 200)['workflow_run'] as never;
const ended = (id: string): Promise<Run> =>
  until('the run ends', async () => {
    const run = await read(id);
    return ['completed', 'failed', 'cancelled'].includes(run.state) ? run : null;
  });

describe('a definition', () => {
  test('is kept in versions that never change, and can be read back as it was written', async () => {
    const first = await define({ ...ORDERS, name: 'versions' });
    const second = await define({ ...ORDERS, name: 'versions', description: 'As before.' });
    expect([first.version, second.version]).toEqual([1, 2]);
    const answer = await client.get(`/v1/workflow-definitions/${first.id}`);
    const { workflow_definition: kept } = dataOf(answer, 200) as unknown as {
      workflow_definition: { nodes: { key: string; inputs: object }[] };
    };
    expect(kept.nodes.map(({ key }) => key)).toEqual(['total', 'size', 'review', 'accept', 'done']);
    expect(kept.nodes[0]?.inputs).toEqual({ lines: '$context.input.lines' });
    const schema = controlRoutes.getWorkflowDefinition.answers[200].schema;
    expect(schema.parse(answer.body)).toEqual(answer.body);
  });

  test('is refused with the path of each fault', async () => {
    const wrong = {
      name: 'wrong',
      nodes: [
        native('a', 'noop', {}, { depends_on: ['a', 'x'] }),
        native('b', 'transform', { expression: '{' }),
        native('b', 'noop', {}, { when: '1 +', requires: ['magic'] }),
        native('c', 'branch', { cases: [{ when: 'true', to: ['a'] }] }),
      ],
    };
    const refused = refusal(await client.post('/v1/workflow-definitions', wrong));
    expect(refused).toMatchObject({ status: 400 });
    expect(refused.fields.sort()).toEqual([
      'nodes.0.depends_on.0',
      'nodes.0.depends_on.1',
      'nodes.1.config.expression',
      'nodes.2.key',
      'nodes.2.requires.0',
      'nodes.2.when',
      'nodes.3.config.cases.0.to.0',
    ]);
    const checked = dataOf(await client.post('/v1/workflow-definitions/validate', wrong), 200);
    expect(checked).toMatchObject({ valid: false });
    expect(checked['faults']).toHaveLength(7);
    expect(dataOf(await client.post('/v1/workflow-definitions/validate', ORDERS), 200)).toEqual({
      valid: true,
      faults: [],
    });
  });

  test('of an operation that nobody knows, or of no nodes, is none', async () => {
    const unknown = { name: 'unknown', nodes: [native('a', 'conjure')] };
    expect(refusal(await client.post('/v1/workflow-definitions', unknown)).fields).toEqual(['nodes.0.operation']);
    const empty = { name: 'empty', nodes: [] };
    expect(refusal(await client.post('/v1/workflow-definitions', empty)).fields).toEqual(['nodes']);
  });

  test('that is archived makes no new runs', async () => {
    const { id } = await define({ ...ORDERS, name: 'archived' });
    dataOf(await client.post(`/v1/workflow-definitions/${id}/archive`), 200);
    const byId = await client.post('/v1/workflow-runs', { workflow_definition_id: id });
    expect(refusal(byId)).toMatchObject({ status: 409, code: 'definition_archived' });
    expect(refusal(await client.post('/v1/workflow-runs', { name: 'archived' }))).toMatchObject({ status: 404 });
  });
});

describe('a schedule', () => {
  type Kept = { workflow_schedule: { id: string; status: string; next_runs: string[]; input: unknown } };
  const kept = (answer: Answer, status = 200): Kept['workflow_schedule'] =>
    (dataOf(answer, status) as unknown as Kept).workflow_schedule;

  const patch = (path: string, body: object, headers: Record<string, string> = {}) =>
    client.send('PATCH', path, { body, headers });

  test('can be made, changed, paused, resumed, triggered and deleted', async () => {
    await define({ ...ORDERS, name: 'scheduled' });
    const body = { name: 'nightly', workflow_name: 'scheduled', cron: '30 2 * * *', time_zone: 'Europe/Berlin' };
    const made = await client.post('/v1/workflow-schedules', { ...body, input: { lines: [{ price: 5 }] } });
    const { id, next_runs } = kept(made, 201);
    expect(next_runs).toHaveLength(5);
    const path = `/v1/workflow-schedules/${id}`;
    const stale = await patch(path, { cron: '@daily' }, { 'if-match': '"7"' });
    expect(refusal(stale).status).toBe(412);
    const changed = kept(await patch(path, { cron: '@hourly', time_zone: 'UTC' }));
    expect(changed.next_runs[0]).toMatch(/:00:00/);
    expect(kept(await client.post(`${path}/pause`))).toMatchObject({ status: 'paused', next_runs: [] });
    const { workflow_run } = dataOf(await client.post(`${path}/trigger`), 201) as unknown as { workflow_run: Run };
    expect(await ended(workflow_run.id)).toMatchObject({ state: 'completed', schedule_id: id });
    expect(kept(await client.post(`${path}/resume`))).toMatchObject({
      status: 'active',
      input: { lines: [{ price: 5 }] },
    });
    expect(dataOf(await client.get(path), 200)).toMatchObject({
      firings: [{ outcome: 'started', workflow_run_id: workflow_run.id, error: null }],
    });
    kept(await client.send('DELETE', path));
    expect(refusal(await client.get(path)).status).toBe(404);
  });

  test.each([
    [{ cron: '0 0 30 2 *' }, ['cron']],
    [{ cron: '61 * * * *' }, ['cron']],
    [{ time_zone: 'Mars/Olympus' }, ['time_zone']],
    [{ overlap: 'sometimes' }, ['overlap']],
    [{ input: { lines: 'none' } }, ['input.lines']],
  ])('that could never make a run is refused: %j', async (wrong, fields) => {
    await define({ ...ORDERS, name: 'refused' });
    const body = { name: 'wrong', workflow_name: 'refused', cron: '@daily', input: { lines: [] } };
    const answer = await client.post('/v1/workflow-schedules', { ...body, ...wrong });
    expect(refusal(answer)).toMatchObject({ status: 400, fields });
  });

  test('of a workflow that is not there is refused, and so is a second one of its name', async () => {
    const body = { name: 'twice', workflow_name: 'not-there', cron: '@daily' };
    expect(refusal(await client.post('/v1/workflow-schedules', body)).status).toBe(404);
    await define({ name: 'twice', nodes: [native('a', 'noop')] });
    kept(await client.post('/v1/workflow-schedules', { ...body, workflow_name: 'twice' }), 201);
    const again = await client.post('/v1/workflow-schedules', { ...body, workflow_name: 'twice' });
    expect(refusal(again)).toMatchObject({ status: 409, code: 'name_taken' });
  });

  test('fires by itself', async () => {
    await define({ name: 'by-itself', nodes: [native('a', 'noop')] });
    const body = { name: 'each minute', workflow_name: 'by-itself', cron: '* * * * *' };
    const { id } = kept(await client.post('/v1/workflow-schedules', body), 201);
    await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      await sql.query(`update workflow_schedules set due_at = now() - interval '1 minute' where id = $1`, [id]);
    });
    const fired = await until('the schedule fires', async () => {
      const { firings } = dataOf(await client.get(`/v1/workflow-schedules/${id}`), 200) as unknown as {
        firings: { outcome: string; workflow_run_id: string }[];
      };
      return firings[0] ?? null;
    });
    expect(fired.outcome).toBe('started');
    expect((await ended(fired.workflow_run_id)).state).toBe('completed');
  });
});

describe('a run', () => {
  test('goes the way that its input says, and its events tell of it', async () => {
    await define(ORDERS);
    const { id, state } = await runOf({ name: 'orders', input: { lines: [{ price: 90 }, { price: 20 }] } });
    expect(state).toBe('created');
    dataOf(await client.post(`/v1/workflow-runs/${id}/start`), 200);
    expect(await ended(id)).toMatchObject({
      state: 'completed',
      context: { total: 110, review: { verdict: 'reviewed' } },
    });
    const { nodes } = dataOf(await client.get(`/v1/workflow-runs/${id}/nodes`), 200) as unknown as {
      nodes: { key: string; state: string }[];
    };
    expect(nodes.map(({ key, state: each }) => `${key} ${each}`)).toEqual([
      'total completed',
      'size completed',
      'review completed',
      'accept skipped',
      'done completed',
    ]);
    const stream = await fetch(`${server.url}/v1/workflow-runs/${id}/events`, { headers: { 'x-api-key': apiKey } });
    // The stream ends by itself behind the last event of the run.
    const types = [...(await stream.text()).matchAll(/^event: (.+)$/gm)].map(([, type]) => type);
    expect(types[0]).toBe('workflow.run.created');
    expect(types.at(-1)).toBe('workflow.run.completed');
    expect(types.filter((type) => type === 'workflow.node.completed')).toHaveLength(4);
    expect(types.filter((type) => type === 'workflow.node.skipped')).toHaveLength(1);
  });

  test('goes over lists, and each item can be looked at', async () => {
    const list = Array.from({ length: 60 }, (_, n) => ({ n }));
    const double = {
      runtime: 'native',
      operation: 'transform',
      config: { expression: 'n * 2' },
      inputs: { n: '$item.n' },
    };
    const nodes = [
      { key: 'doubled', ...double, for_each: '$context.input.list' },
      native('places', 'fan_out', {
        items: ['a', 'b'],
        concurrency: 1,
        each: { runtime: 'native', operation: 'noop', inputs: { of: '$item', place: '$index' } },
      }),
    ];
    const { id: definition } = await define({ name: 'lists', nodes });
    const { id } = await runOf({ name: 'lists', input: { list }, start: true });
    expect(await ended(id)).toMatchObject({
      state: 'completed',
      context: {
        doubled: list.map(({ n }) => n * 2),
        places: [
          { of: 'a', place: 0 },
          { of: 'b', place: 1 },
        ],
      },
    });
    const path = `/v1/workflow-runs/${id}/nodes`;
    const { nodes: stood } = dataOf(await client.get(path), 200) as unknown as { nodes: { items: unknown }[] };
    expect(stood.map(({ items }) => items)).toEqual([
      { total: 60, left: 0 },
      { total: 2, left: 0 },
    ]);
    const first = await client.get(`${path}/doubled/items?limit=50`);
    const { next } = (first.body as { links: { next: string } }).links;
    const itemsOf = (page: Answer) => (dataOf(page, 200) as unknown as { items: { key: string }[] }).items;
    const pages = [itemsOf(first), itemsOf(await client.get(next))];
    expect(pages.flat().map(({ key }) => key)).toEqual(list.map(({ n }) => `doubled#${n}`));
    const kept = dataOf(await client.get(`/v1/workflow-definitions/${definition}`), 200) as unknown as {
      workflow_definition: { nodes: object[] };
    };
    const written = kept.workflow_definition.nodes;
    expect(written[0]).toMatchObject({ for_each: { items: '$context.input.list', concurrency: 10 } });
    expect(written[1]).toMatchObject({ operation: 'fan_out', config: nodes[1]?.config ?? {} });
    const outside = { name: 'outside', nodes: [native('a', 'noop', {}, { inputs: { x: '$item.x' } })] };
    expect(refusal(await client.post('/v1/workflow-definitions', outside)).fields).toEqual(['nodes.0.inputs.x']);
  });

  test('whose input does not fit the schema is not made', async () => {
    await define({ ...ORDERS, name: 'strict' });
    const answer = await client.post('/v1/workflow-runs', { name: 'strict', input: { lines: 'none' } });
    expect(refusal(answer)).toMatchObject({ status: 400, fields: ['input.lines'] });
  });

  test('is made once for one idempotency key', async () => {
    await define({ ...ORDERS, name: 'once' });
    const body = { name: 'once', input: { lines: [] } };
    const make = () => client.post('/v1/workflow-runs', body, { 'idempotency-key': 'the-same' });
    const [first, second] = [await make(), await make()];
    expect((first.body as { data: unknown }).data).toEqual((second.body as { data: unknown }).data);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });

  test('can be paused, gone on with, cancelled and retried, each once', async () => {
    const wait = native('wait', 'delay', { ms: 600_000 });
    await define({ name: 'long', nodes: [wait, native('then', 'noop', {}, { depends_on: ['wait'] })] });
    const { id } = await runOf({ name: 'long', start: true });
    const act = (what: string) => client.post(`/v1/workflow-runs/${id}/${what}`);
    expect(refusal(await act('start'))).toMatchObject({ status: 409, code: 'already_started' });
    expect(refusal(await act('resume'))).toMatchObject({ status: 409 });
    expect(dataOf(await act('pause'), 200)).toMatchObject({ workflow_run: { state: 'paused' } });
    expect(dataOf(await act('resume'), 200)).toMatchObject({ workflow_run: { state: 'running' } });
    expect(dataOf(await act('cancel'), 200)).toMatchObject({ workflow_run: { state: 'cancelled' } });
    expect(refusal(await act('start'))).toMatchObject({ status: 409, code: 'run_ended' });
    expect(dataOf(await act('retry'), 200)).toMatchObject({ workflow_run: { state: 'running' } });
    expect(dataOf(await act('cancel'), 200)).toMatchObject({ workflow_run: { state: 'cancelled' } });
    expect((await read(id)).state).toBe('cancelled');
  });

  test('fails in words where a path leads into a scalar', async () => {
    const reads = native('reads', 'noop', {}, { inputs: { x: '$context.input.n.deep' } });
    const writes = native('writes', 'noop', {}, { outputs: { '*': '$context.input.n.deep' } });
    await define({ name: 'reads-scalar', nodes: [reads] });
    await define({ name: 'writes-scalar', nodes: [writes] });
    const codes = ['reads-scalar', 'writes-scalar'].map(async (name) => {
      const { id } = await runOf({ name, input: { n: 1 }, start: true });
      return ended(id);
    });
    expect(await Promise.all(codes)).toMatchObject([
      { state: 'failed', error: { node: 'reads', code: 'workflow_context.no_such_path' } },
      { state: 'failed', error: { node: 'writes', code: 'workflow_context.not_a_container' } },
    ]);
  });

  test('starts once, however often at once that is asked, and does not end twice', async () => {
    await define({ name: 'short', nodes: [native('a', 'noop')] });
    const { id } = await runOf({ name: 'short' });
    const act = (what: string) => client.post(`/v1/workflow-runs/${id}/${what}`);
    const starts = await Promise.all(Array.from({ length: 5 }, () => act('start')));
    expect(starts.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
    expect(await ended(id)).toMatchObject({ state: 'completed' });
    expect(refusal(await act('cancel'))).toMatchObject({ status: 409, code: 'run_ended' });
    expect((await read(id)).state).toBe('completed');
  });

  test('of a million nodes is none', async () => {
    const many = Array.from({ length: 2_001 }, (_, at) => ({ key: `n${at}`, runtime: 'native', operation: 'noop' }));
    const tooMany = await client.post('/v1/workflow-definitions', { name: 'many', nodes: many });
    expect(refusal(tooMany)).toMatchObject({ status: 400, fields: ['nodes'] });
    const million = Array.from({ length: 1_000_000 }, (_, at) => ({ key: `n${at}` }));
    const tooLarge = await client.post('/v1/workflow-definitions', { name: 'million', nodes: million });
    expect(refusal(tooLarge)).toMatchObject({ status: 413 });
  });

  test('fails in words where an expression never ends, and the server goes on', async () => {
    const endless = native('endless', 'transform', { expression: '($f := function($n) { $f($n + 1) }; $f(0))' });
    await define({ name: 'endless', nodes: [endless] });
    const { id } = await runOf({ name: 'endless', start: true });
    expect(await ended(id)).toMatchObject({
      state: 'failed',
      error: { node: 'endless', code: 'expression.too_slow', message: expect.stringMatching(/took longer/) },
    });
  });
});

describe('the command line', () => {
  const at = { server, apiKey };

  test('deploys a workflow, runs it to its end, and shows what became of it', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'assay-acceptance-')), 'orders.json');
    onTestFinished(() => rm(dirname(file), { recursive: true }));
    await writeFile(file, JSON.stringify({ ...ORDERS, name: 'typed' }));
    expect(await assay(['workflows', 'validate', file], at)).toMatchObject({ exit: 0, stdout: 'It can be run.\n' });
    expect((await assay(['workflows', 'deploy', file], at)).stdout).toContain('name\ttyped\n');
    const input = '{"lines": [{"price": 90}, {"price": 20}]}';
    const ran = await assay(['run', 'typed@1', '-i', input, '--wait', '--json'], at);
    const { workflow_run: run } = JSON.parse(ran.stdout) as { workflow_run: Run };
    expect([ran.exit, run.state, run.context['total']]).toEqual([0, 'completed', 110]);
    expect((await assay(['runs', 'watch', run.id], at)).stdout).toMatch(/\trun\.completed\t-\t-\n$/);
    expect((await assay(['runs', 'graph', run.id], at)).stdout).toContain('↷ accept  noop  skipped');
  });

  test('ends as the run that it waits for', async () => {
    await define({ name: 'typed-wrong', nodes: [native('no', 'validate', { schema: { type: 'string' } })] });
    const { exit, stderr } = await assay(['run', 'typed-wrong', '--wait'], at);
    expect(exit).toBe(8);
    expect(stderr).toContain('ended as failed at no.');
    expect((await assay(['run', 'nobody-knows-it'], at)).exit).toBe(3);
  });
});
