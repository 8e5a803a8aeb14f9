import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { ApiError } from '@assay/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { native } from './harness/workflow-client.ts';

/* Workflows, jobs, schedules, decisions and files by our own client, as a program uses it. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const assay = server.sdk();

type Nodes = Parameters<typeof assay.workflows.deploy>[0]['nodes'];
const deploy = (name: string, ...nodes: object[]) => assay.workflows.deploy({ name, nodes: nodes as Nodes });

describe('a run', () => {
  test('is made and waited for in one call, and is a fact when it failed', async () => {
    const config = { expression: '{"hello": "Hello, " & input.name}' };
    await deploy('greeting', native('hello', 'transform', config, { inputs: { input: '$context.input' } }));
    const run = await assay.runs.createAndWait({ name: 'greeting', input: { name: 'Ada' } }, { within: 30_000 });
    expect(run).toMatchObject({ state: 'completed', context: { hello: { hello: 'Hello, Ada' } } });
    await deploy('refusing', native('no', 'validate', { schema: { type: 'string' } }, { inputs: { value: 1 } }));
    expect(await assay.runs.createAndWait({ name: 'refusing' })).toMatchObject({ state: 'failed' });
  });

  test('tells what happens to it, and shows the items of a list', async () => {
    const more = { for_each: '$context.input.list', inputs: { item: '$item' } };
    await deploy('listing', native('each', 'noop', {}, more));
    const told: string[] = [];
    let id = '';
    for await (const { type, subject } of assay.runs.stream({ name: 'listing', input: { list: [1, 2, 3] } })) {
      told.push(type);
      id = subject;
    }
    expect([told.at(0), told.at(-1)]).toEqual(['workflow.run.created', 'workflow.run.completed']);
    const items = await assay.runs.items(id, 'each', { limit: 2 }).toArray();
    expect(items.map(({ key }) => key)).toEqual(['each#0', 'each#1', 'each#2']);
  });

  test('that waits for a person goes on with what they decide', async () => {
    await deploy('paying', native('ask', 'human', { title: 'Pay?', on_reject: 'output' }));
    const { id } = await assay.runs.create({ name: 'paying', start: true });
    for await (const { type } of assay.runs.follow(id)) if (type === 'workflow.node.waiting') break;
    const [approval] = await assay.approvals.list().toArray();
    expect(approval).toMatchObject({ workflow_run_id: id, node: 'ask', title: 'Pay?' });
    expect(await assay.approvals.get(id, 'ask')).toEqual(approval);
    await assay.approvals.reject(id, 'ask', { comment: 'Too dear.' });
    expect(await assay.runs.waitForEnd(id)).toMatchObject({
      context: { ask: { decision: 'reject', comment: 'Too dear.' } },
    });
    await expect(assay.approvals.approve(id, 'ask')).rejects.toMatchObject({ code: 'already_decided' });
  });
});

test('a job is submitted, waited for and summed up', async () => {
  const job = await assay.jobs.createAndWait({ model: 'echo', input: 'Hi.' });
  expect(job).toMatchObject({ status: 'completed', output: expect.anything() });
  expect(await assay.jobs.usage(job.job_id)).toMatchObject({ calls: 1, by_model: [{ model: 'echo' }] });
  const later = new Date(Date.now() + 86_400_000).toISOString();
  const waiting = await assay.jobs.create({ modality: 'noop', input: 'x', run_at: later });
  expect(await assay.jobs.cancel(waiting.job_id)).toMatchObject({ status: 'cancelled' });
  expect((await assay.jobs.list({ status: 'cancelled' }).toArray()).map(({ job_id }) => job_id)).toEqual([
    waiting.job_id,
  ]);
  await assay.jobs.retry(waiting.job_id);
  expect(await assay.jobs.waitForEnd(waiting.job_id)).toMatchObject({ status: 'completed' });
  expect(await assay.jobs.deadLetters().toArray()).toEqual([]);
});

test('a schedule is made, changed, paused, fired and deleted', async () => {
  await deploy('nightly', native('only', 'noop'));
  const { id } = await assay.schedules.create({ name: 'Night', workflow_name: 'nightly', cron: '@daily' });
  const { etag } = await assay.schedules.get(id);
  expect(await assay.schedules.update(id, { time_zone: 'Europe/Berlin' }, { etag })).toMatchObject({ cron: '@daily' });
  await expect(assay.schedules.update(id, { cron: '@hourly' }, { etag })).rejects.toMatchObject({ status: 412 });
  expect(await assay.schedules.pause(id)).toMatchObject({ status: 'paused' });
  expect(await assay.schedules.resume(id)).toMatchObject({ status: 'active' });
  expect(await assay.schedules.trigger(id)).toMatchObject({ schedule_id: id });
  expect(await assay.schedules.get(id)).toMatchObject({ workflow_schedule: { time_zone: 'Europe/Berlin' } });
  expect(await assay.schedules.list({ workflow_name: 'nightly' }).toArray()).toHaveLength(1);
  await assay.schedules.delete(id);
  await expect(assay.schedules.get(id)).rejects.toMatchObject({ status: 404 });
});

describe('a file', () => {
  const CONTENT = randomBytes(5_000_000);
  const sha256 = createHash('sha256').update(CONTENT).digest('hex');

  test('goes up and comes down as it is, by any kind of body', async () => {
    const asStream = () => new Blob([CONTENT]).stream();
    for (const body of [new Blob([CONTENT]), new Uint8Array(CONTENT), asStream(), asStream]) {
      const asset = await assay.assets.upload(body, { filename: 'a name.bin', media_type: 'image/png', sha256 });
      expect(asset).toMatchObject({ filename: 'a name.bin', media_type: 'image/png', sha256, size_bytes: 5_000_000 });
      expect(await assay.assets.get(asset.id)).toEqual(asset);
      const { content, ...said } = await assay.assets.download(asset.id);
      expect(said).toEqual({ filename: 'a name.bin', size_bytes: 5_000_000, sha256 });
      expect((await buffer(content)).equals(CONTENT)).toBe(true);
      await assay.assets.delete(asset.id);
    }
    expect(await assay.assets.list().toArray()).toEqual([]);
  });

  test('with another content than was said is refused, and so is half of one', async () => {
    const wrong = assay.assets.upload(new Blob(['x']), { sha256 });
    await expect(wrong).rejects.toBeInstanceOf(ApiError);
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(CONTENT);
        controller.error(new Error('The disk is gone.'));
      },
    });
    await expect(assay.assets.upload(broken)).rejects.toThrow();
    expect(await assay.assets.list().toArray()).toEqual([]);
  });
});
