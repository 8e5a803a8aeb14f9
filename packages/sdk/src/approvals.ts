import type { controlRoutes, WorkflowApproval, WorkflowRunNode } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { BodyOf } from './contract-route.ts';
import type { Listing } from './listing.ts';
import { type PageQuery, paged } from './paged.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type ApprovalPage = { workflow_approvals: WorkflowApproval[]; next_cursor: string | null };
/** What can be said with a decision: the values that the node's form asks for, and why. */
export type DecisionDetails = Omit<BodyOf<Routes['completeWorkflowRunNode']>, 'decision'>;

/** What runs of workflows ask of people. */
export class Approvals {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** What waits for the caller's decision, what has waited longest first. */
  list(query: PageQuery = {}, options?: CallOptions): Listing<ApprovalPage, WorkflowApproval> {
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/workflow-approvals', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listWorkflowApprovals']>(call, options);
      },
      (data) => data.workflow_approvals,
    );
  }

  /** What one node of a run asks. */
  async get(runId: string, node: string, options?: CallOptions): Promise<WorkflowApproval> {
    const path = '/v1/workflow-runs/{id}/nodes/{key}/approval';
    const call = { method: 'GET', path, params: { id: runId, key: node } } as const;
    return (await this.#caller.call<Routes['getWorkflowApproval']>(call, options)).data.workflow_approval;
  }

  approve(runId: string, node: string, said: DecisionDetails = {}, options?: CallOptions): Promise<WorkflowRunNode> {
    return this.#decide({ id: runId, key: node }, { decision: 'approve', ...said }, options);
  }

  /** A rejection may leave the form empty. */
  reject(runId: string, node: string, said: DecisionDetails = {}, options?: CallOptions): Promise<WorkflowRunNode> {
    return this.#decide({ id: runId, key: node }, { decision: 'reject', ...said }, options);
  }

  async #decide(
    params: { id: string; key: string },
    body: BodyOf<Routes['completeWorkflowRunNode']>,
    options?: CallOptions,
  ): Promise<WorkflowRunNode> {
    const path = '/v1/workflow-runs/{id}/nodes/{key}/complete';
    const call = { method: 'POST', path, params, body } as const;
    return (await this.#caller.call<Routes['completeWorkflowRunNode']>(call, options)).data.node;
  }
}
