import { until } from '../measure/until.ts';
import type { Caller } from '../product/caller.ts';
import type { Queue } from './queue.ts';

/** Our own server over HTTP, with all its governance. */
export function assayQueue(caller: Caller): Queue {
  return {
    async add(name) {
      const { status, body } = await caller.post('/v1/jobs', { modality: 'noop', input: name });
      if (status !== 202) throw new Error(`A job was answered with ${status}: ${JSON.stringify(body)}`);
      return (body as { data: { job_id: string } }).data.job_id;
    },
    async ended() {
      for (const status of ['pending', 'started'])
        await until(`no job is ${status}`, async () => {
          const { body } = await caller.get(`/v1/jobs?status=${status}&limit=1`);
          return (body as { data: { jobs: unknown[] } }).data.jobs.length === 0;
        });
    },
    async begun(ids) {
      const begun = new Map<string, number>();
      for (const id of ids) {
        const { body } = await caller.get(`/v1/jobs/${id}`);
        begun.set(id, Date.parse((body as { data: { job: { started_at: string } } }).data.job.started_at));
      }
      return begun;
    },
  };
}
