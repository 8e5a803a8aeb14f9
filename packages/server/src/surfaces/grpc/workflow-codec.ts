import { NewWorkflowDefinition } from '@assay/contract';
import {
  type WorkflowContent,
  type WorkflowDefinitionSchema,
  type WorkflowFailureSchema,
  WorkflowNodeState,
  type WorkflowRunNodeSchema,
  type WorkflowRunSchema,
  WorkflowRunState,
} from '@assay/contract/grpc';
import { fromJson, type JsonObject, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { Definition, DefinitionContent, RunNode, WorkflowRun } from '../../modules/workflows/index.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import { contentOf, encodeConcurrency, encodeNode } from '../http/workflow-nodes.ts';
import { present, times } from './present.ts';
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

/**
 * The state of a filter; null for any.
 * @throws AppError `invalid` for a number that no state has
 */
export function decodeRunState(wanted: WorkflowRunState): WorkflowRun['state'] | null {
  if (wanted === WorkflowRunState.UNSPECIFIED) return null;
  const [found] = Object.entries(RUN_STATES).find(([, state]) => state === wanted) ?? [];
  if (found !== undefined) return found as WorkflowRun['state'];
  throw invalidFields([{ field: 'state', constraint: 'enum', message: 'Field state: there is no such state' }]);
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
  const { name, description, nodes, inputSchema, timeoutMs, concurrency } = content;
  const result = NewWorkflowDefinition.safeParse({
    name,
    description,
    nodes: nodes.map((node, at) => readStruct(node, `content.nodes.${at}`)),
    ...(inputSchema && { input_schema: readStruct(inputSchema, 'content.input_schema') }),
    ...(timeoutMs !== undefined && { timeout_ms: Number(timeoutMs) }),
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
  context: run.context as JsonObject,
  ...present({
    concurrencyKey: run.concurrencyKey,
    error: run.error && { ...encodeFailure(run.error), ...present({ node: run.error.node }) },
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
  ...present({ items: node.items, error: node.error && encodeFailure(node.error) }),
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
