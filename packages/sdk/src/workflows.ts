import type { controlRoutes, StreamEvent, WorkflowDefinition, WorkflowRun, WorkflowRunNode } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import { cursorOf } from './cursor-of.ts';
import { jsonOf } from './event-data.ts';
import { EventStream, type FollowOptions } from './event-stream.ts';
import { Listing } from './listing.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type NewWorkflow = BodyOf<Routes['createWorkflowDefinition']>;
export type WorkflowCheck = AnswerOf<Routes['validateWorkflowDefinition']>['data'];
export type WorkflowPage = { workflow_definitions: WorkflowDefinition[]; next_cursor: string | null };
export type NewWorkflowRun = BodyOf<Routes['createWorkflowRun']>;
export type WorkflowRunPage = { workflow_runs: WorkflowRun[]; next_cursor: string | null };
type DefinitionQuery = { name?: string | undefined; limit?: number; cursor?: string | undefined };
type RunQuery = DefinitionQuery & { state?: WorkflowRun['state'] | undefined };

/** Graphs of nodes, in versions that never change. */
export class Workflows {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Adds the next version of a workflow. */
  async deploy(workflow: NewWorkflow, options?: CallOptions): Promise<WorkflowDefinition> {
    const call = { method: 'POST', path: '/v1/workflow-definitions', body: workflow } as const;
    return (await this.#caller.call<Routes['createWorkflowDefinition']>(call, options)).data.workflow_definition;
  }

  /** Finds every fault of a workflow, and keeps nothing. */
  async validate(workflow: NewWorkflow, options?: CallOptions): Promise<WorkflowCheck> {
    const call = { method: 'POST', path: '/v1/workflow-definitions/validate', body: workflow } as const;
    return (await this.#caller.call<Routes['validateWorkflowDefinition']>(call, options)).data;
  }

  /** All versions, newest first. */
  list(query: DefinitionQuery = {}, options?: CallOptions): Listing<WorkflowPage, WorkflowDefinition> {
    return new Listing({
      fetch: async (from) => {
        const cursor = from ?? query.cursor;
        const call = { method: 'GET', path: '/v1/workflow-definitions', query: { ...query, cursor } } as const;
        const { data, links } = await this.#caller.call<Routes['listWorkflowDefinitions']>(call, options);
        return { workflow_definitions: data.workflow_definitions, next_cursor: cursorOf(links.next) };
      },
      items: (page) => page.workflow_definitions,
      next: (page) => page.next_cursor,
    });
  }

  async get(id: string, options?: CallOptions): Promise<WorkflowDefinition> {
    const call = { method: 'GET', path: '/v1/workflow-definitions/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['getWorkflowDefinition']>(call, options)).data.workflow_definition;
  }

  /** Sets a version aside: no new run is made of it. */
  async archive(id: string, options?: CallOptions): Promise<WorkflowDefinition> {
    const call = { method: 'POST', path: '/v1/workflow-definitions/{id}/archive', params: { id } } as const;
    return (await this.#caller.call<Routes['archiveWorkflowDefinition']>(call, options)).data.workflow_definition;
  }
}

/** Runs of workflows. */
export class WorkflowRuns {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Makes a run of a workflow; with `start` it begins at once. */
  async create(run: NewWorkflowRun, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-runs', body: run } as const;
    return (await this.#caller.call<Routes['createWorkflowRun']>(call, options)).data.workflow_run;
  }

  /** The organization's runs, newest first. */
  list(query: RunQuery = {}, options?: CallOptions): Listing<WorkflowRunPage, WorkflowRun> {
    return new Listing({
      fetch: async (from) => {
        const cursor = from ?? query.cursor;
        const call = { method: 'GET', path: '/v1/workflow-runs', query: { ...query, cursor } } as const;
        const { data, links } = await this.#caller.call<Routes['listWorkflowRuns']>(call, options);
        return { workflow_runs: data.workflow_runs, next_cursor: cursorOf(links.next) };
      },
      items: (page) => page.workflow_runs,
      next: (page) => page.next_cursor,
    });
  }

  async get(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'GET', path: '/v1/workflow-runs/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['getWorkflowRun']>(call, options)).data.workflow_run;
  }

  /** Its nodes, in the order of the definition. */
  async nodes(id: string, options?: CallOptions): Promise<WorkflowRunNode[]> {
    const call = { method: 'GET', path: '/v1/workflow-runs/{id}/nodes', params: { id } } as const;
    return (await this.#caller.call<Routes['listWorkflowRunNodes']>(call, options)).data.nodes;
  }

  /** What happened to a run, then what happens, to its end. */
  async *follow(id: string, options: FollowOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    let { lastEventId } = options;
    for (;;) {
      const events = this.#untilAnEnd(id, { ...options, lastEventId });
      let last: StreamEvent | null = null;
      for await (const event of events) {
        yield event;
        last = event;
      }
      // A run that was retried has ended before, and went on.
      const { completed_at } = await this.get(id, { signal: options.signal });
      if (last !== null && completed_at !== null && last.occurred_at >= completed_at) return;
      lastEventId = events.lastEventId;
    }
  }

  #untilAnEnd(id: string, options: FollowOptions): EventStream<StreamEvent> {
    return new EventStream({
      transport: this.#caller.transport,
      request: { method: 'GET', path: '/v1/workflow-runs/{id}/events', params: { id } },
      decode: (frame) => jsonOf(frame) as StreamEvent,
      isLast: ({ type }) => ENDS.has(type),
      options,
    });
  }

  /** Starts a run that was made without being started. */
  async start(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-runs/{id}/start', params: { id } } as const;
    return (await this.#caller.call<Routes['startWorkflowRun']>(call, options)).data.workflow_run;
  }

  /** Ends a run at once; what is under way is stopped. */
  async cancel(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-runs/{id}/cancel', params: { id } } as const;
    return (await this.#caller.call<Routes['cancelWorkflowRun']>(call, options)).data.workflow_run;
  }

  /** Lets what is under way go on to its end, and begins nothing else. */
  async pause(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-runs/{id}/pause', params: { id } } as const;
    return (await this.#caller.call<Routes['pauseWorkflowRun']>(call, options)).data.workflow_run;
  }

  /** Goes on with a run that is paused. */
  async resume(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-runs/{id}/resume', params: { id } } as const;
    return (await this.#caller.call<Routes['resumeWorkflowRun']>(call, options)).data.workflow_run;
  }

  /** Makes again what failed or was cancelled, and keeps what was finished. */
  async retry(id: string, options?: CallOptions): Promise<WorkflowRun> {
    const call = { method: 'POST', path: '/v1/workflow-runs/{id}/retry', params: { id } } as const;
    return (await this.#caller.call<Routes['retryWorkflowRun']>(call, options)).data.workflow_run;
  }
}

const ENDS: ReadonlySet<string> = new Set(['workflow.run.completed', 'workflow.run.failed', 'workflow.run.cancelled']);
