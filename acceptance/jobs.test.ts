import type { Job, JobUsage, UsageRecord } from '@assay/contract';
import { ControlError } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { FaultyProvider } from './harness/faulty-provider.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/* Jobs from outside, over real ports: made, followed, cancelled, tried again, and made once however often they are asked for. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off', ASSAY_OUTBOUND_NETWORKS: 'loopback' },
  awaitReady: false,
});
const { apiKey } = server.credentials;
const client = server.as(apiKey);
afterAll(() => server[Symbol.asyncDispose]());
await until('the API answers', async () => (await client.get('/v1/me')).status === 200, 60_000);

const dataOf = <Data>(answer: Answer, status = 200): Data => {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Data }).data;
};
const refusal = (answer: Answer): { status: number; code: string } => {
  const { error } = ControlError.parse(answer.body);
  return { status: answer.status, code: error.code };
};

type Submitted = Pick<Job, 'job_id' | 'status' | 'workflow_run_id' | 'cost_estimate'> & { job: Job };
const submit = async (body: object): Promise<Submitted> => dataOf(await client.post('/v1/jobs', body), 202);
const read = async (id: string): Promise<Job> => dataOf<{ job: Job }>(await client.get(`/v1/jobs/${id}`)).job;
const ended = (id: string): Promise<Job> =>
  until('the job ends', async () => {
    const job = await read(id);
    return job.completed_at === null ? null : job;
  });
const eventsOf = async (id: string): Promise<string[]> => {
  const stream = await fetch(`${server.url}/v1/jobs/${id}/events`, { headers: { 'x-api-key': apiKey } });
  // The stream ends by itself behind the last event.
  return [...(await stream.text()).matchAll(/^event: (job.+)$/gm)].map(([, type]) => String(type));
};
const LATER = new Date(Date.now() + 3_600_000).toISOString();

describe('a job', () => {
  test('asks a model, and tells what it will cost, what it gave and what it used', async () => {
    const { job_id, status, workflow_run_id, cost_estimate } = await submit({ model: 'echo', input: 'Hello there.' });
    expect({ status, workflow_run_id }).toEqual({ status: 'pending', workflow_run_id: job_id });
    expect(cost_estimate).toMatchObject({ provider: 'echo', cost_usd: { low: expect.any(Number) } });
    const job = await ended(job_id);
    expect(job).toMatchObject({ status: 'completed', attempts: 1, error: null, run_at: null });
    expect(job.output).toMatchObject({ provider: 'echo', output: { text: expect.stringContaining('Hello there.') } });
    expect(await eventsOf(job_id)).toEqual(['job.created', 'job.started', 'job.completed']);
    const { usage } = await until('the call is billed', async () => {
      const found = dataOf<{ usage: JobUsage }>(await client.get(`/v1/jobs/${job_id}/usage`));
      return found.usage.calls === 1 ? found : null;
    });
    expect(usage.cost_usd).toBeLessThanOrEqual(Number(cost_estimate?.cost_usd?.high));
    expect(usage).toMatchObject({ attempts: 1, by_model: [{ provider: 'echo', calls: 1 }] });
    expect(usage.input_tokens).toBeGreaterThan(0);
    expect(usage.output_tokens).toBeGreaterThan(0);
  });

  test('is billed to whom its headers name', async () => {
    const headers = { 'X-Assay-Project': 'rivers', 'X-Assay-Tags': 'step=summary' };
    const { job_id, job } = dataOf<Submitted>(
      await client.post('/v1/jobs', { model: 'echo', input: 'Hello.' }, headers),
      202,
    );
    expect(job.request).toMatchObject({ billed_to: { project: 'rivers', tags: { step: 'summary' } } });
    await ended(job_id);
    const { organization_id: orgId } = await server.sdk().me();
    const [record] = await until('it is billed', async () => {
      const answer = await client.get(`/v1/organizations/${orgId}/usage/records?work=${job_id}`);
      const { usage_records } = dataOf<{ usage_records: UsageRecord[] }>(answer);
      return usage_records.length > 0 ? usage_records : null;
    });
    expect(record).toMatchObject({
      project_id: 'rivers',
      tags: { step: 'summary' },
      work: { type: 'job', id: job_id },
    });
    const unclear = await client.post('/v1/jobs', { model: 'echo', input: 'Hello.' }, { 'X-Assay-Team': 'rivers' });
    expect(refusal(unclear).status).toBe(400);
  });

  test('is stopped at the provider when it is cancelled, and pays for what was said until then', async () => {
    await using provider = await FaultyProvider.start();
    const own = { name: 'faulty', kind: 'openai-compatible', base_url: `${provider.url}/openai/v1`, api_key: 'k' };
    dataOf(await client.post('/v1/providers', { ...own, models: [{ id: 'm' }] }), 201);
    provider.expect('endless', { tries: ['endless'], pieces: 1, paceMs: 5, input: 3 });
    const { job_id } = await submit({ model: 'm', input: 'call endless.', params: { max_tokens: 10_000 } });
    await until('the provider speaks', () => provider.served('endless').sent > 3);
    dataOf(await client.post(`/v1/jobs/${job_id}/cancel`));
    expect((await read(job_id)).status).toBe('cancelled');
    await until('the provider has stopped', () => provider.open === 0);
    const usage = await until('it is billed', async () => {
      const told = dataOf<{ usage: JobUsage }>(await client.get(`/v1/jobs/${job_id}/usage`)).usage;
      return told.calls > 0 ? told : null;
    });
    expect(usage).toMatchObject({ calls: 1, attempts: 1 });
    expect(usage.output_tokens).toBeGreaterThan(2);
    expect(usage.output_tokens).toBeLessThan(10_000);
  });

  test('asks for vectors', async () => {
    const { job_id } = await submit({ modality: 'embedding', model: 'echo', input: ['one', 'two'] });
    const { output } = (await ended(job_id)) as Job & { output: { output: { embeddings: number[][] } } };
    expect(output.output.embeddings).toHaveLength(2);
  });

  test('that nobody could do is refused when it is made', async () => {
    expect(refusal(await client.post('/v1/jobs', { model: 'nobody-has-this', input: 'Hi.' })).status).toBe(400);
    expect(refusal(await client.post('/v1/jobs', { modality: 'video', input: 'Hi.' })).status).toBe(400);
    const elsewhere = { modality: 'noop', input: 'Hi.', organization_id: '5f0c9f6e-57a5-4c5c-9a26-0c7f5bb1a4a1' };
    expect(refusal(await client.post('/v1/jobs', elsewhere)).status).toBe(404);
  });

  test('waits for its time, and can be cancelled and tried again', async () => {
    const { job_id } = await submit({ modality: 'noop', input: 'Later.', run_at: LATER });
    expect(await read(job_id)).toMatchObject({ status: 'pending', run_at: LATER, attempts: 0 });
    expect(refusal(await client.post(`/v1/jobs/${job_id}/retry`))).toEqual({ status: 409, code: 'not_failed' });
    expect(dataOf<{ job: Job }>(await client.post(`/v1/jobs/${job_id}/cancel`)).job.status).toBe('cancelled');
    expect(await eventsOf(job_id)).toEqual(['job.created', 'job.cancelled']);
    dataOf(await client.post(`/v1/jobs/${job_id}/retry`));
    expect(await ended(job_id)).toMatchObject({ status: 'completed', output: 'Later.' });
    expect(refusal(await client.post(`/v1/jobs/${job_id}/cancel`))).toEqual({ status: 409, code: 'job_ended' });
    expect(await eventsOf(job_id)).toEqual([
      'job.created',
      'job.cancelled',
      'job.retried',
      'job.started',
      'job.completed',
    ]);
  });

  test('that failed for good is a dead letter with its reason, until it is done again', async () => {
    const key = dataOf<{ api_key: { id: string }; raw_key: string }>(
      await client.post('/v1/api-keys', { name: 'Short-lived', permission_set: 'full_access' }),
      201,
    );
    const body = { model: 'echo', input: 'Hi.', run_at: new Date(Date.now() + 1_000).toISOString() };
    const { job_id } = dataOf<Submitted>(await server.as(key.raw_key).post('/v1/jobs', body), 202);
    dataOf(await client.send('DELETE', `/v1/api-keys/${key.api_key.id}`));
    expect(await ended(job_id)).toMatchObject({ status: 'failed', error: { code: 'workflow_node.maker_gone' } });
    const dead = async (): Promise<string[]> => {
      const page = await client.get('/v1/jobs/dead-letters?code=workflow_node.maker_gone');
      return dataOf<{ jobs: Job[] }>(page).jobs.map((job) => job.job_id);
    };
    expect(await dead()).toEqual([job_id]);
    dataOf(await client.post(`/v1/jobs/${job_id}/retry`));
    await ended(job_id);
    expect((await read(job_id)).status).toBe('failed');
  });

  test('is done again with all that failed for its reason, a page at a time, once that has passed', async () => {
    await using provider = await FaultyProvider.start();
    const own = { name: 'away', kind: 'openai-compatible', base_url: `${provider.url}/openai/v1`, api_key: 'k' };
    const made = dataOf<{ provider: { id: string } }>(
      await client.post('/v1/providers', { ...own, models: [{ id: 'away-m' }] }),
      201,
    );
    const ids: string[] = [];
    for (const name of ['first', 'second', 'third', 'fourth']) {
      provider.expect(name, { tries: ['none'], pieces: 2, paceMs: 0, input: 3 });
      ids.unshift((await submit({ model: 'away-m', input: `call ${name}.`, run_at: LATER })).job_id);
    }
    dataOf(await client.post(`/v1/providers/${made.provider.id}/archive`));
    for (const id of ids) {
      // What is done again begins at once.
      dataOf(await client.post(`/v1/jobs/${id}/cancel`));
      dataOf(await client.post(`/v1/jobs/${id}/retry`));
      expect(await ended(id)).toMatchObject({ status: 'failed' });
    }
    dataOf(await client.post(`/v1/providers/${made.provider.id}/unarchive`));
    const code = (await read(ids[0] ?? '')).error?.code;
    type Replayed = { replayed: number; job_ids: string[]; next_cursor: string | null };
    const replay = async (body: object): Promise<Replayed> =>
      dataOf<Replayed>(await client.post('/v1/jobs/dead-letters/replay', body));
    expect(await replay({ code: 'nobody.fails_so' })).toEqual({ replayed: 0, job_ids: [], next_cursor: null });
    const first = await replay({ code, limit: 2 });
    expect(first).toEqual({ replayed: 2, job_ids: ids.slice(0, 2), next_cursor: expect.any(String) });
    // Whoever comes second waits for the first one's locks, and finds nothing left to do.
    const rest = { code, limit: 2, cursor: first.next_cursor };
    const atOnce = await Promise.all([replay(rest), replay(rest), replay(rest)]);
    expect(atOnce.flatMap((page) => page.job_ids)).toEqual(ids.slice(2));
    for (const id of ids) expect(await ended(id)).toMatchObject({ status: 'completed', error: null });
    expect(await eventsOf(ids[0] ?? '')).toContain('job.retried');
    expect((await replay({ code })).replayed).toBe(0);
    for (const wrong of [{ limit: 0 }, { limit: 201 }, { cursor: 'x' }, { codes: [code] }]) {
      expect(refusal(await client.post('/v1/jobs/dead-letters/replay', wrong)).status, JSON.stringify(wrong)).toBe(400);
    }
  });

  test('that fails again after its replay is not met again on the way through the list', async () => {
    const dead = dataOf<{ jobs: Job[] }>(await client.get('/v1/jobs/dead-letters')).jobs;
    expect(dead.length).toBeGreaterThan(0);
    const retried = async (): Promise<number> => {
      const told = await Promise.all(dead.map(({ job_id }) => eventsOf(job_id)));
      return told.flat().filter((type) => type === 'job.retried').length;
    };
    const before = await retried();
    const assay = server.sdk();
    const replayed = await assay.jobs.replayDeadLetters({ limit: 1 }).toArray();
    expect(replayed).toEqual(dead.map(({ job_id }) => job_id));
    for (const id of replayed) await ended(id);
    expect(await retried()).toBe(before + dead.length);
  });

  test('is listed by its state, and is no run of a workflow that anybody listed', async () => {
    const { job_id } = await submit({ modality: 'noop', input: 'Listed.', run_at: LATER });
    const listed = async (query: string): Promise<string[]> =>
      dataOf<{ jobs: Job[] }>(await client.get(`/v1/jobs?${query}`)).jobs.map((job) => job.job_id);
    expect(await listed('status=pending')).toContain(job_id);
    expect(await listed('status=completed')).not.toContain(job_id);
    expect(dataOf(await client.get('/v1/workflow-runs'))).toEqual({ workflow_runs: [] });
    expect(dataOf(await client.get('/v1/workflow-definitions'))).toEqual({ workflow_definitions: [] });
  });
});

describe('one idempotency key, fifty times at once,', () => {
  /** Sends a request fifty times at once, each until it is answered for good; gives the different answers. */
  async function answers(path: string, body: object, headers: Record<string, string>): Promise<string[]> {
    const once = () =>
      until('the request is answered', async () => {
        const answer = await client.post(path, body, headers);
        return answer.status === 409 ? null : answer;
      });
    const all = await Promise.all(Array.from({ length: 50 }, once));
    return [
      ...new Set(all.map(({ status, body: told }) => JSON.stringify([status, (told as { data: unknown }).data]))),
    ];
  }

  test('makes one job, whether it stands in the body or in the header', async () => {
    const inBody = { modality: 'noop', input: 'Once.', idempotency_key: 'job-in-body' };
    expect(await answers('/v1/jobs', inBody, {})).toHaveLength(1);
    const plain = { modality: 'noop', input: 'Once.' };
    expect(await answers('/v1/jobs', plain, { 'idempotency-key': 'job-in-header' })).toHaveLength(1);
    const jobs = dataOf<{ jobs: Job[] }>(await client.get('/v1/jobs?limit=200')).jobs;
    expect(jobs.filter(({ request }) => request['input'] === 'Once.')).toHaveLength(2);
    expect(refusal(await client.post('/v1/jobs', { ...inBody, input: 'Twice.' })).status).toBe(422);
  });

  test('makes one run of a workflow', async () => {
    const node = { key: 'only', runtime: 'native', operation: 'noop', config: {} };
    dataOf(await client.post('/v1/workflow-definitions', { name: 'once', nodes: [node] }), 201);
    expect(await answers('/v1/workflow-runs', { name: 'once', idempotency_key: 'run' }, {})).toHaveLength(1);
    expect(dataOf<{ workflow_runs: unknown[] }>(await client.get('/v1/workflow-runs')).workflow_runs).toHaveLength(1);
  });
});
