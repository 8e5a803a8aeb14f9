import { controlRoutes as routes, type WorkflowDefinition, type WorkflowRun, type WorkflowTool } from '@assay/contract';
import type {
  Definition,
  definitionOperations,
  followRun,
  JsonObject,
  listTools,
  WorkflowRun as Run,
  runOperations,
  Tool,
} from '../../modules/workflows/index.ts';
import type { Call } from '../../platform/operation.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { contentOf, encodeConcurrency, encodeFailure, encodeNode, encodeRunNode } from '../http/workflow-nodes.ts';
import { envelope } from './envelope.ts';
import { sendFollowed } from './events.ts';
import { pageLinks } from './page-links.ts';
import { serveWorkflowApprovals, type WorkflowApprovalOperations } from './workflow-approvals.ts';

export type WorkflowOperations = ReturnType<typeof definitionOperations> &
  ReturnType<typeof runOperations> &
  WorkflowApprovalOperations & { followRun: ReturnType<typeof followRun>; listTools: ReturnType<typeof listTools> };

/** Workflow definitions, runs of them, and what these ask of people. */
export function serveWorkflows(surface: Surface, kit: HttpKit, of: WorkflowOperations): void {
  serveDefinitions(surface, kit, of);
  serveRuns(surface, kit, of);
  serveWorkflowApprovals(surface, kit, of);
}

function serveDefinitions(surface: Surface, { operator }: HttpKit, of: WorkflowOperations): void {
  const run = operator.run.bind(operator);
  const answer = (call: Call, definition: Definition, status = 200) =>
    envelope(call, {
      status,
      data: { workflow_definition: encodeDefinition(definition) },
      links: { self: `/v1/workflow-definitions/${definition.id}` },
    });

  surface.serve(routes.createWorkflowDefinition, async ({ body }, call) =>
    answer(call, await run(of.createDefinition, call, contentOf(body)), 201),
  );
  surface.serve(routes.validateWorkflowDefinition, async ({ body }, call) => {
    const faults = await run(of.validateDefinition, call, contentOf(body));
    return envelope(call, {
      status: 200,
      data: { valid: faults.length === 0, faults },
      links: { self: '/v1/workflow-definitions/validate' },
    });
  });
  surface.serve(routes.listWorkflowDefinitions, async ({ query: { name, limit, cursor } }, call) => {
    const page = await run(of.listDefinitions, call, { name: name ?? null, limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { workflow_definitions: page.items.map(encodeDefinition) },
      links: pageLinks('/v1/workflow-definitions', { name, limit }, page.nextCursor),
    });
  });
  surface.serve(routes.getWorkflowDefinition, async ({ params }, call) =>
    answer(call, await run(of.getDefinition, call, params)),
  );
  surface.serve(routes.listWorkflowTools, async (_decoded, call) =>
    envelope(call, {
      status: 200,
      data: { workflow_tools: (await run(of.listTools, call, undefined)).map(encodeTool) },
      links: { self: '/v1/workflow-tools' },
    }),
  );
  surface.serve(routes.archiveWorkflowDefinition, async ({ params }, call) =>
    answer(call, await run(of.archiveDefinition, call, params)),
  );
}

function serveRuns(surface: Surface, { operator }: HttpKit, of: WorkflowOperations): void {
  const run = operator.run.bind(operator);
  const answer = (call: Call, made: Run, status = 200) =>
    envelope(call, {
      status,
      data: { workflow_run: encodeRun(made) },
      links: { self: `/v1/workflow-runs/${made.id}` },
    });

  surface.serve(routes.createWorkflowRun, async ({ body }, call) => {
    const { workflow_definition_id: id, name = '', version = null, input, priority, start } = body;
    const definition = id === undefined ? { name, version } : { id };
    const request = { definition, input: input as JsonObject, priority, start };
    const limits = { concurrencyKey: body.concurrency_key ?? null, budget: body.budget_micros ?? null };
    return answer(call, await run(of.createRun, call, { ...request, ...limits }), 201);
  });
  surface.serve(routes.listWorkflowRuns, async ({ query: { state, name, limit, cursor } }, call) => {
    const filter = { state: state ?? null, definition: name ?? null, limit, cursor: cursor ?? null };
    const page = await run(of.listRuns, call, filter);
    return envelope(call, {
      status: 200,
      data: { workflow_runs: page.items.map(encodeRun) },
      links: pageLinks('/v1/workflow-runs', { state, name, limit }, page.nextCursor),
    });
  });
  surface.serve(routes.getWorkflowRun, async ({ params }, call) => answer(call, await run(of.getRun, call, params)));
  surface.serve(routes.listWorkflowRunNodes, async ({ params }, call) => {
    const nodes = await run(of.listRunNodes, call, params);
    return envelope(call, {
      status: 200,
      data: { nodes: nodes.map(encodeRunNode) },
      links: { self: `/v1/workflow-runs/${params.id}/nodes` },
    });
  });
  surface.serve(routes.listWorkflowRunItems, async ({ params, query: { limit, cursor } }, call) => {
    const page = await run(of.listRunItems, call, { ...params, limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { items: page.items.map(encodeRunNode) },
      links: pageLinks(`/v1/workflow-runs/${params.id}/nodes/${params.key}/items`, { limit }, page.nextCursor),
    });
  });
  surface.serve(routes.followWorkflowRun, async ({ params, query }, call, { request, reply }) => {
    const last = request.headers['last-event-id'];
    const after = typeof last === 'string' ? last : (query.after ?? null);
    const events = await run(of.followRun, call, { ...params, after });
    await sendFollowed(call, reply, events);
    return undefined;
  });
  surface.serve(routes.startWorkflowRun, async ({ params }, call) =>
    answer(call, await run(of.startRun, call, params)),
  );
  surface.serve(routes.cancelWorkflowRun, async ({ params }, call) =>
    answer(call, await run(of.cancelRun, call, params)),
  );
  surface.serve(routes.pauseWorkflowRun, async ({ params }, call) =>
    answer(call, await run(of.pauseRun, call, params)),
  );
  surface.serve(routes.resumeWorkflowRun, async ({ params }, call) =>
    answer(call, await run(of.resumeRun, call, params)),
  );
  surface.serve(routes.retryWorkflowRun, async ({ params }, call) =>
    answer(call, await run(of.retryRun, call, params)),
  );
}

const encodeTool = ({ operation, program, summary, schema }: Tool): WorkflowTool => ({
  operation,
  capability: program,
  summary,
  arguments_schema: schema,
});

const encodeDefinition = (of: Definition): WorkflowDefinition => ({
  id: of.id,
  name: of.name,
  version: of.version,
  description: of.description,
  nodes: of.nodes.map(encodeNode),
  input_schema: of.inputSchema,
  timeout_ms: of.timeoutMs,
  budget_micros: of.budget,
  concurrency: encodeConcurrency(of),
  created_by: of.createdBy,
  created_at: of.createdAt.toISOString(),
  archived_at: of.archivedAt?.toISOString() ?? null,
});

/** A run, as the wire has it. */
export const encodeRun = (run: Run): WorkflowRun => ({
  id: run.id,
  workflow_definition: run.definition,
  state: run.state,
  priority: run.priority,
  budget_micros: run.budget,
  concurrency_key: run.concurrencyKey,
  input: run.input,
  context: run.context,
  context_asset: run.contextAsset,
  error: run.error && { ...encodeFailure(run.error), node: run.error.node },
  created_by: run.createdBy,
  parent: run.parent && { workflow_run_id: run.parent.runId, node: run.parent.node },
  schedule_id: run.scheduleId,
  created_at: run.createdAt.toISOString(),
  started_at: run.startedAt?.toISOString() ?? null,
  deadline_at: run.deadlineAt?.toISOString() ?? null,
  completed_at: run.completedAt?.toISOString() ?? null,
});
