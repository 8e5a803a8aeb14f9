import type { controlRoutes, StreamEvent, WorkflowDefinition, WorkflowRun, WorkflowRunNode } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import type { FollowOptions } from './event-stream.ts';
import { followToEnd, untilEnd, type WaitOptions } from './followed-work.ts';
import type { Listing } from './listing.ts';
import { type PageQuery, paged } from './paged.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type NewWorkflow = BodyOf<Routes['createWorkflowDefinition']>;
export type WorkflowCheck = AnswerOf<Routes['validateWorkflowDefinition']>['data'];
export type WorkflowPage = { workflow_definitions: WorkflowDefinition[]; next_cursor: string | null };
export type NewWorkflowRun = BodyOf<Routes['createWorkflowRun']>;
export type WorkflowRunPage = { workflow_runs: WorkflowRun[]; next_cursor: string | null };
export type RunItemPage = { items: WorkflowRunNode[]; next_cursor: string | null };
type DefinitionQuery = PageQuery & { name?: string | undefined };
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
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/workflow-definitions', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWorkflowDefinitions']>(call, options);
      },
      (data) => data.workflow_definitions,
    );
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
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/workflow-runs', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWorkflowRuns']>(call, options);
      },
      (data) => data.workflow_runs,
    );
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

  /** The items of a node that runs for each of a list, in the order of the list. */
  items(id: string, key: string, query: PageQuery = {}, options?: CallOptions): Listing<RunItemPage, WorkflowRunNode> {
    const path = '/v1/workflow-runs/{id}/nodes/{key}/items';
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path, params: { id, key }, query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWorkflowRunItems']>(call, options);
      },
      (data) => data.items,
    );
  }

  /** What happened to a run, then what happens, to its end. */
  follow(id: string, options: FollowOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    return followToEnd({
      transport: this.#caller.transport,
      request: { method: 'GET', path: '/v1/workflow-runs/{id}/events', params: { id } },
      ends: ENDS,
      endedAt: async () => (await this.get(id, { signal: options.signal })).completed_at,
      options,
    });
  }

  /**
   * Waits until a run has ended, however it ends, and gives it as it is then: look at its `state`.
   * @throws TimeoutError when it runs for longer than `within`; it goes on running
   */
  async waitForEnd(id: string, options: WaitOptions = {}): Promise<WorkflowRun> {
    await untilEnd(`Run ${id}`, (following) => this.follow(id, following), options);
    return this.get(id, { signal: options.signal });
  }

  /** Makes a run, starts it, and waits until it has ended, however it ends. */
  async createAndWait(
    run: Omit<NewWorkflowRun, 'start'>,
    options: CallOptions & WaitOptions = {},
  ): Promise<WorkflowRun> {
    const { id } = await this.create({ ...run, start: true }, options);
    return this.waitForEnd(id, options);
  }

  /** Makes a run, starts it, and tells what happens to it, to its end. */
  async *stream(
    run: Omit<NewWorkflowRun, 'start'>,
    options: CallOptions & FollowOptions = {},
  ): AsyncGenerator<StreamEvent, void, undefined> {
    const { id } = await this.create({ ...run, start: true }, options);
    yield* this.follow(id, options);
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
