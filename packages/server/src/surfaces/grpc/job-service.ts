import { JobService } from '@assay/contract/grpc';
import type { Job } from '../../modules/workflows/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import { type EstimateOperations, type JobOperations, submitJob } from '../http/jobs.ts';
import type { HttpKit } from '../http/kit.ts';
import { encodeEvent } from './event-service.ts';
import { decodeNewJob, decodeStatus, encodeJob, encodeJobUsage } from './job-codec.ts';
import { pageOf, pageTokenOf } from './paging.ts';
import type { RpcSurface } from './rpc-surface.ts';

type Operations = JobOperations & EstimateOperations;

export function serveJobs(surface: RpcSurface, run: HttpKit['operator']['run'], of: Operations): void {
  const one =
    (operation: Operations['getJob'] | Operations['cancelJob'] | Operations['retryJob']) =>
    async ({ id }: { id: string }, call: HttpCall): Promise<{ job: ReturnType<typeof encodeJob> }> => ({
      job: encodeJob((await run(operation, call, { id })) as Job),
    });

  surface.serve(JobService, 'control', {
    async create(request, call, metadata) {
      const body = decodeNewJob(request);
      return { job: encodeJob(await submitJob(run, of, { call, body, headers: metadata })) };
    },

    async list({ status, ...page }, call) {
      const wanted = { ...pageOf(page), state: decodeStatus(status) };
      const { items, nextCursor } = await pageTokenOf(() => run(of.listJobs, call, wanted));
      return { jobs: items.map(encodeJob), nextPageToken: nextCursor ?? '' };
    },

    async listDeadLetters({ code, ...page }, call) {
      const wanted = { ...pageOf(page), code: code === '' ? null : code };
      const { items, nextCursor } = await pageTokenOf(() => run(of.listDeadJobs, call, wanted));
      return { jobs: items.map(encodeJob), nextPageToken: nextCursor ?? '' };
    },

    async replayDeadLetters({ code, ...page }, call) {
      const wanted = { ...pageOf(page), code: code === '' ? null : code };
      const { ids, nextCursor } = await pageTokenOf(() => run(of.replayDeadJobs, call, wanted));
      return { ids, nextPageToken: nextCursor ?? '' };
    },

    async getUsage({ id }, call) {
      return { usage: encodeJobUsage(await run(of.getJobUsage, call, { id })) };
    },

    async *follow({ id, after }, call) {
      const events = await run(of.followJob, call, { id, after: after === '' ? null : after });
      // One who loses the stream before the first event resumes where it began.
      yield { position: events.start };
      for await (const event of events) yield encodeEvent(event);
    },

    get: one(of.getJob),
    cancel: one(of.cancelJob),
    retry: one(of.retryJob),
  });
}
