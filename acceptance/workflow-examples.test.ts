import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import type { Webhook, WorkflowSchedule } from '@assay/contract';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { assay } from './harness/command-line.ts';
import { inDatabase } from './harness/database.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { dataOf, WorkflowClient } from './harness/workflow-client.ts';

/* The examples of the guide, from the files that it names, with nothing from outside. */
const EXAMPLES = new URL('../docs/examples/workflows/', import.meta.url);
const fileOf = (path: string): string => fileURLToPath(new URL(path, EXAMPLES));
const jsonOf = async (path: string): Promise<object> => JSON.parse(await readFile(fileOf(path), 'utf8'));

const server = await Server.start({
  env: {
    ASSAY_GRPC_PORT: 'off',
    ASSAY_RATE_LIMITS: 'off',
    ASSAY_REPLAY_DIR: fileOf('repair/exchanges'),
    ASSAY_OUTBOUND_NETWORKS: 'loopback',
  },
});
afterAll(() => server[Symbol.asyncDispose]());
const root = server.as();
const workflows = new WorkflowClient(server);

/** What a command prints, as its reader types it. */
async function typed(...args: string[]): Promise<string> {
  const { exit, stdout, stderr } = await assay(args, { server, apiKey: server.credentials.apiKey });
  expect(exit, stderr).toBe(0);
  return stdout.trim();
}

test('documents are summarised, and published once somebody has approved them', async () => {
  await typed('workflows', 'deploy', fileOf('document-pipeline/definition.json'));
  const id = await typed('run', 'document-pipeline', '-i', `@${fileOf('document-pipeline/input.json')}`);
  await workflows.nodeIs(id, 'release', 'waiting');
  const [approval] = await workflows.approvals(id);
  expect(approval).toMatchObject({ title: 'Publish this digest?', input: { words: 34 } });
  const values = { channel: 'web', heading: 'Rivers' };
  dataOf(await workflows.complete(id, 'release', { decision: 'approve', values, comment: 'Fine.' }));
  const { state, context } = await workflows.ended(id);
  expect(state).toBe('completed');
  expect(context?.['published']).toEqual({
    channel: 'web',
    page: expect.stringMatching(
      /^# Rivers\n\n## The Elbe\n\nThe Elbe: The Elbe rises .+ North Sea\.\n\n## The Rhone\n\n/,
    ),
  });

  const rejected = await typed('run', 'document-pipeline', '-i', `@${fileOf('document-pipeline/input.json')}`);
  await workflows.nodeIs(rejected, 'release', 'waiting');
  dataOf(await workflows.complete(rejected, 'release', { decision: 'reject', comment: 'Not yet.' }));
  const withdrawn = await workflows.ended(rejected);
  expect(withdrawn).toMatchObject({ state: 'completed', context: { withdrawn: { because: 'Not yet.' } } });
  expect(withdrawn.context).not.toHaveProperty('published');
});

test('a program is repaired until its tests pass, by answers that were recorded', async () => {
  await typed('workflows', 'deploy', fileOf('repair/definition.json'));
  const printed = await typed('run', 'repair', '-i', `@${fileOf('repair/input.json')}`, '--wait');
  const { result, check } = JSON.parse(printed) as Record<string, Record<string, unknown>>;
  expect(check?.['stdout']).toEqual({ passed: false, error: 'AssertionError: rivers-&-lakes!' });
  expect(result).toEqual({ code: expect.stringContaining('or "untitled"'), attempts_left: 1 });

  const { tests, ...input } = (await jsonOf('repair/input.json')) as { tests: string };
  const program = `${String(result?.['code'])}\n${tests}`;
  const answer = await root.post('/api/eval?wait=30', { language: 'python', code: program });
  expect(answer.body).toMatchObject({ status: 'completed', exit_code: 0 });

  const given_up = await workflows.start('repair', { ...input, tests, attempts_left: 1 });
  expect(await workflows.ended(given_up)).toMatchObject({
    state: 'failed',
    error: { node: 'repaired', code: 'workflow_node.child_failed', message: expect.stringContaining('does not fit') },
  });
});

/** The receiver of the example, on a free port. */
async function receiver(secret: string): Promise<{ url: string; heard: string[] }> {
  const child = spawn(process.execPath, [fileOf('nightly/receiver.mjs'), secret, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const lines = createInterface(child.stdout);
  const url = await new Promise<string>((resolve) => lines.once('line', resolve));
  const heard: string[] = [];
  lines.on('line', (line) => heard.push(line));
  return { url, heard };
}

test('a report is made each night, and a webhook is told of it', async () => {
  const asked = await root.post('/v1/webhooks', await jsonOf('nightly/webhook.json'));
  const { webhook, secret } = dataOf<{ webhook: Webhook; secret: string }>(asked, 201);
  const { url, heard } = await receiver(secret);
  dataOf(await root.send('PATCH', `/v1/webhooks/${webhook.id}`, { body: { url } }));

  await typed('workflows', 'deploy', fileOf('nightly/definition.json'));
  const made = await root.post('/v1/workflow-schedules', await jsonOf('nightly/schedule.json'));
  const { id } = dataOf<{ workflow_schedule: WorkflowSchedule }>(made, 201).workflow_schedule;
  // Nobody was there last night: it is made up for.
  const lastNight = `(due_at at time zone time_zone - interval '1 day') at time zone time_zone`;
  await inDatabase(server, async (sql) => {
    await sql.query('set role assay_system');
    await sql.query(`update workflow_schedules set due_at = ${lastNight} where id = $1`, [id]);
  });
  const byNight = await until('the schedule fires', async () => {
    const { firings } = dataOf<{ firings: { workflow_run_id: string }[] }>(
      await root.get(`/v1/workflow-schedules/${id}`),
    );
    return firings[0]?.workflow_run_id;
  });
  const { workflow_run } = dataOf<{ workflow_run: { id: string } }>(
    await root.post(`/v1/workflow-schedules/${id}/trigger`),
    201,
  );
  for (const run of [byNight, workflow_run.id]) {
    expect(await workflows.ended(run)).toMatchObject({
      state: 'completed',
      schedule_id: id,
      context: { report: { total: 175.5, low: ['Market'] } },
    });
    await until('the webhook hears of it', () => heard.includes(`workflow.run.completed ${run}`));
  }
  expect(heard.filter((line) => line.startsWith('refused'))).toEqual([]);
});
