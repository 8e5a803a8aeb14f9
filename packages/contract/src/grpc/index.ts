/** What crosses the gRPC listener: messages and services, generated from `proto/`, and the operations behind them. */
export {
  type AuditCheckpointSchema,
  type AuditEntrySchema,
  AuditService,
  type AuditServiceListRequest,
} from '../gen/assay/v1/audit_service_pb.ts';
export {
  AuthzService,
  type CheckResultSchema,
  type PermissionCheck,
  type VerdictSchema,
} from '../gen/assay/v1/authz_service_pb.ts';
export {
  type Evaluation,
  type EvaluationSchema,
  type EvaluationSpec,
  EvaluationSpecSchema,
  EvaluationState,
  type EvaluationSummarySchema,
  type ResultFileSchema,
} from '../gen/assay/v1/evaluation_pb.ts';
export {
  type BatchOutcomeSchema,
  EvaluationService,
  type EvaluationServiceStreamLogsResponseSchema,
  LogStream,
} from '../gen/assay/v1/evaluation_service_pb.ts';
export { EventService, type EventServiceSubscribeResponseSchema } from '../gen/assay/v1/event_service_pb.ts';
export { IdentityService, type OrganizationSchema } from '../gen/assay/v1/identity_service_pb.ts';
export {
  CostEstimateSchema,
  JobModality,
  type JobSchema,
  JobStatus,
  type JobUsageSchema,
} from '../gen/assay/v1/job_pb.ts';
export {
  JobService,
  type JobServiceCreateRequest,
  JobServiceCreateRequestSchema,
} from '../gen/assay/v1/job_service_pb.ts';
export {
  type ExecutionUsageSchema,
  type ModelCall,
  ModelCallSchema,
  type ModelChoice,
  ProviderService,
  type ProviderServiceEstimateResponseSchema,
  type ProviderServiceExecuteResponseSchema,
  type ProviderServiceExecuteStreamResponse,
  type ProviderServiceExecuteStreamResponseSchema,
} from '../gen/assay/v1/provider_service_pb.ts';
export {
  ScheduleCatchUp,
  type ScheduleContent,
  ScheduleContentSchema,
  ScheduleFiringOutcome,
  type ScheduleFiringSchema,
  ScheduleOverlap,
  type ScheduleSchema,
} from '../gen/assay/v1/schedule_pb.ts';
export { ScheduleService } from '../gen/assay/v1/schedule_service_pb.ts';
export {
  type WorkflowApprovalSchema,
  type WorkflowContent,
  WorkflowContentSchema,
  WorkflowDecision,
  type WorkflowDefinitionSchema,
  type WorkflowFailureSchema,
  WorkflowNodeState,
  type WorkflowRunNodeSchema,
  type WorkflowRunSchema,
  WorkflowRunState,
  type WorkflowToolSchema,
} from '../gen/assay/v1/workflow_pb.ts';
export {
  WorkflowService,
  type WorkflowServiceCompleteNodeRequest,
  type WorkflowServiceCreateRunRequest,
} from '../gen/assay/v1/workflow_service_pb.ts';
export {
  BadRequestSchema,
  ErrorInfoSchema,
  file_google_rpc_error_details,
  RequestInfoSchema,
  RetryInfoSchema,
} from '../gen/google/rpc/error_details_pb.ts';
export { file_google_rpc_status, StatusSchema } from '../gen/google/rpc/status_pb.ts';
export { Health, HealthCheckResponse_ServingStatus as ServingStatus } from '../gen/grpc/health/v1/health_pb.ts';
export {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from '../gen/grpc/reflection/v1/reflection_pb.ts';
export { ServerReflection as ServerReflectionAlpha } from '../gen/grpc/reflection/v1alpha/reflection_pb.ts';
export { allRpcs, pathOf, type Rpc } from './rpcs.ts';
