import type { controlRoutes, WorkflowRun, WorkflowSchedule } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import type { Listing } from './listing.ts';
import { type PageQuery, paged } from './paged.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;
type ScheduleQuery = PageQuery & { workflow_name?: string | undefined };

export type NewSchedule = BodyOf<Routes['createWorkflowSchedule']>;
export type ScheduleChange = BodyOf<Routes['updateWorkflowSchedule']>;
export type SchedulePage = { workflow_schedules: WorkflowSchedule[]; next_cursor: string | null };
/** A schedule, what came of its last firings, and the version that was read. */
export type ScheduleHistory = AnswerOf<Routes['getWorkflowSchedule']>['data'] & { etag: string | null };
/** `etag`: hold the change to the version that was read. */
export type UpdateOptions = CallOptions & { etag?: string | null | undefined };

/** Runs of workflows by the clock. */
export class Schedules {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Has runs of a workflow made by the clock, in the caller's name. */
  async create(schedule: NewSchedule, options?: CallOptions): Promise<WorkflowSchedule> {
    const call = { method: 'POST', path: '/v1/workflow-schedules', body: schedule } as const;
    return (await this.#caller.call<Routes['createWorkflowSchedule']>(call, options)).data.workflow_schedule;
  }

  /** All schedules, newest first. */
  list(query: ScheduleQuery = {}, options?: CallOptions): Listing<SchedulePage, WorkflowSchedule> {
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/workflow-schedules', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWorkflowSchedules']>(call, options);
      },
      (data) => data.workflow_schedules,
    );
  }

  async get(id: string, options?: CallOptions): Promise<ScheduleHistory> {
    const call = { method: 'GET', path: '/v1/workflow-schedules/{id}', params: { id } } as const;
    const { answer, etag } = await this.#caller.callTagged<Routes['getWorkflowSchedule']>(call, options);
    return { ...answer.data, etag };
  }

  /**
   * Changes what is said, and nothing else. From then on it acts in the caller's name.
   * @throws ApiError `precondition` when it is no more what `etag` was read of
   */
  async update(id: string, body: ScheduleChange, options: UpdateOptions = {}): Promise<WorkflowSchedule> {
    const { etag } = options;
    const headers: Record<string, string> = typeof etag === 'string' ? { 'if-match': etag } : {};
    const call = { method: 'PATCH', path: '/v1/workflow-schedules/{id}', params: { id }, body, headers } as const;
    return (await this.#caller.call<Routes['updateWorkflowSchedule']>(call, options)).data.workflow_schedule;
  }

  async delete(id: string, options?: CallOptions): Promise<WorkflowSchedule> {
    const call = { method: 'DELETE', path: '/v1/workflow-schedules/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['deleteWorkflowSchedule']>(call, options)).data.workflow_schedule;
  }

  async pause(id: string, options?: CallOptions): Promise<WorkflowSchedule> {
    const call = { method: 'POST', path: '/v1/workflow-schedules/{id}/pause', params: { id } } as const;
    return (await this.#caller.call<Routes['pauseWorkflowSchedule']>(call, options)).data.workflow_schedule;
  }

  /** Goes on with a paused one, in the caller's name. */
  async resume(id: string, options?: CallOptions): Promise<WorkflowSchedule> {
    const call = { method: 'POST', path: '/v1/workflow-schedules/{id}/resume', params: { id } } as const;
    return (await this.#caller.call<Routes['resumeWorkflowSchedule']>(call, options)).data.workflow_schedule;
  }

  /** Makes a run of it now. */
  async trigger(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-schedules/{id}/trigger', params: { id } } as const;
    return (await this.#caller.call<Routes['triggerWorkflowSchedule']>(call, options)).data.workflow_run;
  }
}
