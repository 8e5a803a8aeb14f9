import { buildsRoutes } from './builds/routes.ts';
import { controlRoutes } from './control/routes.ts';
import { evaluationRoutes } from './evaluations/routes.ts';
import { fleetRoutes } from './fleet/routes.ts';
import { anthropicRoutes, openAiRoutes } from './gateway/routes.ts';
import { oauthRoutes } from './oauth/routes.ts';
import { opsRoutes } from './ops/routes.ts';
import type { Route } from './route.ts';

export { BuildsError, buildsRoutes, LoginRequest, RefreshRequest, TokenAnswer } from './builds/routes.ts';
export { ApiKey, NewApiKey } from './control/api-key.ts';
export { Asset, AssetUpload, AssetUsage } from './control/asset.ts';
export { AuditCheckpoint, AuditEntry, AuditKey } from './control/audit-log.ts';
export { AuthzCheck, MAX_CHECKS } from './control/authz.ts';
export { Budget, NewBudget } from './control/budgets.ts';
export { Capture, CaptureContent, CapturePolicy, NewCapturePolicy } from './control/captures.ts';
export { Credential, CredentialConfig, NewCredential } from './control/credential.ts';
export { EncryptionKeys } from './control/encryption-key.ts';
export { ControlError } from './control/envelope.ts';
export { type Job, type JobUsage, NewJob } from './control/job.ts';
export { ModelPolicy, ModelPolicyTerms } from './control/model-policies.ts';
export { PasskeyAssertion } from './control/passkey.ts';
export { ModelPrice, OwnPrice, PriceChange, type PriceRates } from './control/prices.ts';
export { ExecuteRequest } from './control/provider.ts';
export { CloudEvent, controlRoutes, EventsQuery, Principal, StreamEvent } from './control/routes.ts';
export { Secret, SecretVersion } from './control/secret.ts';
export { UsageGroup, UsageRecord, UsageSummary } from './control/usage.ts';
export { type LoggedWebhookDelivery, type NewWebhook, Webhook, WebhookDelivery } from './control/webhook.ts';
export type { WorkflowTool } from './control/workflow.ts';
export { NewWorkflowDefinition, WorkflowDefinition, WorkflowRun, WorkflowRunNode } from './control/workflow.ts';
export { WorkflowApproval, WorkflowDecision } from './control/workflow-approval.ts';
export { ITEMS_AT_ONCE, NodeDefinition } from './control/workflow-node.ts';
export { NODE_REFERENCE } from './control/workflow-node-reference.ts';
export {
  NewWorkflowSchedule,
  type ScheduleFiring,
  type WorkflowSchedule,
  WorkflowScheduleChange,
} from './control/workflow-schedule.ts';
export {
  EvaluationRecord,
  EvaluationRequest,
  EvaluationStatus,
  ListAnswer,
  LogsAnswer,
  MAX_BATCH,
  SocketMessage,
  StatusAnswer,
  SubmitAnswer,
} from './evaluations/evaluation.ts';
export { EvaluationsError } from './evaluations/platform.ts';
export { evaluationRoutes } from './evaluations/routes.ts';
export { EXIT_CODES } from './exit-codes.ts';
export { FleetError, fleetRoutes } from './fleet/routes.ts';
export { anthropicRoutes, openAiRoutes } from './gateway/routes.ts';
export { jsonSchemaOf } from './json-schema.ts';
export { oauthRoutes } from './oauth/routes.ts';
export { OAuthError } from './oauth/token.ts';
export { openApiDocument } from './openapi.ts';
export { opsRoutes, type ReadyAnswer } from './ops/routes.ts';
export { type Answer, type Route, route, type SurfaceName } from './route.ts';

/** Every HTTP route that Assay serves. */
export const allRoutes: readonly Route[] = [
  ...Object.values(opsRoutes),
  ...Object.values(controlRoutes),
  ...Object.values(buildsRoutes),
  ...Object.values(fleetRoutes),
  ...Object.values(oauthRoutes),
  ...Object.values(evaluationRoutes),
  ...Object.values(openAiRoutes),
  ...Object.values(anthropicRoutes),
];
