import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { IdempotencyKey } from './idempotency-key.ts';
import { PageQuery } from './page.ts';
import { Cel, NodeDefinition } from './workflow-node.ts';

/** What a workflow is asked for by. */
export const WorkflowName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$/, 'lower-case letters, digits, `.`, `_` and `-`, at most 100');
const JsonSchema = z.record(z.string(), z.json()).meta({ description: 'A JSON Schema, draft 2020-12.' });
/** Four weeks. */
const MOST_TIMEOUT_MS = 2_419_200_000;

const ConcurrencyLimit = z.strictObject({
  limit: z.int().min(1).max(10_000).meta({ description: 'Runs under way at once.' }),
  key: Cel.optional().meta({
    description: 'A CEL expression over `input`: the limit is of runs for which it gives the same; null limits none.',
  }),
});
const Concurrency = z
  .union([
    ConcurrencyLimit,
    z
      .array(ConcurrencyLimit)
      .max(2)
      .refine((limits) => new Set(limits.map(({ key }) => key === undefined)).size === limits.length, {
        message: 'one limit in all, and one of a `key`, at most',
      }),
  ])
  .meta({
    description:
      'How many runs of the name may be under way at once. The others wait `queued`, by priority and then as they came.',
  });
const BudgetMicros = z.int().min(0).max(1_000_000_000_000_000);
const ConcurrencyKey = z.string().min(1).max(500);

export const NewWorkflowDefinition = z
  .strictObject({
    name: WorkflowName.meta({ description: 'What runs ask for. A definition of the same name is its next version.' }),
    description: z.string().max(5_000).default(''),
    nodes: z.array(NodeDefinition).min(1).max(2_000),
    input_schema: JsonSchema.optional().meta({ description: 'What the input of a run must fit.' }),
    timeout_ms: z.int().min(1).max(MOST_TIMEOUT_MS).optional().meta({ description: 'Longest that a run may take.' }),
    budget_micros: BudgetMicros.optional().meta({
      description: 'What a run may cost, in millionths of a US dollar, unless it says so itself.',
    }),
    concurrency: Concurrency.default([]),
  })
  .meta({ id: 'NewWorkflowDefinition' });
export type NewWorkflowDefinition = z.infer<typeof NewWorkflowDefinition>;

export const WorkflowDefinition = z
  .object({
    id: z.uuid(),
    name: z.string(),
    version: z.int(),
    description: z.string(),
    nodes: z.array(NodeDefinition),
    input_schema: JsonSchema.nullable(),
    timeout_ms: z.int().nullable(),
    budget_micros: z.int().nullable(),
    concurrency: z.array(ConcurrencyLimit),
    created_by: z.string(),
    created_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WorkflowDefinition' });
export type WorkflowDefinition = z.infer<typeof WorkflowDefinition>;

const RunState = z.enum(['created', 'queued', 'running', 'paused', 'completed', 'failed', 'cancelled']);
const NodeState = z.enum(['pending', 'ready', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled']);
const Fault = z.object({ field: z.string(), constraint: z.string(), message: z.string() });
const Failure = z.object({ code: z.string(), message: z.string(), faults: z.array(Fault).optional() });
const Input = z.record(z.string(), z.json());

const NewWorkflowRun = z
  .strictObject({
    workflow_definition_id: z.uuid().optional(),
    name: WorkflowName.optional(),
    version: z.int().min(1).optional().meta({ description: 'Of that name; the newest unless given.' }),
    input: Input.default({}).meta({ description: 'What the context begins with, as `$context.input`.' }),
    priority: z.int().min(-10).max(10).default(0).meta({ description: 'Nodes of higher ones run first.' }),
    budget_micros: BudgetMicros.optional().meta({
      description: 'What it and the runs that it makes may cost, in millionths of a US dollar.',
    }),
    concurrency_key: ConcurrencyKey.optional().meta({
      description: 'In place of what the `key` of its limit gives.',
    }),
    idempotency_key: IdempotencyKey.optional(),
    start: z.boolean().default(false).meta({ description: 'Whether it starts at once.' }),
  })
  .refine((body) => (body.workflow_definition_id === undefined) !== (body.name === undefined), {
    message: 'give either `workflow_definition_id` or `name`',
    path: ['workflow_definition_id'],
  })
  .refine((body) => body.version === undefined || body.name !== undefined, {
    message: 'a version is of a `name`',
    path: ['version'],
  })
  .meta({ id: 'NewWorkflowRun' });

export const WorkflowRun = z
  .object({
    id: z.uuid(),
    workflow_definition: z.object({ id: z.uuid(), name: z.string(), version: z.int() }),
    state: RunState,
    priority: z.int(),
    budget_micros: z.int().nullable().meta({ description: 'What it may cost; null: it is not bounded.' }),
    concurrency_key: z.string().nullable().meta({ description: 'Of those with the same, only so many are under way.' }),
    input: Input,
    context: Input.nullable().meta({
      description: 'What nodes have written so far, beside the input; null where `context_asset` holds it.',
    }),
    context_asset: z.object({ id: z.uuid(), bytes: z.int() }).nullable().meta({
      description: 'The asset that holds the context where that is too large for here: `GET /v1/assets/{id}`.',
    }),
    error: Failure.extend({ node: z.string().nullable() }).nullable(),
    created_by: z.object({ kind: z.string(), id: z.string() }),
    schedule_id: z.uuid().nullable().meta({ description: 'The schedule that made it, if one did.' }),
    parent: z
      .object({ workflow_run_id: z.uuid(), node: z.string() })
      .nullable()
      .meta({ description: 'The node of another run that had it made, if one did.' }),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    deadline_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WorkflowRun' });
export type WorkflowRun = z.infer<typeof WorkflowRun>;

export const WorkflowRunNode = z
  .object({
    key: z.string().meta({ description: 'Of an item, `key#0`.' }),
    state: NodeState,
    attempt: z.int(),
    evaluation_id: z.string().nullable().meta({ description: 'The last evaluation that it asked for.' }),
    due_at: z.iso.datetime().nullable().meta({ description: 'When it may begin, or goes on.' }),
    output: z.json(),
    items: z
      .object({ total: z.int(), left: z.int() })
      .nullable()
      .meta({ description: 'Of a node that runs for each of a list: how many there are, and have not ended.' }),
    error: Failure.nullable(),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WorkflowRunNode' });
export type WorkflowRunNode = z.infer<typeof WorkflowRunNode>;

const WorkflowTool = z
  .object({
    operation: z.string().meta({ description: 'As a node names it.' }),
    capability: z.string().meta({ description: 'The program, as runners offer it.' }),
    summary: z.string(),
    arguments_schema: JsonSchema,
  })
  .meta({ id: 'WorkflowTool' });
export type WorkflowTool = z.infer<typeof WorkflowTool>;

const Identified = z.object({ id: z.string().max(64) });
const OneDefinition = enveloped(z.object({ workflow_definition: WorkflowDefinition }));
const OneRun = enveloped(z.object({ workflow_run: WorkflowRun }));

const decision = <Path extends string, Operation extends string>(path: Path, operation: Operation, summary: string) =>
  route({
    surface: 'control',
    method: 'POST',
    path,
    operation,
    summary,
    params: Identified,
    answers: { 200: { description: 'The run as it is now.', schema: OneRun } },
  });

/** Workflow definitions, and runs of them. */
export const workflowRoutes = {
  createWorkflowDefinition: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-definitions',
    operation: 'workflows.definition.create',
    summary: 'Add the next version of a workflow definition',
    body: NewWorkflowDefinition,
    answers: { 201: { description: 'The version that was made of it.', schema: OneDefinition } },
  }),
  validateWorkflowDefinition: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-definitions/validate',
    operation: 'workflows.definition.validate',
    summary: 'Find every fault of a workflow definition',
    body: NewWorkflowDefinition,
    answers: {
      200: {
        description: 'Whether it can be run, and what is wrong with it where it cannot.',
        schema: enveloped(z.object({ valid: z.boolean(), faults: z.array(Fault) })),
      },
    },
  }),
  listWorkflowDefinitions: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-definitions',
    operation: 'workflows.definition.list',
    summary: 'List versions of workflow definitions',
    query: PageQuery.extend({ name: WorkflowName.optional().meta({ description: 'Only versions of this name.' }) }),
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ workflow_definitions: z.array(WorkflowDefinition) })),
      },
    },
  }),
  getWorkflowDefinition: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-definitions/{id}',
    operation: 'workflows.definition.get',
    summary: 'Get a version of a workflow definition',
    params: Identified,
    answers: { 200: { description: 'The version.', schema: OneDefinition } },
  }),
  archiveWorkflowDefinition: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-definitions/{id}/archive',
    operation: 'workflows.definition.archive',
    summary: 'Set a version of a definition aside',
    params: Identified,
    answers: { 200: { description: 'The version as it is now.', schema: OneDefinition } },
  }),
  listWorkflowTools: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-tools',
    operation: 'workflows.tool.list',
    summary: 'List the tools that nodes can run here',
    answers: {
      200: {
        description: 'Those whose program a runner has now, with what their arguments must fit.',
        schema: enveloped(z.object({ workflow_tools: z.array(WorkflowTool) })),
      },
    },
  }),
  createWorkflowRun: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/workflow-runs',
    operation: 'workflows.run.create',
    summary: 'Make a run of a workflow',
    body: NewWorkflowRun,
    answers: { 201: { description: 'The run.', schema: OneRun } },
  }),
  listWorkflowRuns: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-runs',
    operation: 'workflows.run.list',
    summary: 'List runs of workflows',
    query: PageQuery.extend({
      state: RunState.optional(),
      name: WorkflowName.optional().meta({ description: 'Only runs of definitions of this name.' }),
    }),
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ workflow_runs: z.array(WorkflowRun) })),
      },
    },
  }),
  getWorkflowRun: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-runs/{id}',
    operation: 'workflows.run.get',
    summary: 'Get a run of a workflow',
    params: Identified,
    answers: { 200: { description: 'The run.', schema: OneRun } },
  }),
  listWorkflowRunNodes: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-runs/{id}/nodes',
    operation: 'workflows.node.list',
    summary: 'List the nodes of a run',
    params: Identified,
    answers: {
      200: {
        description: 'All of them, in the order of the definition.',
        schema: enveloped(z.object({ nodes: z.array(WorkflowRunNode) })),
      },
    },
  }),
  listWorkflowRunItems: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-runs/{id}/nodes/{key}/items',
    operation: 'workflows.item.list',
    summary: 'List the items of a node that runs for each of a list',
    params: Identified.extend({ key: z.string().max(64) }),
    query: PageQuery,
    answers: {
      200: {
        description: 'A page, in the order of the list.',
        schema: enveloped(z.object({ items: z.array(WorkflowRunNode) })),
      },
    },
  }),
  followWorkflowRun: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/workflow-runs/{id}/events',
    operation: 'workflows.run.follow',
    summary: 'Per-run event stream (SSE)',
    params: Identified,
    query: z.object({
      after: z.string().max(50).optional().meta({ description: 'Replay what came after this event id.' }),
    }),
    answers: {
      200: {
        description: 'What was, then live, until the run has ended; resume with `Last-Event-ID`.',
        otherMedia: ['text/event-stream'],
      },
    },
    streams: true,
  }),
  startWorkflowRun: decision('/v1/workflow-runs/{id}/start', 'workflows.run.start', 'Start a run'),
  cancelWorkflowRun: decision('/v1/workflow-runs/{id}/cancel', 'workflows.run.cancel', 'Cancel a run'),
  pauseWorkflowRun: decision('/v1/workflow-runs/{id}/pause', 'workflows.run.pause', 'Pause a run'),
  resumeWorkflowRun: decision('/v1/workflow-runs/{id}/resume', 'workflows.run.resume', 'Go on with a paused run'),
  retryWorkflowRun: decision('/v1/workflow-runs/{id}/retry', 'workflows.run.retry', 'Retry a run from what failed'),
};
