import type { AppError, ErrorKind } from '../../kernel/errors.ts';
import type { Call } from '../../platform/operation.ts';
import { refuse } from './envelope.ts';

const SHOWN = {
  invalid: [400, 'validation_failed'],
  unauthenticated: [401, 'unauthenticated'],
  denied: [403, 'permission_denied'],
  not_found: [404, 'not_found'],
  conflict: [409, 'conflict'],
  precondition: [412, 'precondition_failed'],
  billing: [423, 'billing_inactive'],
  rate_limited: [429, 'rate_limited'],
  over_budget: [402, 'budget_exceeded'],
  too_large: [413, 'payload_too_large'],
  unsupported_media: [415, 'unsupported_media_type'],
  cancelled: [499, 'cancelled'],
  deadline: [503, 'deadline_exceeded'],
  unavailable: [503, 'unavailable'],
  unimplemented: [501, 'unimplemented'],
  internal: [500, 'internal'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

/** Codes that say more than their kind does. */
const SPECIFIC: Readonly<Record<string, readonly [number, string]>> = {
  'access.role_missing': [403, 'forbidden'],
  'idempotency.key_reused': [422, 'idempotency_key_reused'],
  'idempotency.in_progress': [409, 'idempotency_in_progress'],
  'api_key.revoked': [409, 'api_key_revoked'],
  'event.position_gone': [410, 'event_gone'],
  'event.slow_consumer': [503, 'slow_consumer'],
  'page.cursor_invalid': [400, 'invalid_cursor'],
  'organization.slug_taken': [409, 'slug_taken'],
  'organization.not_deleted': [409, 'not_deleted'],
  'organization.grace_over': [409, 'grace_over'],
  'organization.owner_only': [403, 'forbidden'],
  'organization.creation_closed': [403, 'forbidden'],
  'member.exists': [409, 'already_member'],
  'member.last_owner': [409, 'last_owner'],
  'member.above_you': [403, 'forbidden'],
  'member.own_role': [403, 'forbidden'],
  'member.people_only': [403, 'forbidden'],
  'member.administrators_only': [403, 'forbidden'],
  'invitation.pending': [409, 'pending_invitation'],
  'invitation.expired': [409, 'invitation_expired'],
  'invitation.settled': [409, 'invitation_settled'],
  'invitation.account_exists': [409, 'account_exists'],
  'invitation.other_address': [403, 'forbidden'],
  'team.name_taken': [409, 'name_taken'],
  'team.not_maintainer': [403, 'forbidden'],
  'custom_role.name_taken': [409, 'name_taken'],
  'custom_role.in_use': [409, 'role_in_use'],
  'custom_role.own': [403, 'forbidden'],
  'secret.name_taken': [409, 'name_taken'],
  'credential.name_taken': [409, 'name_taken'],
  'credential.not_yours': [403, 'forbidden'],
  'credential.needs_reauth': [409, 'needs_reauth'],
  'credential.revoked': [409, 'credential_revoked'],
  'credential.not_interactive': [409, 'not_interactive'],
  'credential.state_invalid': [400, 'oauth_state_invalid'],
  'credential.authorization_refused': [409, 'authorization_refused'],
  'destination.refused': [400, 'destination_refused'],
  'workflow_definition.archived': [409, 'definition_archived'],
  'workflow_run.already_started': [409, 'already_started'],
  'workflow_run.ended': [409, 'run_ended'],
  'workflow_run.not_running': [409, 'not_running'],
  'workflow_run.not_paused': [409, 'not_paused'],
  'workflow_run.not_failed': [409, 'not_failed'],
  'job.ended': [409, 'job_ended'],
  'job.not_failed': [409, 'not_failed'],
  'workflow_schedule.name_taken': [409, 'name_taken'],
  'workflow_node.not_human': [409, 'not_human'],
  'workflow_node.not_waiting': [409, 'not_waiting'],
  'workflow_node.already_decided': [409, 'already_decided'],
  'workflow_node.past_deadline': [409, 'past_deadline'],
  'workflow_node.not_assigned': [403, 'not_assigned'],
  'asset.over_quota': [413, 'quota_exceeded'],
  'asset.digest_mismatch': [400, 'digest_mismatch'],
  'asset.range': [416, 'range_not_satisfiable'],
  'encryption_key.in_use': [409, 'master_key_in_use'],
};

/** The word by which this surface names a refusal. */
export const codeOf = (error: AppError): string => (SPECIFIC[error.code] ?? SHOWN[error.kind])[1];

/** Fabric's envelope with evershell's error object in it. */
export function renderError(error: AppError, call: Call, path: string): { status: number; body: unknown } {
  const [status, code] = SPECIFIC[error.code] ?? SHOWN[error.kind];
  const details = error.faults.length > 0 ? { fields: error.faults } : {};
  return {
    status,
    body: refuse(call, { status, path, error: { code, message: error.message, request_id: call.requestId, details } }),
  };
}
