import { NewWorkflowDefinition, WorkflowDecision } from '@assay/contract';
import {
  WorkflowDecision as Decision,
  type WorkflowApprovalSchema,
  type WorkflowContent,
  type WorkflowDefinitionSchema,
  type WorkflowFailureSchema,
  WorkflowNodeState,
  type WorkflowRunNodeSchema,
  type WorkflowRunSchema,
  WorkflowRunState,
  type WorkflowServiceCompleteNodeRequest,
  type WorkflowToolSchema,
} from '@assay/contract/grpc';
import { fromJson, type JsonObject, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { z } from 'zod';
import type {
  Approval,
  Definition,
  DefinitionContent,
  RunNode,
  Tool,
  WorkflowRun,
} from '../../modules/workflows/index.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import { contentOf, encodeConcurrency, encodeNode } from '../http/workflow-nodes.ts';
import { present, times } from './present.ts';
import { memberOf } from './read-fields.ts';
import { readStruct } from './struct.ts';

const RUN_STATES = {
  created: WorkflowRunState.CREATED,
  queued: WorkflowRunState.QUEUED,
  running: WorkflowRunState.RUNNING,
  paused: WorkflowRunState.PAUSED,
  completed: WorkflowRunState.COMPLETED,
  failed: WorkflowRunState.FAILED,
  cancelled: WorkflowRunState.CANCELLED,
} as const satisfies Record<WorkflowRun['state'], WorkflowRunState>;

const NODE_STATES = {
  pending: WorkflowNodeState.PENDING,
  ready: WorkflowNodeState.READY,
  running: WorkflowNodeState.RUNNING,
  waiting: WorkflowNodeState.WAITING,
  completed: WorkflowNodeState.COMPLETED,
  failed: WorkflowNodeState.FAILED,
  skipped: WorkflowNodeState.SKIPPED,
  cancelled: WorkflowNodeState.CANCELLED,
} as const satisfies Record<RunNode['state'], WorkflowNodeState>;

const DECISIONS = { approve: Decision.APPROVE, reject: Decision.REJECT } as const;

/**
 * The state of a filter; null for any.
 * @throws AppError `invalid` for a number that no state has
 */
export const decodeRunState = (wanted: WorkflowRunState): WorkflowRun['state'] | null =>
  memberOf('state', wanted, RUN_STATES);

/**
 * Reads what somebody decides.
 * @throws AppError `invalid` that names the fields at fault
 */
export function decodeDecision({
  decision,
  values,
  comment,
}: WorkflowServiceCompleteNodeRequest): z.output<typeof WorkflowDecision> {
  const result = WorkflowDecision.safeParse({
    decision: memberOf('decision', decision, DECISIONS) ?? undefined,
    values: readStruct(values ?? {}, 'values'),
    comment,
  });
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.map((issue) => toFault(issue, '')));
}

/**
 * Reads what a version says by the rules that hold for every way in.
 * @throws AppError `invalid` that names the fields at fault
 */
export function decodeContent(content: WorkflowContent | undefined): DefinitionContent {
  if (content === undefined) {
    const message = 'Field content: what the workflow says is missing';
    throw invalidFields([{ field: 'content', constraint: 'required', message }]);
  }
  const { name, description, nodes, inputSchema, timeoutMs, budgetMicros, concurrency } = content;
  const result = NewWorkflowDefinition.safeParse({
    name,
    description,
    nodes: nodes.map((node, at) => readStruct(node, `content.nodes.${at}`)),
    ...(inputSchema && { input_schema: readStruct(inputSchema, 'content.input_schema') }),
    ...(timeoutMs !== undefined && { timeout_ms: Number(timeoutMs) }),
    ...(budgetMicros !== undefined && { budget_micros: Number(budgetMicros) }),
    concurrency: concurrency.map(({ limit, key }) => ({ limit, key })),
  });
  if (result.success) return contentOf(result.data);
  throw invalidFields(result.error.issues.map((issue) => toFault(issue, 'content')));
}

export const encodeDefinition = (of: Definition): MessageInitShape<typeof WorkflowDefinitionSchema> => ({
  id: of.id,
  version: of.version,
  content: {
    name: of.name,
    description: of.description,
    nodes: of.nodes.map((node) => encodeNode(node) as JsonObject),
    concurrency: encodeConcurrency(of),
    ...present({
      inputSchema: of.inputSchema as JsonObject | null,
      timeoutMs: of.timeoutMs === null ? null : BigInt(of.timeoutMs),
      budgetMicros: of.budget === null ? null : BigInt(of.budget),
    }),
  },
  createdBy: of.createdBy,
  createdAt: timestampFromDate(of.createdAt),
  ...times({ archivedAt: of.archivedAt }),
});

export const encodeRun = (run: WorkflowRun): MessageInitShape<typeof WorkflowRunSchema> => ({
  id: run.id,
  workflowDefinitionId: run.definition.id,
  name: run.definition.name,
  version: run.definition.version,
  state: RUN_STATES[run.state],
  priority: run.priority,
  input: run.input as JsonObject,
  ...present({
    context: run.context as JsonObject | null,
    contextAsset: run.contextAsset && { id: run.contextAsset.id, bytes: BigInt(run.contextAsset.bytes) },
    concurrencyKey: run.concurrencyKey,
    budgetMicros: run.budget === null ? null : BigInt(run.budget),
    error: run.error && { ...encodeFailure(run.error), ...present({ node: run.error.node }) },
    scheduleId: run.scheduleId,
    parent: run.parent && { workflowRunId: run.parent.runId, node: run.parent.node },
  }),
  createdBy: run.createdBy,
  createdAt: timestampFromDate(run.createdAt),
  ...times({ startedAt: run.startedAt, deadlineAt: run.deadlineAt, completedAt: run.completedAt }),
});

export const encodeRunNode = (node: RunNode): MessageInitShape<typeof WorkflowRunNodeSchema> => ({
  key: node.key,
  state: NODE_STATES[node.state],
  attempt: node.attempt,
  output: fromJson(ValueSchema, (node.output ?? null) as JsonValue),
  ...present({
    items: node.items,
    error: node.error && encodeFailure(node.error),
    evaluationId: node.evaluationId,
  }),
  ...times({ dueAt: node.dueAt, startedAt: node.startedAt, completedAt: node.completedAt }),
});

const encodeFailure = ({
  code,
  message,
  faults,
}: NonNullable<RunNode['error']>): MessageInitShape<typeof WorkflowFailureSchema> => ({
  code,
  message,
  faults: (faults ?? []).map(({ field, constraint, message: said }) => ({ field, constraint, message: said })),
});

export const encodeTool = ({
  operation,
  program,
  summary,
  schema,
}: Tool): MessageInitShape<typeof WorkflowToolSchema> => ({
  operation,
  capability: program,
  summary,
  argumentsSchema: schema as JsonObject,
});

export const encodeApproval = ({ ask, ...of }: Approval): MessageInitShape<typeof WorkflowApprovalSchema> => ({
  workflowRunId: of.runId,
  node: of.key,
  workflowDefinitionId: of.definition.id,
  name: of.definition.name,
  version: of.definition.version,
  runCreatedBy: of.maker,
  title: of.title,
  instructions: of.instructions,
  input: ask.input as JsonObject,
  assignee: assigneeOf(ask.assignee),
  ...present({ form: of.form as JsonObject | null }),
  ...times({ askedAt: timeOf(ask.askedAt), deadlineAt: timeOf(ask.deadlineAt) }),
});

const timeOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

function assigneeOf(
  assignee: Approval['ask']['assignee'],
): NonNullable<MessageInitShape<typeof WorkflowApprovalSchema>['assignee']> {
  if (assignee === null) return { case: undefined };
  if ('user' in assignee) return { case: 'user', value: assignee.user };
  if ('team' in assignee) return { case: 'team', value: assignee.team };
  return { case: 'role', value: assignee.role };
}
