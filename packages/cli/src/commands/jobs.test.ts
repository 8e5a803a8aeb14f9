import { EXIT_CODES } from '@assay/contract/exit-codes';
import { expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { approval, HEALTHY, job, schedule } from '../../test/samples.ts';
import { events, WireServer } from '../../test/wire-server.ts';

const failed = {
  ...job,
  status: 'failed',
  output: null,
  error: { code: 'provider.unavailable', message: 'It is away.' },
};
const ended = (type: string) => ({ id: '1-6', event: type, data: { type, occurred_at: job.completed_at, data: {} } });

test('a job is asked with what was said, and its text is printed at its end', async () => {
  await using server = await WireServer.start(HEALTHY);
  const argv = ['jobs', 'create', 'Hi.', '--model', 'echo', '--params', '{"max_tokens": 5}', '--priority', '-2', '-w'];
  expect(await assay([...argv, '--idempotency-key', 'k-1'], server)).toMatchObject({ exit: 0, stdout: 'Hello.\n' });
  const [submitted] = server.received;
  expect(JSON.parse(submitted?.body ?? '')).toEqual({
    input: 'Hi.',
    model: 'echo',
    params: { max_tokens: 5 },
    priority: -2,
  });
  expect(submitted?.headers['idempotency-key']).toBe('k-1');
});

test('a job names who is asked instead, in order', async () => {
  await using server = await WireServer.start(HEALTHY);
  const instead = ['--fallback', 'small', '--fallback', 'provider=house,model=large', '--fallback', 'tier=basic'];
  await assay(['jobs', 'create', 'Hi.', '--model', 'echo', ...instead, '-q'], server);
  expect(JSON.parse(server.last.body)).toMatchObject({
    fallbacks: [{ model: 'small' }, { provider: 'house', model: 'large' }, { tier: 'basic' }],
  });
});

test('a schedule is changed in what is said and nothing else, if it is still what was read', async () => {
  await using server = await WireServer.start(HEALTHY);
  const change = ['--workflow', 'orders', '--no-start', '--priority', '0', '-i', '{"a": 1}', '--if-match', '"3"'];
  expect(await assay(['schedules', 'update', schedule.id, ...change], server)).toMatchObject({ exit: 0 });
  expect(JSON.parse(server.last.body)).toEqual({
    workflow_name: 'orders',
    workflow_version: null,
    priority: 0,
    input: { a: 1 },
    start: false,
  });
  expect(server.last.headers['if-match']).toBe('"3"');
  await assay(['schedules', 'update', schedule.id, '--cron', '@daily'], server);
  expect(JSON.parse(server.last.body)).toEqual({ cron: '@daily' });
  expect(server.last.headers['if-match']).toBeUndefined();
});

test('dead letters are replayed page by page, and nothing else is said', async () => {
  await using server = await WireServer.start({
    ...HEALTHY,
    'POST /v1/jobs/dead-letters/replay': ({ body }) => ({
      json: { data: { replayed: 1, job_ids: [job.job_id], next_cursor: body.includes('cursor') ? null : 'c-2' } },
    }),
  });
  const { stdout } = await assay(['jobs', 'replay', '--code', 'provider.unavailable', '--all', '-q'], server);
  expect(stdout).toBe(`${job.job_id}\n${job.job_id}\n`);
  expect(server.received.map(({ body }) => JSON.parse(body))).toEqual([
    { limit: 20, code: 'provider.unavailable' },
    { limit: 20, code: 'provider.unavailable', cursor: 'c-2' },
  ]);
});

test('a conversation is read as JSON, and asked later', async () => {
  await using server = await WireServer.start(HEALTHY);
  const conversation = { messages: [{ role: 'user', content: 'Hi.' }] };
  const argv = ['jobs', 'create', '-i', '@-', '--modality', 'chat', '--at', '2027-01-31', '-q'];
  const { stdout } = await assay(argv, { url: server.url, stdin: JSON.stringify(conversation) });
  expect(stdout).toBe(`${job.job_id}\n`);
  expect(JSON.parse(server.last.body)).toEqual({
    input: conversation,
    modality: 'chat',
    run_at: '2027-01-31T00:00:00.000Z',
  });
});

test.each([
  [['jobs', 'create']],
  [['jobs', 'create', 'Hi.', '-i', '"Hi."']],
  [['jobs', 'create', 'Hi.', '--priority', '11']],
  [['jobs', 'create', 'Hi.', '--params', '[]']],
  [['schedules', 'create', 'Nightly', '--workflow', 'orders']],
  [['schedules', 'create', 'Nightly', '--workflow', 'orders@x', '--cron', '@daily']],
  [['jobs', 'create', 'Hi.', '--fallback', 'vendor=house']],
  [['schedules', 'update', schedule.id]],
  [['schedules', 'update', schedule.id, '--overlap', 'never']],
  [['webhooks', 'update', 'w']],
  [['webhooks', 'update', 'w', '--event', 'a.b', '--all-events']],
  [['schedules', 'delete', schedule.id]],
  [['assets', 'rm', 'a1']],
  [['approvals', 'approve', 'r', 'n', '--values', '1']],
])('%j is refused before anything is tried', async (argv) => {
  await using server = await WireServer.start(HEALTHY);
  expect(await assay(argv, server)).toMatchObject({ exit: EXIT_CODES.usage, stdout: '' });
  expect(server.received).toEqual([]);
});

test('a job that fails ends the command as such, and says what to do', async () => {
  await using server = await WireServer.start({
    ...HEALTHY,
    [`GET /v1/jobs/${job.job_id}`]: { json: { data: { job: failed } } },
    [`GET /v1/jobs/${job.job_id}/events`]: events([ended('job.failed')]),
  });
  const watched = await assay(['jobs', 'watch', job.job_id], server);
  expect(watched.exit).toBe(EXIT_CODES.remoteFailed);
  expect(watched.stdout).toContain('job.failed');
  expect(watched.stderr).toContain(`ended as failed. It is away.\nHave it done again: assay jobs retry ${job.job_id}`);
  const { exit, stdout } = await assay(['jobs', 'create', 'Hi.', '--wait', '--json'], server);
  expect([exit, JSON.parse(stdout)]).toEqual([EXIT_CODES.remoteFailed, { job: failed }]);
});

test('a schedule says all that it was told', async () => {
  await using server = await WireServer.start(HEALTHY);
  const argv = ['schedules', 'create', 'Nightly', '--workflow', 'orders@2', '--cron', '0 3 * * *'];
  const { stdout } = await assay([...argv, '--overlap', 'queue', '--paused', '--no-start', '-i', '{"a": 1}'], server);
  expect(stdout).toContain('workflow\torders@2\n');
  expect(JSON.parse(server.last.body)).toEqual({
    name: 'Nightly',
    workflow_name: 'orders',
    workflow_version: 2,
    cron: '0 3 * * *',
    time_zone: 'UTC',
    overlap: 'queue',
    catch_up: 'latest',
    input: { a: 1 },
    priority: 0,
    paused: true,
    start: false,
  });
});

test('a decision carries why, and what the form asks for', async () => {
  await using server = await WireServer.start(HEALTHY);
  const of = [approval.workflow_run_id, approval.node];
  expect(await assay(['approvals', 'list', '-q'], server)).toMatchObject({ stdout: `${of[0]}\n` });
  const argv = ['approvals', 'approve', ...of, '-m', 'Fine.', '--values', '{"channel": "web"}'];
  expect(await assay(argv, server)).toMatchObject({ exit: 0, stdout: 'release is completed.\n' });
  expect(JSON.parse(server.last.body)).toEqual({ decision: 'approve', comment: 'Fine.', values: { channel: 'web' } });
});
