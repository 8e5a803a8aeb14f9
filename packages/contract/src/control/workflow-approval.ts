import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';
import { WorkflowRunNode } from './workflow.ts';
import { Assignee } from './workflow-node.ts';

export const WorkflowDecision = z
  .strictObject({
    decision: z.enum(['approve', 'reject']),
    values: z
      .record(z.string(), z.json())
      .default({})
      .meta({ description: "What the node's form asks for. A rejection may leave it out." }),
    comment: z.string().max(5_000).default(''),
  })
  .meta({ id: 'WorkflowDecision' });
export type WorkflowDecision = z.input<typeof WorkflowDecision>;

export const WorkflowApproval = z
  .object({
    workflow_run_id: z.uuid(),
    node: z.string(),
    workflow_definition: z.object({ id: z.uuid(), name: z.string(), version: z.int() }),
    run_created_by: z.object({ kind: z.string(), id: z.string() }),
    title: z.string(),
    instructions: z.string(),
    form: z.record(z.string(), z.json()).nullable(),
    input: z.record(z.string(), z.json()).meta({ description: 'What there is to look at: the inputs of the node.' }),
    assignee: Assignee.nullable(),
    asked_at: z.iso.datetime(),
    deadline_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WorkflowApproval' });
export type WorkflowApproval = z.infer<typeof WorkflowApproval>;

const NodeOfRun = z.object({ id: z.string().max(64), key: z.string().max(63) });

/** What human nodes ask, and what people decide. */
export const workflowApprovalRoutes = {
  listWorkflowApprovals: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-approvals',
    operation: 'workflows.approval.list',
    summary: 'List what waits for your decision',
    query: PageQuery,
    answers: {
      200: {
        description: 'A page, what has waited longest first.',
        schema: enveloped(z.object({ workflow_approvals: z.array(WorkflowApproval) })),
      },
    },
  }),
  getWorkflowApproval: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-runs/{id}/nodes/{key}/approval',
    operation: 'workflows.approval.get',
    summary: 'Get what a human node waits for',
    params: NodeOfRun,
    answers: {
      200: {
        description: 'What is asked, and of whom.',
        schema: enveloped(z.object({ workflow_approval: WorkflowApproval })),
      },
    },
  }),
  completeWorkflowRunNode: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-runs/{id}/nodes/{key}/complete',
    operation: 'workflows.node.complete',
    summary: 'Decide what a human node waits for',
    params: NodeOfRun,
    body: WorkflowDecision,
    answers: {
      200: { description: 'The node as it is now.', schema: enveloped(z.object({ node: WorkflowRunNode })) },
    },
  }),
};
