import { controlRoutes as routes, type ScheduleFiring, type WorkflowSchedule } from '@assay/contract';
import type { Firing, ScheduleView, scheduleOperations } from '../../modules/workflows/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { patchOf, requestOf } from '../http/workflow-schedules.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';
import { encodeRun } from './workflows.ts';

export type ScheduleOperations = ReturnType<typeof scheduleOperations>;
type Raw = Parameters<Handler<typeof routes.getWorkflowSchedule>>[2];

/** Schedules of workflows, under `data.workflow_schedule`. */
export function serveWorkflowSchedules(surface: Surface, { operator }: HttpKit, of: ScheduleOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createWorkflowSchedule, async ({ body }, call, raw) =>
    answerWith(call, raw, await run(of.createSchedule, call, requestOf(body)), 201),
  );

  surface.serve(routes.listWorkflowSchedules, async ({ query: { workflow_name, limit, cursor } }, call) => {
    const filter = { workflow: workflow_name ?? null, limit, cursor: cursor ?? null };
    const page = await run(of.listSchedules, call, filter);
    return envelope(call, {
      status: 200,
      data: { workflow_schedules: page.items.map(encodeSchedule) },
      links: pageLinks('/v1/workflow-schedules', { workflow_name, limit }, page.nextCursor),
    });
  });

  surface.serve(routes.getWorkflowSchedule, async ({ params }, call, raw) => {
    const { firings, ...view } = await run(of.getSchedule, call, params);
    return answerWith(call, raw, view, 200, { firings: firings.map(encodeFiring) });
  });

  surface.serve(routes.updateWorkflowSchedule, async ({ params, body }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    return answerWith(
      call,
      raw,
      await run(of.updateSchedule, call, { id: params.id, expected, change: patchOf(body) }),
    );
  });

  surface.serve(routes.deleteWorkflowSchedule, async ({ params }, call, raw) => {
    const input = { id: params.id, expected: expectedVersions(raw.request.headers) };
    return answerWith(call, raw, await run(of.deleteSchedule, call, input));
  });

  surface.serve(routes.pauseWorkflowSchedule, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.pauseSchedule, call, params)),
  );
  surface.serve(routes.resumeWorkflowSchedule, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.resumeSchedule, call, params)),
  );
  surface.serve(routes.triggerWorkflowSchedule, async ({ params }, call) => {
    const made = await run(of.triggerSchedule, call, params);
    const links = { self: `/v1/workflow-runs/${made.id}` };
    return envelope(call, { status: 201, data: { workflow_run: encodeRun(made) }, links });
  });
}

function answerWith(call: Call, { reply }: Raw, view: ScheduleView, status = 200, more: object = {}) {
  const { id, version } = view.schedule;
  reply.header('etag', etagOf(version));
  const data = { workflow_schedule: encodeSchedule(view), ...more };
  return envelope(call, { status, data, links: { self: `/v1/workflow-schedules/${id}` } });
}

const encodeSchedule = ({ schedule, nextTimes }: ScheduleView): WorkflowSchedule => ({
  id: schedule.id,
  name: schedule.name,
  workflow_name: schedule.workflow.name,
  workflow_version: schedule.workflow.version,
  cron: schedule.cron,
  time_zone: schedule.timeZone,
  overlap: schedule.overlap,
  catch_up: schedule.catchUp,
  input: schedule.input,
  priority: schedule.priority,
  start: schedule.start,
  status: schedule.paused === null ? 'active' : 'paused',
  paused_at: schedule.paused?.at.toISOString() ?? null,
  paused_reason: schedule.paused?.reason ?? null,
  next_runs: nextTimes.map((time) => time.toISOString()),
  acts_as: schedule.actsAs,
  created_at: schedule.createdAt.toISOString(),
  updated_at: schedule.updatedAt.toISOString(),
});

const encodeFiring = ({ scheduledFor, outcome, runId, error, firedAt }: Firing): ScheduleFiring => ({
  scheduled_for: scheduledFor.toISOString(),
  outcome,
  workflow_run_id: runId,
  error: error && { code: error.code, message: error.message },
  fired_at: firedAt.toISOString(),
});
