import type { DescService } from '@bufbuild/protobuf';
import { AuditService } from '../gen/assay/v1/audit_service_pb.ts';
import { AuthzService } from '../gen/assay/v1/authz_service_pb.ts';
import { EvaluationService } from '../gen/assay/v1/evaluation_service_pb.ts';
import { EventService } from '../gen/assay/v1/event_service_pb.ts';
import { IdentityService } from '../gen/assay/v1/identity_service_pb.ts';
import { JobService } from '../gen/assay/v1/job_service_pb.ts';
import { ProviderService } from '../gen/assay/v1/provider_service_pb.ts';
import { ScheduleService } from '../gen/assay/v1/schedule_service_pb.ts';
import { WorkflowService } from '../gen/assay/v1/workflow_service_pb.ts';

type Operations<Service extends DescService> = { readonly [Method in keyof Service['method'] & string]: string };

/** The server's operation behind each method of a service. */
const operationsOf = <Service extends DescService>(service: Service, operations: Operations<Service>) => ({
  service,
  operations: operations as Readonly<Record<string, string>>,
});

/** Every service of package `assay.v1`, and the operation that each of its methods runs. */
const SERVICES = [
  operationsOf(AuditService, {
    list: 'audit.organization_entry.list',
    getCheckpoint: 'audit.checkpoint.get',
    proveInclusion: 'audit.inclusion.prove',
    proveConsistency: 'audit.consistency.prove',
    listKeys: 'audit.key.list',
  }),
  operationsOf(AuthzService, { check: 'access.decision.check', checkBatch: 'access.decision.check_batch' }),
  operationsOf(EvaluationService, {
    submit: 'evaluations.evaluation.submit',
    submitBatch: 'evaluations.batch.submit',
    get: 'evaluations.evaluation.get',
    list: 'evaluations.evaluation.list',
    getLogs: 'evaluations.output.get',
    streamLogs: 'evaluations.output.follow',
    cancel: 'evaluations.evaluation.kill',
    kill: 'evaluations.evaluation.kill',
  }),
  operationsOf(EventService, { subscribe: 'events.stream.follow' }),
  operationsOf(IdentityService, {
    me: 'identity.principal.get',
    listOrganizations: 'tenancy.organization.list_mine',
    listPermissions: 'access.permission.list',
  }),
  operationsOf(JobService, {
    create: 'jobs.job.create',
    list: 'jobs.job.list',
    listDeadLetters: 'jobs.dead_letter.list',
    replayDeadLetters: 'jobs.dead_letter.replay',
    get: 'jobs.job.get',
    getUsage: 'jobs.job.get_usage',
    follow: 'jobs.job.follow',
    cancel: 'jobs.job.cancel',
    retry: 'jobs.job.retry',
  }),
  operationsOf(ProviderService, {
    execute: 'providers.chat.execute',
    executeStream: 'providers.chat.execute',
    estimate: 'providers.chat.estimate',
  }),
  operationsOf(ScheduleService, {
    create: 'workflows.schedule.create',
    list: 'workflows.schedule.list',
    get: 'workflows.schedule.get',
    update: 'workflows.schedule.update',
    pause: 'workflows.schedule.pause',
    resume: 'workflows.schedule.resume',
    trigger: 'workflows.schedule.trigger',
    delete: 'workflows.schedule.delete',
  }),
  operationsOf(WorkflowService, {
    createDefinition: 'workflows.definition.create',
    validateDefinition: 'workflows.definition.validate',
    listDefinitions: 'workflows.definition.list',
    getDefinition: 'workflows.definition.get',
    archiveDefinition: 'workflows.definition.archive',
    listTools: 'workflows.tool.list',
    createRun: 'workflows.run.create',
    listRuns: 'workflows.run.list',
    getRun: 'workflows.run.get',
    listRunNodes: 'workflows.node.list',
    listRunItems: 'workflows.item.list',
    followRun: 'workflows.run.follow',
    startRun: 'workflows.run.start',
    pauseRun: 'workflows.run.pause',
    resumeRun: 'workflows.run.resume',
    cancelRun: 'workflows.run.cancel',
    retryRun: 'workflows.run.retry',
    listApprovals: 'workflows.approval.list',
    getApproval: 'workflows.approval.get',
    completeNode: 'workflows.node.complete',
  }),
];

/** One RPC: what comes in, what goes out, and the operation that does it. */
export type Rpc = {
  /** As gRPC calls it: `/assay.v1.EvaluationService/Submit`. */
  path: string;
  method: DescService['methods'][number];
  /** Name of the server's operation. */
  operation: string;
};

/** The path of a method on the wire. */
export const pathOf = ({ parent, name }: DescService['methods'][number]): string => `/${parent.typeName}/${name}`;

/** All RPCs, in the order of their services. */
export const allRpcs: readonly Rpc[] = SERVICES.flatMap(({ service, operations }) =>
  service.methods.map((method) => ({
    path: pathOf(method),
    method,
    operation: operations[method.localName] ?? '',
  })),
);
