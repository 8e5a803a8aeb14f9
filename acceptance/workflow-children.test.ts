import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { dataOf, native, WorkflowClient } from './harness/workflow-client.ts';

/* Workflows that run others. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const workflows = new WorkflowClient(server);

const child = (key: string, config: object, more: object = {}) => native(key, 'subworkflow', config, more);
const DOUBLE = {
  name: 'double',
  input_schema: { type: 'object', required: ['n'], properties: { n: { type: 'number' } } },
  nodes: [native('twice', 'transform', { expression: 'n * 2' }, { inputs: { n: '$context.input.n' } })],
};

/** The run that a node waits for. */
const childOf = async (id: string, key: string): Promise<string> => {
  await workflows.nodeIs(id, key, 'waiting');
  const { workflow_runs } = dataOf<{ workflow_runs: { id: string; parent: { workflow_run_id: string } | null }[] }>(
    await workflows.client.get('/v1/workflow-runs?limit=200'),
  );
  const found = workflow_runs.find(({ parent }) => parent?.workflow_run_id === id);
  return found?.id ?? expect.unreachable(`The run ${id} has no run below it.`);
};

describe('a node that runs another workflow', () => {
  test('gives it its inputs, waits for its end, and has what it wrote', async () => {
    await workflows.define(DOUBLE);
    await workflows.define({
      name: 'parent',
      nodes: [
        child('whole', { name: 'double' }, { inputs: { n: 4 } }),
        child('part', { name: 'double', version: 1, output: '$context.twice' }, { inputs: { n: 5 } }),
        child(
          'each',
          { name: 'double', output: '$context.twice' },
          { for_each: '$context.input.list', inputs: { n: '$item' } },
        ),
      ],
    });
    const id = await workflows.start('parent', { list: [1, 2, 3] });
    expect(await workflows.ended(id)).toMatchObject({
      state: 'completed',
      parent: null,
      context: { whole: { input: { n: 4 }, twice: 8 }, part: 10, each: [2, 4, 6] },
    });
    const told = (await workflows.events(id, 'workflow.node.waiting')).find(({ node }) => node === 'whole');
    const run = await workflows.run(String(told?.['child_run_id']));
    expect(run).toMatchObject({ state: 'completed', parent: { workflow_run_id: id } });
  });

  test('fails with it, as its policy says, and with what it does not take', async () => {
    await workflows.define({ name: 'failing', nodes: [native('check', 'validate', { schema: { not: {} } })] });
    const again = { policy: { retries: 1, backoff: { first_ms: 1 } } };
    await workflows.define({ name: 'fails', nodes: [child('run', { name: 'failing' }, again)] });
    const id = await workflows.start('fails');
    expect(await workflows.ended(id)).toMatchObject({
      state: 'failed',
      error: { code: 'workflow_node.child_failed', message: expect.stringContaining('workflow_node.does_not_fit') },
    });
    expect(await workflows.node(id, 'run')).toMatchObject({ attempt: 2 });
    await workflows.define({ name: 'misfit', nodes: [child('run', { name: 'double' }, { inputs: { n: 'x' } })] });
    const misfit = await workflows.ended(await workflows.start('misfit'));
    expect(misfit).toMatchObject({ error: { code: 'workflow_run.input_invalid', faults: [{ field: 'input.n' }] } });
    await workflows.define({ name: 'unknown', nodes: [child('run', { name: 'nobody' })] });
    const unknown = await workflows.ended(await workflows.start('unknown'));
    expect(unknown).toMatchObject({ error: { code: 'workflow_definition.not_found' } });
  });

  test('takes it along when its run is cancelled or too late, however deep', async () => {
    await workflows.define({ name: 'slow', nodes: [native('wait', 'human', { title: 'Well?' })] });
    await workflows.define({ name: 'middle', nodes: [child('run', { name: 'slow' })] });
    await workflows.define({ name: 'upper', nodes: [child('run', { name: 'middle' })] });
    const id = await workflows.start('upper');
    const middle = await childOf(id, 'run');
    const slow = await childOf(middle, 'run');
    dataOf(await workflows.act(id, 'cancel'));
    expect(await workflows.ended(middle)).toMatchObject({ state: 'cancelled' });
    expect(await workflows.ended(slow)).toMatchObject({ state: 'cancelled' });

    await workflows.define({ name: 'late', nodes: [child('run', { name: 'slow' }, { policy: { timeout_ms: 1 } })] });
    const late = await workflows.start('late');
    expect(await workflows.ended(late)).toMatchObject({ error: { code: 'workflow_node.too_late' } });
    await until('nothing is left of it', async () => {
      const answer = await workflows.client.get('/v1/workflow-runs?name=slow&state=running');
      return dataOf<{ workflow_runs: unknown[] }>(answer).workflow_runs.length === 0;
    });
  });

  test('hears of a run below it that was cancelled, and goes on where somebody decides below', async () => {
    const cancelled = await workflows.start('middle');
    dataOf(await workflows.act(await childOf(cancelled, 'run'), 'cancel'));
    expect(await workflows.ended(cancelled)).toMatchObject({ error: { code: 'workflow_node.child_cancelled' } });
    const id = await workflows.start('middle');
    const slow = await childOf(id, 'run');
    await workflows.nodeIs(slow, 'wait', 'waiting');
    dataOf(await workflows.complete(slow, 'wait', { decision: 'approve' }));
    expect(await workflows.ended(id)).toMatchObject({ state: 'completed' });
  });

  test('does not run itself without end', async () => {
    await workflows.define({ name: 'endless', nodes: [child('run', { name: 'endless' })] });
    expect(await workflows.ended(await workflows.start('endless'))).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('workflow_node.too_deep') },
    });
  });
});
