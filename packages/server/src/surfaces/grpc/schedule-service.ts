import { ScheduleService } from '@assay/contract/grpc';
import type { ScheduleView, scheduleOperations } from '../../modules/workflows/index.ts';
import { expectedVersions } from '../http/etag.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { patchOf, requestOf } from '../http/workflow-schedules.ts';
import { pageOf, pageTokenOf } from './paging.ts';
import type { RpcSurface } from './rpc-surface.ts';
import { decodeChange, decodeSchedule, encodeFiring, encodeSchedule } from './schedule-codec.ts';
import { encodeRun } from './workflow-codec.ts';

type Operations = ReturnType<typeof scheduleOperations>;

export function serveSchedules(surface: RpcSurface, run: HttpKit['operator']['run'], of: Operations): void {
  const decide =
    (operation: Operations['pauseSchedule'] | Operations['resumeSchedule']) =>
    async ({ id }: { id: string }, call: HttpCall): Promise<{ schedule: ReturnType<typeof encodeSchedule> }> => ({
      schedule: encodeSchedule((await run(operation, call, { id })) as ScheduleView),
    });

  surface.serve(ScheduleService, 'control', {
    async create({ content, paused }, call) {
      const wanted = requestOf(decodeSchedule(content, paused));
      return { schedule: encodeSchedule(await run(of.createSchedule, call, wanted)) };
    },

    async list({ workflowName, ...page }, call) {
      const wanted = { ...pageOf(page), workflow: workflowName === '' ? null : workflowName };
      const { items, nextCursor } = await pageTokenOf(() => run(of.listSchedules, call, wanted));
      return { schedules: items.map(encodeSchedule), nextPageToken: nextCursor ?? '' };
    },

    async get({ id }, call) {
      const { firings, ...view } = await run(of.getSchedule, call, { id });
      return { schedule: encodeSchedule(view), firings: firings.map(encodeFiring) };
    },

    async update({ id, content, etag }, call) {
      const wanted = { id, expected: expectedOf(etag), change: patchOf(decodeChange(content)) };
      return { schedule: encodeSchedule(await run(of.updateSchedule, call, wanted)) };
    },

    async trigger({ id }, call) {
      return { run: encodeRun(await run(of.triggerSchedule, call, { id })) };
    },

    async delete({ id, etag }, call) {
      return { schedule: encodeSchedule(await run(of.deleteSchedule, call, { id, expected: expectedOf(etag) })) };
    },

    pause: decide(of.pauseSchedule),
    resume: decide(of.resumeSchedule),
  });
}

/** The version that a change is of; null: whichever there is. */
const expectedOf = (etag: string) => expectedVersions(etag === '' ? {} : { 'if-match': etag });
