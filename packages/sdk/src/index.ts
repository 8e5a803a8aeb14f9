export {
  ApiError,
  AuthenticationError,
  BadRequestError,
  BillingInactiveError,
  BudgetExceededError,
  ConflictError,
  NotFoundError,
  PermissionDeniedError,
  PreconditionFailedError,
  RateLimitError,
  ServerError,
  UnprocessableEntityError,
} from './api-error.ts';
export { type ApiKeyPage, ApiKeys, type CreatedApiKey, type NewApiKey } from './api-keys.ts';
export { type ApprovalPage, Approvals, type DecisionDetails } from './approvals.ts';
export { Assay, type Principal } from './assay.ts';
export { AssayError, ConnectionError, MalformedAnswerError, TimeoutError } from './assay-error.ts';
export { type AssetDownload, type AssetPage, Assets, type AssetUploadOptions } from './assets.ts';
export {
  type EvaluationBatch,
  type EvaluationLogs,
  type EvaluationPage,
  type EvaluationRecord,
  type EvaluationRequest,
  type EvaluationStatus,
  type EvaluationSummary,
  Evaluations,
  type SubmittedEvaluation,
} from './evaluations.ts';
export { EventStream, type FollowOptions } from './event-stream.ts';
export { type EventFilter, Events } from './events.ts';
export type { WaitOptions } from './followed-work.ts';
export { type DeadLetterReplay, type JobPage, Jobs, type NewJob, type ReplayedJobs } from './jobs.ts';
export { Listing } from './listing.ts';
export type { LogEvent } from './log-event.ts';
export { type CredentialHolder, type DeviceAuthorization, OAuth, type OAuthTokens } from './oauth.ts';
export {
  type Engines,
  type Languages,
  Platform,
  type PlatformStatus,
  type QueueStatus,
  type Readiness,
} from './platform.ts';
export {
  type NewSchedule,
  type ScheduleChange,
  type ScheduleHistory,
  type SchedulePage,
  Schedules,
} from './schedules.ts';
export { type DataKeyVersion, type NewSecret, type SecretPage, type SecretReplacement, Secrets } from './secrets.ts';
export type { AssayOptions, CallOptions, Content, WireRequest } from './transport.ts';
export {
  type DeliveryPage,
  type IssuedWebhook,
  type NewWebhook,
  type WebhookChange,
  type WebhookPage,
  Webhooks,
} from './webhooks.ts';
export {
  type NewWorkflow,
  type NewWorkflowRun,
  type RunItemPage,
  type WorkflowCheck,
  type WorkflowPage,
  type WorkflowRunPage,
  WorkflowRuns,
  Workflows,
} from './workflows.ts';
