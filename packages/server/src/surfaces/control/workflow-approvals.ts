import { controlRoutes as routes, type WorkflowApproval } from '@assay/contract';
import type { Approval, approvalOperations, JsonObject } from '../../modules/workflows/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { encodeRunNode } from '../http/workflow-nodes.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

export type WorkflowApprovalOperations = ReturnType<typeof approvalOperations>;

/** What human nodes ask, and what people decide. */
export function serveWorkflowApprovals(surface: Surface, { operator }: HttpKit, of: WorkflowApprovalOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.listWorkflowApprovals, async ({ query: { limit, cursor } }, call) => {
    const page = await run(of.listApprovals, call, { limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { workflow_approvals: page.items.map(encodeApproval) },
      links: pageLinks('/v1/workflow-approvals', { limit }, page.nextCursor),
    });
  });
  surface.serve(routes.getWorkflowApproval, async ({ params }, call) =>
    envelope(call, {
      status: 200,
      data: { workflow_approval: encodeApproval(await run(of.getApproval, call, params)) },
      links: { self: `/v1/workflow-runs/${params.id}/nodes/${params.key}/approval` },
    }),
  );
  surface.serve(routes.completeWorkflowRunNode, async ({ params, body }, call) => {
    const node = await run(of.completeNode, call, { ...params, ...body, values: body.values as JsonObject });
    return envelope(call, {
      status: 200,
      data: { node: encodeRunNode(node) },
      links: { self: `/v1/workflow-runs/${params.id}/nodes` },
    });
  });
}

const encodeApproval = ({ ask, ...of }: Approval): WorkflowApproval => ({
  workflow_run_id: of.runId,
  node: of.key,
  workflow_definition: of.definition,
  run_created_by: of.maker,
  title: of.title,
  instructions: of.instructions,
  form: of.form,
  input: ask.input,
  assignee: ask.assignee,
  asked_at: ask.askedAt,
  deadline_at: ask.deadlineAt,
});
