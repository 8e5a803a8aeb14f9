import {
  JobModality,
  JobService,
  JobStatus,
  ScheduleCatchUp,
  ScheduleOverlap,
  ScheduleService,
  WorkflowDecision,
  WorkflowRunState,
  WorkflowService,
} from '@assay/contract/grpc';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, describe, expect, test } from 'vitest';
import { GrpcClient, grpcAddressOf, refusalOf } from './harness/grpc-client.ts';
import { Server } from './harness/server.ts';
import { addTenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';
import { dataOf, native, WorkflowClient } from './harness/workflow-client.ts';

/* What goes on without its caller over gRPC: jobs, schedules, decisions of people, and the items of a list. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());

const tenant = await addTenant(server, 'caller');
const owner = server.as(tenant.apiKey);
const overHttp = new WorkflowClient(server, tenant.apiKey);
const withKey: Interceptor = (next) => (request) => {
  request.header.set('x-api-key', tenant.apiKey);
  return next(request);
};
const transport = createGrpcTransport({
  baseUrl: `http://${await grpcAddressOf(server)}`,
  interceptors: [withKey],
});
const jobs = createClient(JobService, transport);
const schedules = createClient(ScheduleService, transport);
const workflows = createClient(WorkflowService, transport);
const byGrpcJs = await GrpcClient.of(server, tenant.apiKey);
afterAll(() => byGrpcJs[Symbol.dispose]());

const asking = (value: string, model = 'echo') => ({
  case: 'call' as const,
  value: { choice: { model }, input: { case: 'prompt' as const, value } },
});
const inADay = () => timestampFromDate(new Date(Date.now() + 86_400_000));

/** What a job tells, from a position to its end. */
async function told(id: string, after = ''): Promise<[position: string, type: string][]> {
  const all: [string, string][] = [];
  for await (const { position, event } of jobs.follow({ id, after })) all.push([position, event?.type ?? '']);
  return all;
}

describe('a job', () => {
  test('is submitted at the cost that was estimated, followed from anywhere, and summed up', async () => {
    const { job } = await jobs.create({ work: asking('Say it again.'), priority: 3 });
    expect(job).toMatchObject({ modality: JobModality.TEXT, priority: 3, costEstimate: { model: 'echo' } });
    const id = job?.id ?? '';
    const events = await told(id);
    expect(events.map(([, type]) => type)).toEqual(['', 'job.created', 'job.started', 'job.completed']);
    expect(await told(id, events[1]?.[0])).toEqual([[events[1]?.[0], ''], ...events.slice(2)]);

    const ended = (await jobs.get({ id })).job;
    expect(ended).toMatchObject({ status: JobStatus.COMPLETED, attempts: 1, createdBy: { kind: 'api_key' } });
    expect(ended?.output?.kind).toMatchObject({ case: 'structValue' });
    const { usage } = await jobs.getUsage({ id });
    expect(usage).toMatchObject({ jobId: id, attempts: 1, total: { calls: 1n }, byModel: [{ model: 'echo' }] });
    expect(usage?.total?.costUsd).toBeGreaterThan(0);
    expect(usage?.total?.costUsd).toBeLessThanOrEqual(ended?.costEstimate?.costUsd?.high ?? 0);
    expect(await owner.get(`/v1/jobs/${id}`)).toMatchObject({ body: { data: { job: { status: 'completed' } } } });
  });

  test('is cancelled, done again, and listed in pages by how it stands', async () => {
    const later = { work: { case: 'noop' as const, value: { input: 'later' } }, runAt: inADay() };
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.unshift((await jobs.create(later)).job?.id ?? '');
    const [id = ''] = ids;
    expect((await jobs.cancel({ id })).job).toMatchObject({ status: JobStatus.CANCELLED });
    expect((await jobs.list({ status: JobStatus.CANCELLED })).jobs.map((each) => each.id)).toEqual([id]);
    expect((await jobs.retry({ id })).job?.id).toBe(id);
    await told(id);
    expect((await jobs.get({ id })).job).toMatchObject({ status: JobStatus.COMPLETED, modality: JobModality.NOOP });
    const first = await jobs.list({ status: JobStatus.PENDING, pageSize: 1 });
    const second = await jobs.list({ status: JobStatus.PENDING, pageSize: 1, pageToken: first.nextPageToken });
    expect([...first.jobs, ...second.jobs].map((each) => each.id)).toEqual(ids.slice(1));
  });

  test('is submitted once under one idempotency key', async () => {
    const headers = { 'idempotency-key': 'one-job' };
    const make = () => jobs.create({ work: asking('Once.') }, { headers });
    expect((await make()).job?.id).toBe((await make()).job?.id);
    const other = byGrpcJs.call(JobService.method.create, { work: asking('Twice.') }, headers);
    expect((await refusalOf(other)).reason).toBe('idempotency.key_reused');
  });

  test('that fails for good is a dead letter with its reason', async () => {
    const body = { name: 'Short-lived', permission_set: 'full_access' };
    const key = dataOf<{ api_key: { id: string }; raw_key: string }>(await owner.post('/v1/api-keys', body), 201);
    using maker = await GrpcClient.of(server, key.raw_key);
    const request = { work: asking('Hi.'), runAt: inADay() };
    const { message } = await maker.call(JobService.method.create, request);
    const id = message.job?.id ?? '';
    dataOf(await owner.send('DELETE', `/v1/api-keys/${key.api_key.id}`));
    await jobs.cancel({ id });
    await jobs.retry({ id });
    expect((await told(id)).at(-1)?.[1]).toBe('job.failed');
    const code = 'workflow_node.maker_gone';
    const dead = (await jobs.listDeadLetters({ code })).jobs;
    expect(dead).toEqual([expect.objectContaining({ id, error: expect.objectContaining({ code }) })]);
    expect((await jobs.listDeadLetters({ code: 'another' })).jobs).toEqual([]);
    expect((await jobs.replayDeadLetters({ code: 'another' })).ids).toEqual([]);
    expect(await jobs.replayDeadLetters({ code })).toMatchObject({ ids: [id], nextPageToken: '' });
    expect((await told(id)).filter(([, type]) => type === 'job.retried')).toHaveLength(2);
    const odd = byGrpcJs.call(JobService.method.replayDeadLetters, { pageToken: 'x' });
    expect(await refusalOf(odd)).toMatchObject({ code: Code.InvalidArgument, fields: ['page_token'] });
  });

  test.each([
    ['nothing to do', {}, 'call'],
    ['a priority that there is not', { work: asking('x'), priority: 11 }, 'priority'],
    ['a time outside the calendar', { work: asking('x'), runAt: { seconds: 400_000_000_000n } }, 'run_at'],
  ])('with %s is refused by its field', async (_, request, field) => {
    const refusal = await refusalOf(byGrpcJs.call(JobService.method.create, request));
    expect(refusal).toMatchObject({ code: Code.InvalidArgument, fields: [field] });
  });

  test('is followed no longer than its caller waits', async () => {
    const { job } = await jobs.create({ work: asking('later'), runAt: inADay() });
    const following = async (): Promise<void> => {
      for await (const _ of jobs.follow({ id: job?.id ?? '' }, { timeoutMs: 300 }));
    };
    const error = ConnectError.from(await following().catch((thrown: unknown) => thrown));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await jobs.cancel({ id: job?.id ?? '' });
  });
});

describe('a schedule', () => {
  test('is made, changed by who has read it, paused, resumed, fired and deleted', async () => {
    await overHttp.define({ name: 'nightly', nodes: [native('only', 'noop')] });
    const content = { name: 'Night', workflowName: 'nightly', cron: '0 3 * * *', timeZone: 'Europe/Berlin' };
    const { schedule: made } = await schedules.create({ content });
    const id = made?.id ?? '';
    expect(made).toMatchObject({
      content: {
        ...content,
        workflowVersion: 0,
        overlap: ScheduleOverlap.SKIP,
        catchUp: ScheduleCatchUp.LATEST,
        start: true,
      },
      nextRuns: { length: 5 },
    });
    const { schedule: changed } = await schedules.update({
      id,
      etag: made?.etag ?? '',
      content: { overlap: ScheduleOverlap.QUEUE, workflowVersion: 1, input: { by: 'clock' } },
    });
    const now = { ...content, overlap: ScheduleOverlap.QUEUE, workflowVersion: 1, input: { by: 'clock' } };
    expect(changed?.content).toMatchObject(now);
    const late = { id, etag: made?.etag ?? '', content: { cron: '@daily' } };
    expect((await refusalOf(byGrpcJs.call(ScheduleService.method.update, late))).code).toBe(Code.Aborted);

    expect((await schedules.pause({ id })).schedule).toMatchObject({ pausedReason: 'by_hand', nextRuns: [] });
    expect((await schedules.resume({ id })).schedule?.pausedAt).toBeUndefined();
    const { run } = await schedules.trigger({ id });
    expect(run).toMatchObject({ name: 'nightly', scheduleId: id, input: { by: 'clock' } });
    expect((await schedules.get({ id })).schedule?.content).toMatchObject(now);
    expect((await schedules.list({ workflowName: 'nightly' })).schedules.map((each) => each.id)).toEqual([id]);
    expect((await schedules.list({ workflowName: 'weekly' })).schedules).toEqual([]);
    expect((await schedules.delete({ id })).schedule?.id).toBe(id);
    expect((await refusalOf(byGrpcJs.call(ScheduleService.method.get, { id }))).code).toBe(Code.NotFound);
  });

  test('that says too little, or what nobody can keep, is refused by its fields', async () => {
    const empty = await refusalOf(byGrpcJs.call(ScheduleService.method.create, {}));
    expect(empty).toMatchObject({
      code: Code.InvalidArgument,
      fields: ['content.name', 'content.workflow_name', 'content.cron'],
    });
    const content = { name: 'x', workflowName: 'nightly', cron: '@daily', overlap: 9 as ScheduleOverlap };
    const unknown = await refusalOf(byGrpcJs.call(ScheduleService.method.create, { content }));
    expect(unknown.fields).toEqual(['content.overlap']);
  });
});

describe('a node', () => {
  test('that waits for a person is listed, looked at and decided once', async () => {
    const form = { type: 'object', required: ['amount'] };
    const ask = native('ask', 'human', { title: 'Pay?', form }, { inputs: { bill: '$context.input.bill' } });
    await overHttp.define({ name: 'paying', nodes: [ask] });
    const id = await overHttp.start('paying', { bill: 'for tea' });
    const { approvals } = await until('somebody is asked', async () => {
      const page = await workflows.listApprovals({});
      return page.approvals.length > 0 ? page : null;
    });
    const { approval } = await workflows.getApproval({ id, key: 'ask' });
    expect(approvals).toEqual([approval]);
    expect(approval).toMatchObject({
      workflowRunId: id,
      name: 'paying',
      title: 'Pay?',
      form,
      input: { bill: 'for tea' },
      assignee: { case: undefined },
    });
    const { completeNode } = WorkflowService.method;
    const wrong = await refusalOf(byGrpcJs.call(completeNode, { id, key: 'ask', decision: WorkflowDecision.APPROVE }));
    expect(wrong).toMatchObject({ code: Code.InvalidArgument, fields: ['values.amount'] });
    const unsaid = await refusalOf(byGrpcJs.call(completeNode, { id, key: 'ask' }));
    expect(unsaid).toMatchObject({ code: Code.InvalidArgument, fields: ['decision'] });
    const decided = { id, key: 'ask', decision: WorkflowDecision.APPROVE, values: { amount: 7 }, comment: 'Cheap.' };
    expect((await workflows.completeNode(decided)).node?.key).toBe('ask');
    const again = await refusalOf(byGrpcJs.call(completeNode, decided));
    expect(again).toMatchObject({ code: Code.FailedPrecondition, reason: 'workflow_node.already_decided' });
    expect(await overHttp.ended(id)).toMatchObject({ context: { ask: { values: { amount: 7 }, comment: 'Cheap.' } } });
    expect((await workflows.listApprovals({})).approvals).toEqual([]);
  });

  test('that runs for each of a list shows its items in pages', async () => {
    const each = native('each', 'noop', {}, { for_each: '$context.input.list', inputs: { item: '$item' } });
    await overHttp.define({ name: 'listing', nodes: [each] });
    const id = await overHttp.start('listing', { list: ['a', 'b', 'c'] });
    await overHttp.ended(id);
    const first = await workflows.listRunItems({ id, key: 'each', pageSize: 2 });
    const second = await workflows.listRunItems({ id, key: 'each', pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.items, ...second.items].map(({ key }) => key)).toEqual(['each#0', 'each#1', 'each#2']);
    expect(second.nextPageToken).toBe('');
    const { run } = await workflows.getRun({ id });
    expect(run).toMatchObject({ state: WorkflowRunState.COMPLETED });
  });

  test('that runs a workflow is named by the run it had made', async () => {
    await overHttp.define({ name: 'inner', nodes: [native('only', 'noop')] });
    await overHttp.define({ name: 'outer', nodes: [native('child', 'subworkflow', { name: 'inner' })] });
    const id = await overHttp.start('outer');
    await overHttp.ended(id);
    const [inner] = (await workflows.listRuns({ name: 'inner' })).runs;
    expect(inner?.parent).toMatchObject({ workflowRunId: id, node: 'child' });
  });

  test('runs no tool where no runner has one', async () => {
    expect((await workflows.listTools({})).tools).toEqual([]);
    expect(dataOf(await owner.get('/v1/workflow-tools'))).toEqual({ workflow_tools: [] });
  });
});
