import { WorkflowService, type WorkflowServiceCreateRunRequest } from '@assay/contract/grpc';
import { AppError } from '../../kernel/errors.ts';
import type {
  approvalOperations,
  definitionOperations,
  followRun,
  JsonObject,
  listTools,
  WorkflowRun as Run,
  runOperations,
} from '../../modules/workflows/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { encodeEvent } from './event-service.ts';
import { pageOf, pageTokenOf } from './paging.ts';
import { refusedField } from './read-fields.ts';
import type { Handlers, RpcSurface } from './rpc-surface.ts';
import { readStruct } from './struct.ts';
import {
  decodeContent,
  decodeDecision,
  decodeRunState,
  encodeApproval,
  encodeDefinition,
  encodeRun,
  encodeRunNode,
  encodeTool,
} from './workflow-codec.ts';

type Operations = ReturnType<typeof definitionOperations> &
  ReturnType<typeof runOperations> &
  ReturnType<typeof approvalOperations> & {
    followRun: ReturnType<typeof followRun>;
    listTools: ReturnType<typeof listTools>;
  };
type OperatorRun = HttpKit['operator']['run'];
type NewRun = Parameters<Operations['createRun']['run']>[1];
type All = Handlers<typeof WorkflowService>;

const MOST_PRIORITY = 10;
const MOST_KEY = 500;
const MOST_BUDGET = 1_000_000_000_000_000n;

export function serveWorkflows(surface: RpcSurface, run: OperatorRun, of: Operations): void {
  const handlers = { ...definitions(run, of), ...runs(run, of), ...decisions(run, of), ...approvals(run, of) };
  surface.serve(WorkflowService, 'control', handlers);
}

type OfDefinitions =
  | 'createDefinition'
  | 'validateDefinition'
  | 'listDefinitions'
  | 'getDefinition'
  | 'archiveDefinition'
  | 'listTools';

const definitions = (run: OperatorRun, of: Operations): Pick<All, OfDefinitions> => ({
  async createDefinition({ content }, call) {
    const made = await inContent(run(of.createDefinition, call, decodeContent(content)));
    return { definition: encodeDefinition(made) };
  },

  async validateDefinition({ content }, call) {
    const found = await run(of.validateDefinition, call, decodeContent(content));
    return {
      valid: found.length === 0,
      faults: found.map(({ field, ...fault }) => ({ field: below(field), ...fault })),
    };
  },

  async listDefinitions({ name, ...page }, call) {
    const wanted = { ...pageOf(page), name: name === '' ? null : name };
    const { items, nextCursor } = await pageTokenOf(() => run(of.listDefinitions, call, wanted));
    return { definitions: items.map(encodeDefinition), nextPageToken: nextCursor ?? '' };
  },

  async getDefinition({ id }, call) {
    return { definition: encodeDefinition(await run(of.getDefinition, call, { id })) };
  },

  async archiveDefinition({ id }, call) {
    return { definition: encodeDefinition(await run(of.archiveDefinition, call, { id })) };
  },

  async listTools(_request, call) {
    return { tools: (await run(of.listTools, call, undefined)).map(encodeTool) };
  },
});

const runs = (
  run: OperatorRun,
  of: Operations,
): Pick<All, 'createRun' | 'listRuns' | 'getRun' | 'listRunNodes' | 'listRunItems' | 'followRun'> => ({
  async createRun(request, call) {
    return { run: encodeRun(await run(of.createRun, call, decodeNewRun(request))) };
  },

  async listRuns({ state, name, ...page }, call) {
    const definition = name === '' ? null : name;
    const wanted = { ...pageOf(page), state: decodeRunState(state), definition };
    const { items, nextCursor } = await pageTokenOf(() => run(of.listRuns, call, wanted));
    return { runs: items.map(encodeRun), nextPageToken: nextCursor ?? '' };
  },

  async getRun({ id }, call) {
    return { run: encodeRun(await run(of.getRun, call, { id })) };
  },

  async listRunNodes({ id }, call) {
    return { nodes: (await run(of.listRunNodes, call, { id })).map(encodeRunNode) };
  },

  async listRunItems({ id, key, ...page }, call) {
    const wanted = { id, key, ...pageOf(page) };
    const { items, nextCursor } = await pageTokenOf(() => run(of.listRunItems, call, wanted));
    return { items: items.map(encodeRunNode), nextPageToken: nextCursor ?? '' };
  },

  async *followRun({ id, after }, call) {
    const events = await run(of.followRun, call, { id, after: after === '' ? null : after });
    // One who loses the stream before the first event resumes where it began.
    yield { position: events.start };
    for await (const event of events) yield encodeEvent(event);
  },
});

const decisions = (
  run: OperatorRun,
  of: Operations,
): Pick<All, 'startRun' | 'pauseRun' | 'resumeRun' | 'cancelRun' | 'retryRun'> => {
  const decide =
    (operation: Operations['startRun']) =>
    async ({ id }: { id: string }, call: HttpCall): Promise<{ run: ReturnType<typeof encodeRun> }> => ({
      run: encodeRun((await run(operation, call, { id })) as Run),
    });
  return {
    startRun: decide(of.startRun),
    pauseRun: decide(of.pauseRun),
    resumeRun: decide(of.resumeRun),
    cancelRun: decide(of.cancelRun),
    retryRun: decide(of.retryRun),
  };
};

const approvals = (run: OperatorRun, of: Operations): Pick<All, 'listApprovals' | 'getApproval' | 'completeNode'> => ({
  async listApprovals(page, call) {
    const wanted = pageOf(page);
    const { items, nextCursor } = await pageTokenOf(() => run(of.listApprovals, call, wanted));
    return { approvals: items.map(encodeApproval), nextPageToken: nextCursor ?? '' };
  },

  async getApproval({ id, key }, call) {
    return { approval: encodeApproval(await run(of.getApproval, call, { id, key })) };
  },

  async completeNode(request, call) {
    const { values, ...said } = decodeDecision(request);
    const { id, key } = request;
    const decided = { id, key, ...said, values: values as JsonObject };
    return { node: encodeRunNode(await run(of.completeNode, call, decided)) };
  },
});

function decodeNewRun(request: WorkflowServiceCreateRunRequest): NewRun {
  const { workflow, version, input, priority, start, concurrencyKey = null, budgetMicros } = request;
  if (budgetMicros !== undefined && (budgetMicros < 0n || budgetMicros > MOST_BUDGET))
    throw refusedField('budget_micros', 'range', `must be 0 to ${MOST_BUDGET}`);
  const budget = budgetMicros === undefined ? null : Number(budgetMicros);
  if (Math.abs(priority) > MOST_PRIORITY)
    throw refusedField('priority', 'range', `must be -${MOST_PRIORITY} to ${MOST_PRIORITY}`);
  if (version !== undefined && (workflow.case !== 'name' || version < 1))
    throw refusedField('version', 'range', 'must be the number of a version of a `name`, from 1');
  if (concurrencyKey !== null && (concurrencyKey === '' || concurrencyKey.length > MOST_KEY))
    throw refusedField('concurrency_key', 'range', `must have 1 to ${MOST_KEY} characters`);
  const given = { input: readStruct(input ?? {}, 'input') as JsonObject, priority, start, concurrencyKey, budget };
  switch (workflow.case) {
    case undefined:
      throw refusedField('workflow_definition_id', 'required', 'say what to run: the id of a version, or a name');
    case 'workflowDefinitionId':
      return { ...given, definition: { id: workflow.value } };
    case 'name':
      return { ...given, definition: { name: workflow.value, version: version ?? null } };
  }
}

const below = (field: string): string => `content.${field}`;

/** What is found to be wrong is named by where it is in the request. */
async function inContent<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (thrown) {
    throw thrown instanceof AppError ? named(thrown) : thrown;
  }
}

function named(cause: AppError): AppError {
  const faults = cause.faults.map(({ field, ...fault }) => ({ field: below(field), ...fault }));
  return new AppError(cause.kind, cause.code, cause.message, { faults, cause });
}
