import { expect, test } from 'vitest';
import { type Received, type Reply, WireServer } from '../test/wire-server.ts';
import { Assay } from './assay.ts';

const at = (second: number): string => `2026-01-02T03:04:0${second}.000Z`;
const frame = (id: string, type: string, second: number): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ id, type, occurred_at: at(second) })}\n\n`;
const stream = (...frames: string[]): Reply => ({
  text: frames.join(''),
  headers: { 'content-type': 'text/event-stream' },
});
const job = (completed_at: string | null) => ({ json: { data: { job: { job_id: 'j1', completed_at } } } });

/** A server with one job, which answers requests of each kind in turn. */
const serve = (events: Reply[], states: Reply[]) =>
  WireServer.start(({ method, url }: Received): Reply => {
    if (method === 'POST') return { status: 202, json: { data: { job: { job_id: 'j1' } } } };
    const next = url.endsWith('/events') ? events.shift() : states.shift();
    return next ?? { status: 500, json: {} };
  });

test('what was retried has ended before, and is followed to its last end', async () => {
  await using server = await serve(
    [
      stream(frame('1', 'job.created', 1), frame('2', 'job.failed', 2)),
      stream(frame('3', 'job.started', 3), frame('4', 'job.completed', 4)),
    ],
    [job(at(4)), job(at(4))],
  );
  const told: string[] = [];
  for await (const { type } of new Assay({ baseUrl: server.url }).jobs.follow('j1')) told.push(type);
  expect(told).toEqual(['job.created', 'job.failed', 'job.started', 'job.completed']);
  const followed = server.received.filter(({ url }) => url.endsWith('/events'));
  expect(followed.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2']);
});

test('a job is submitted and waited for, and given as it is at its end', async () => {
  await using server = await serve([stream(frame('1', 'job.cancelled', 1))], [job(at(1)), job(at(1))]);
  const { jobs } = new Assay({ baseUrl: server.url });
  expect(await jobs.createAndWait({ modality: 'noop', input: 'x' })).toMatchObject({ completed_at: at(1) });
  expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'POST /v1/jobs',
    'GET /v1/jobs/j1/events',
    'GET /v1/jobs/j1',
    'GET /v1/jobs/j1',
  ]);
});

test('waiting ends itself when the time is up, and when the caller gives up', async () => {
  const never: Reply = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n');
  await using server = await WireServer.start(() => never);
  const { runs } = new Assay({ baseUrl: server.url });
  await expect(runs.waitForEnd('r1', { within: 20 })).rejects.toMatchObject({ name: 'TimeoutError' });
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(runs.waitForEnd('r1', { within: 60_000, signal })).rejects.toThrow('enough');
});
