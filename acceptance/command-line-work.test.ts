import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { assay } from './harness/command-line.ts';
import { Server } from './harness/server.ts';
import { native, WorkflowClient } from './harness/workflow-client.ts';

/* Jobs, schedules, decisions and files from a terminal, against a whole server. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const folder = await mkdtemp(join(tmpdir(), 'assay-files-'));
afterAll(() => rm(folder, { recursive: true }));
const at = { server, apiKey: server.credentials.apiKey };
const workflows = new WorkflowClient(server);

/** Runs a command that has to succeed, and gives its document. */
async function json<Document>(...args: string[]): Promise<Document> {
  const ran = await assay([...args, '--json'], at);
  expect(ran, ran.stdout).toMatchObject({ exit: 0, stderr: '' });
  return JSON.parse(ran.stdout) as Document;
}

test('a job is waited for, looked at and summed up', async () => {
  const { job } = await json<{ job: { job_id: string } }>('jobs', 'create', 'Hi.', '--model', 'echo', '--wait');
  expect(job).toMatchObject({ status: 'completed' });
  expect((await assay(['jobs', 'watch', job.job_id], at)).stdout).toContain('job.completed');
  expect(await json('jobs', 'usage', job.job_id)).toMatchObject({ usage: { calls: 1 } });
  const instead = ['--model', 'echo', '--fallback', 'provider=echo,model=echo', '--wait'];
  expect(await json('jobs', 'create', 'Hi.', ...instead)).toMatchObject({
    job: { status: 'completed', request: { fallbacks: [{ provider: 'echo', model: 'echo' }] } },
  });
  const later = await assay(['jobs', 'create', 'x', '--modality', 'noop', '--at', '1d', '-q'], at);
  const id = later.stdout.trim();
  expect(await json('jobs', 'cancel', id)).toMatchObject({ job: { status: 'cancelled' } });
  expect((await assay(['jobs', 'list', '--status', 'cancelled', '-q'], at)).stdout).toBe(`${id}\n`);
  expect(await json('jobs', 'retry', id)).toMatchObject({ job: { job_id: id } });
  expect(await json('jobs', 'dead-letters')).toEqual({ jobs: [], next_cursor: null });
  expect(await json('jobs', 'replay', '--all')).toEqual({ job_ids: [], next_cursor: null });
});

test('a webhook is looked at and changed', async () => {
  const { webhook } = await json<{ webhook: { id: string } }>('webhooks', 'create', 'https://receiver.example/in');
  const change = ['--event', 'job.*', '--description', 'Jobs.'];
  await json('webhooks', 'update', webhook.id, ...change);
  expect(await json('webhooks', 'get', webhook.id)).toMatchObject({
    webhook: { url: 'https://receiver.example/in', event_types: ['job.*'], description: 'Jobs.' },
  });
});

test('a schedule makes a run that waits for a person, who rejects it', async () => {
  await workflows.define({ name: 'paying', nodes: [native('ask', 'human', { title: 'Pay?', on_reject: 'output' })] });
  const terms = ['--workflow', 'paying', '--cron', '@yearly', '-q'];
  const id = (await assay(['schedules', 'create', 'Yearly', ...terms], at)).stdout.trim();
  const { etag } = await json<{ etag: string }>('schedules', 'get', id);
  const change = ['schedules', 'update', id, '--cron', '@monthly', '--if-match', etag];
  expect(await json(...change)).toMatchObject({ workflow_schedule: { cron: '@monthly', name: 'Yearly' } });
  expect((await assay(change, at)).exit).not.toBe(0);
  expect(await json('schedules', 'pause', id)).toMatchObject({ workflow_schedule: { status: 'paused' } });
  expect(await json('schedules', 'resume', id)).toMatchObject({ workflow_schedule: { status: 'active' } });
  const run = (await assay(['schedules', 'run', id, '-q'], at)).stdout.trim();
  await workflows.nodeIs(run, 'ask', 'waiting');
  expect((await assay(['approvals', 'list', '-q'], at)).stdout).toBe(`${run}\n`);
  expect(await json('approvals', 'get', run, 'ask')).toMatchObject({ workflow_approval: { title: 'Pay?' } });
  await json('approvals', 'reject', run, 'ask', '-m', 'Too dear.');
  expect(await workflows.ended(run)).toMatchObject({ context: { ask: { decision: 'reject', comment: 'Too dear.' } } });
  expect((await assay(['approvals', 'approve', run, 'ask'], at)).exit).toBe(5);
  expect(await json('schedules', 'get', id)).toMatchObject({ workflow_schedule: { name: 'Yearly' } });
  await json('schedules', 'delete', id, '--yes');
  expect((await assay(['schedules', 'get', id], at)).exit).toBe(3);
});

test('a file goes up and comes down as it is', async () => {
  const content = randomBytes(3_000_000);
  await writeFile(join(folder, 'up.bin'), content);
  const { asset } = await json<{ asset: { id: string } }>('assets', 'put', join(folder, 'up.bin'));
  expect(asset).toMatchObject({ filename: 'up.bin', size_bytes: content.length });
  const target = join(folder, 'down.bin');
  await json('assets', 'get', asset.id, '-o', target);
  expect((await readFile(target)).equals(content)).toBe(true);
  const wrong = ['assets', 'put', target, '--sha256', '0'.repeat(64)];
  expect((await assay(wrong, at)).exit).not.toBe(0);
  expect((await assay(['assets', 'list', '-q'], at)).stdout).toBe(`${asset.id}\n`);
  await json('assets', 'rm', asset.id, '--yes');
  expect((await assay(['assets', 'get', asset.id, '-o', target, '-f'], at)).exit).toBe(3);
});
