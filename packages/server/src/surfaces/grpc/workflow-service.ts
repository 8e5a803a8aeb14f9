import { WorkflowService, type WorkflowServiceCreateRunRequest } from '@assay/contract/grpc';
import { AppError } from '../../kernel/errors.ts';
import type {
  definitionOperations,
  followRun,
  JsonObject,
  WorkflowRun as Run,
  runOperations,
} from '../../modules/workflows/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { invalidFields } from '../http/surface.ts';
import { encodeEvent } from './event-service.ts';
import { pageSizeOf, pageTokenOf } from './paging.ts';
import type { Handlers, RpcSurface } from './rpc-surface.ts';
import { readStruct } from './struct.ts';
import { decodeContent, decodeRunState, encodeDefinition, encodeRun, encodeRunNode } from './workflow-codec.ts';

type Operations = ReturnType<typeof definitionOperations> &
  ReturnType<typeof runOperations> & { followRun: ReturnType<typeof followRun> };
type OperatorRun = HttpKit['operator']['run'];
type NewRun = Parameters<Operations['createRun']['run']>[1];
type All = Handlers<typeof WorkflowService>;

const PAGES = { usual: 50, most: 200 };
const MOST_PRIORITY = 10;
const MOST_KEY = 500;

export function serveWorkflows(surface: RpcSurface, run: OperatorRun, of: Operations): void {
  const handlers = { ...definitions(run, of), ...runs(run, of), ...decisions(run, of) };
  surface.serve(WorkflowService, 'control', handlers);
}

type OfDefinitions =
  | 'createDefinition'
  | 'validateDefinition'
  | 'listDefinitions'
  | 'getDefinition'
  | 'archiveDefinition';

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

  async listDefinitions({ pageSize, pageToken, name }, call) {
    const wanted = { ...pageOf(pageSize, pageToken), name: name === '' ? null : name };
    const { items, nextCursor } = await pageTokenOf(() => run(of.listDefinitions, call, wanted));
    return { definitions: items.map(encodeDefinition), nextPageToken: nextCursor ?? '' };
  },

  async getDefinition({ id }, call) {
    return { definition: encodeDefinition(await run(of.getDefinition, call, { id })) };
  },

  async archiveDefinition({ id }, call) {
    return { definition: encodeDefinition(await run(of.archiveDefinition, call, { id })) };
  },
});

const runs = (
  run: OperatorRun,
  of: Operations,
): Pick<All, 'createRun' | 'listRuns' | 'getRun' | 'listRunNodes' | 'followRun'> => ({
  async createRun(request, call) {
    return { run: encodeRun(await run(of.createRun, call, decodeNewRun(request))) };
  },

  async listRuns({ pageSize, pageToken, state, name }, call) {
    const definition = name === '' ? null : name;
    const wanted = { ...pageOf(pageSize, pageToken), state: decodeRunState(state), definition };
    const { items, nextCursor } = await pageTokenOf(() => run(of.listRuns, call, wanted));
    return { runs: items.map(encodeRun), nextPageToken: nextCursor ?? '' };
  },

  async getRun({ id }, call) {
    return { run: encodeRun(await run(of.getRun, call, { id })) };
  },

  async listRunNodes({ id }, call) {
    return { nodes: (await run(of.listRunNodes, call, { id })).map(encodeRunNode) };
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

function decodeNewRun(request: WorkflowServiceCreateRunRequest): NewRun {
  const { workflow, version, input, priority, start, concurrencyKey = null } = request;
  if (Math.abs(priority) > MOST_PRIORITY)
    throw refused('priority', 'range', `must be -${MOST_PRIORITY} to ${MOST_PRIORITY}`);
  if (version !== undefined && (workflow.case !== 'name' || version < 1))
    throw refused('version', 'range', 'must be the number of a version of a `name`, from 1');
  if (concurrencyKey !== null && (concurrencyKey === '' || concurrencyKey.length > MOST_KEY))
    throw refused('concurrency_key', 'range', `must have 1 to ${MOST_KEY} characters`);
  const given = { input: readStruct(input ?? {}, 'input') as JsonObject, priority, start, concurrencyKey };
  switch (workflow.case) {
    case undefined:
      throw refused('workflow_definition_id', 'required', 'say what to run: the id of a version, or a name');
    case 'workflowDefinitionId':
      return { ...given, definition: { id: workflow.value } };
    case 'name':
      return { ...given, definition: { name: workflow.value, version: version ?? null } };
  }
}

const pageOf = (pageSize: number, pageToken: string) => ({
  limit: pageSizeOf(pageSize, PAGES),
  cursor: pageToken === '' ? null : pageToken,
});

const refused = (field: string, constraint: string, rule: string): AppError =>
  invalidFields([{ field, constraint, message: `Field ${field}: ${rule}` }]);

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
