import { randomUUID } from 'node:crypto';
import type { Rpc } from '@assay/contract/grpc';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Estate } from './estate.ts';
import type { GrpcClient, SentMetadata } from './grpc-client.ts';

/** The messages that RPCs are meant for, aimed at the things of one organization. */
const MESSAGES: Readonly<Record<string, (estate: Estate) => object>> = {
  '/assay.v1.AuditService/List': () => ({ pageSize: 10 }),
  '/assay.v1.AuditService/GetCheckpoint': () => ({}),
  '/assay.v1.AuditService/ProveInclusion': () => ({ entry: { case: 'index', value: 0n } }),
  '/assay.v1.AuditService/ProveConsistency': () => ({ from: 1n }),
  '/assay.v1.AuditService/ListKeys': () => ({}),
  '/assay.v1.AuthzService/Check': ({ evalId }) => ({ check: question(evalId) }),
  '/assay.v1.AuthzService/CheckBatch': ({ evalId }) => ({ checks: [question(evalId)] }),
  '/assay.v1.EvaluationService/Submit': () => ({ evaluation: { code: 'print(1)' } }),
  '/assay.v1.EvaluationService/SubmitBatch': () => ({ evaluations: [{ code: 'print(1)' }] }),
  '/assay.v1.EvaluationService/Get': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/List': () => ({}),
  '/assay.v1.EvaluationService/GetLogs': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/StreamLogs': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/Cancel': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/Kill': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EventService/Subscribe': () => ({}),
  '/assay.v1.IdentityService/Me': () => ({}),
  '/assay.v1.IdentityService/ListOrganizations': () => ({}),
  '/assay.v1.IdentityService/ListPermissions': () => ({}),
  '/assay.v1.JobService/Create': () => ({ work: { case: 'call', value: PROMPT } }),
  '/assay.v1.JobService/List': () => ({}),
  '/assay.v1.JobService/ListDeadLetters': () => ({}),
  '/assay.v1.JobService/ReplayDeadLetters': () => ({ code: 'nothing.fails_so' }),
  '/assay.v1.JobService/Get': ({ jobId }) => ({ id: jobId }),
  '/assay.v1.JobService/GetUsage': ({ jobId }) => ({ id: jobId }),
  '/assay.v1.JobService/Follow': ({ jobId }) => ({ id: jobId }),
  '/assay.v1.JobService/Cancel': ({ jobId }) => ({ id: jobId }),
  '/assay.v1.JobService/Retry': ({ jobId }) => ({ id: jobId }),
  '/assay.v1.ProviderService/Execute': () => ({ call: PROMPT }),
  '/assay.v1.ProviderService/ExecuteStream': () => ({ call: PROMPT }),
  '/assay.v1.ProviderService/Estimate': () => ({ call: PROMPT }),
  '/assay.v1.ScheduleService/Create': ({ workflowName }) => ({
    content: { name: `s-${randomUUID()}`, workflowName, cron: '@yearly' },
  }),
  '/assay.v1.ScheduleService/List': () => ({}),
  '/assay.v1.ScheduleService/Get': ({ scheduleId }) => ({ id: scheduleId }),
  '/assay.v1.ScheduleService/Update': ({ scheduleId }) => ({ id: scheduleId, content: { cron: '@monthly' } }),
  '/assay.v1.ScheduleService/Pause': ({ scheduleId }) => ({ id: scheduleId }),
  '/assay.v1.ScheduleService/Resume': ({ scheduleId }) => ({ id: scheduleId }),
  '/assay.v1.ScheduleService/Trigger': ({ scheduleId }) => ({ id: scheduleId }),
  '/assay.v1.ScheduleService/Delete': ({ doomedScheduleId }) => ({ id: doomedScheduleId }),
  '/assay.v1.WorkflowService/CreateDefinition': () => ({ content: WORKFLOW }),
  '/assay.v1.WorkflowService/ValidateDefinition': () => ({ content: WORKFLOW }),
  '/assay.v1.WorkflowService/ListDefinitions': () => ({}),
  '/assay.v1.WorkflowService/GetDefinition': ({ definitionId }) => ({ id: definitionId }),
  '/assay.v1.WorkflowService/ArchiveDefinition': ({ definitionId }) => ({ id: definitionId }),
  '/assay.v1.WorkflowService/ListTools': () => ({}),
  '/assay.v1.WorkflowService/CreateRun': () => ({ workflow: { case: 'name', value: WORKFLOW.name } }),
  '/assay.v1.WorkflowService/ListRuns': () => ({}),
  '/assay.v1.WorkflowService/GetRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/ListRunNodes': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/ListRunItems': ({ runId }) => ({ id: runId, key: 'wait' }),
  '/assay.v1.WorkflowService/FollowRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/StartRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/PauseRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/ResumeRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/CancelRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/RetryRun': ({ runId }) => ({ id: runId }),
  '/assay.v1.WorkflowService/ListApprovals': () => ({}),
  '/assay.v1.WorkflowService/GetApproval': ({ askedRunId }) => ({ id: askedRunId, key: 'ask' }),
  '/assay.v1.WorkflowService/CompleteNode': ({ askedRunId }) => ({ id: askedRunId, key: 'ask', decision: 1 }),
};

const PROMPT = { choice: { model: 'echo' }, input: { case: 'prompt', value: 'hello' } };
const WORKFLOW = { name: 'by-grpc', nodes: [{ key: 'only', runtime: 'native', operation: 'noop' }] };
const question = (id: string) => ({ action: 'evaluations:read', resource: { type: 'evaluation', id } });

/** The bytes of a well-formed call. An RPC that this knows nothing of fails here: whoever adds one says how it is called. */
export function requestOf({ path, method }: Rpc, estate: Estate): Uint8Array {
  const message = MESSAGES[path]?.(estate);
  if (!message) throw new Error(`Say in rpc-call.ts what ${path} is sent.`);
  return toBinary(method.input, create(method.input, message as MessageInitShape<DescMessage>));
}

/** Whether a call is about one thing of the organization, which another organization has not. */
export const isAboutOne = (rpc: Rpc): boolean => rpc.method.input.fields.some(({ name }) => name === 'id');

/** Calls, and gives the bytes of the answer; of a stream, those of its first message. */
export async function send(
  client: GrpcClient,
  rpc: Rpc,
  bytes: Uint8Array,
  metadata: SentMetadata = {},
): Promise<Buffer> {
  if (rpc.method.methodKind === 'unary') return (await client.bytes(rpc.path, bytes, metadata)).message;
  const stream = client.streamBytes(rpc.path, bytes, { read: (answer) => answer, metadata });
  try {
    for await (const message of stream) return message;
    return Buffer.alloc(0);
  } finally {
    stream.cancel();
  }
}
