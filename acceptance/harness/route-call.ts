import { randomUUID } from 'node:crypto';
import type { Route } from '@assay/contract';
import type { Answer, Client } from './client.ts';
import type { Estate } from './estate.ts';
import type { Credentials } from './server.ts';

/** A well-formed call of a route, aimed at the things of one organization. */
export type RouteCall = { method: string; path: string; body: object | undefined };

/** Which of an organization's things stands for a route's parameter, by the start of its path; the first that fits. */
const TARGETS: readonly [prefix: string, of: (estate: Estate, parameter: string, method: string) => string][] = [
  ['/v1/organizations/', organizationTarget],
  ['/v1/teams/{id}/members/', ({ teamId, memberId }, parameter) => (parameter === 'user_id' ? memberId : teamId)],
  ['/v1/teams/', ({ teamId, doomedTeamId }, _parameter, method) => (method === 'DELETE' ? doomedTeamId : teamId)],
  ['/v1/invitations/', ({ invitationId }) => invitationId],
  [
    '/v1/service-accounts/',
    ({ serviceAccountId, doomedAccountId }, _parameter, method) =>
      method === 'DELETE' ? doomedAccountId : serviceAccountId,
  ],
  ['/v1/users/', ({ memberId }) => memberId],
  // Of whoever asks; nobody has this one.
  ['/v1/me/', ({ memberId }) => memberId],
  ['/api/dead-letters/', ({ deadLetterId }) => deadLetterId],
  ['/api/eval', ({ evalId }) => evalId],
  [
    '/v1/budgets/',
    ({ budgetId, doomedBudgetId }, _parameter, method) => (method === 'DELETE' ? doomedBudgetId : budgetId),
  ],
  ['/v1/api-keys/', ({ keyId }) => keyId],
  [
    '/v1/providers/',
    ({ modelProviderId, doomedModelProviderId }, _parameter, method) =>
      method === 'DELETE' ? doomedModelProviderId : modelProviderId,
  ],
  [
    '/v1/model-policies/',
    ({ teamId, doomedTeamId }, parameter, method) =>
      parameter === 'subject_kind' ? 'team' : method === 'DELETE' ? doomedTeamId : teamId,
  ],
  ['/v1/workflow-definitions/', ({ definitionId }) => definitionId],
  ['/v1/workflow-runs/{id}/nodes/{key}/approval', askedTarget],
  ['/v1/workflow-runs/{id}/nodes/{key}/complete', askedTarget],
  ['/v1/workflow-runs/{id}/pause', askedTarget],
  ['/v1/workflow-runs/{id}/resume', askedTarget],
  ['/v1/workflow-runs/', ({ runId }, parameter) => (parameter === 'key' ? 'wait' : runId)],
  ['/v1/jobs/', ({ jobId }) => jobId],
  [
    '/v1/workflow-schedules/',
    ({ scheduleId, doomedScheduleId }, _parameter, method) => (method === 'DELETE' ? doomedScheduleId : scheduleId),
  ],
  ['/v1/assets/', ({ assetId, doomedAssetId }, _parameter, method) => (method === 'DELETE' ? doomedAssetId : assetId)],
  [
    '/v1/secrets/',
    ({ secretName, doomedSecretName }, _parameter, method) => (method === 'DELETE' ? doomedSecretName : secretName),
  ],
  [
    '/v1/webhooks/',
    ({ webhookId, doomedWebhookId, deliveryId }, parameter, method) =>
      parameter === 'delivery_id' ? deliveryId : method === 'DELETE' ? doomedWebhookId : webhookId,
  ],
  [
    '/v1/credentials/',
    ({ credentialId, doomedCredentialId }, _parameter, method) =>
      method === 'DELETE' ? doomedCredentialId : credentialId,
  ],
];

function askedTarget({ askedRunId }: Estate, parameter: string): string {
  return parameter === 'key' ? 'ask' : askedRunId;
}

function organizationTarget(estate: Estate, parameter: string, method: string): string {
  const isDoomed = method === 'DELETE';
  if (parameter === 'provider_id') return isDoomed ? estate.doomedProviderId : estate.providerId;
  if (parameter === 'user_id') return isDoomed ? estate.doomedMemberId : estate.memberId;
  if (parameter === 'capture_id') return isDoomed ? estate.doomedCaptureId : estate.captureId;
  if (parameter === 'role_id') return isDoomed ? estate.doomedRoleId : estate.customRoleId;
  // A model that the organization set a price for.
  if (parameter === 'provider') return 'house';
  if (parameter === 'model') return 'our-model';
  return estate.orgId;
}

/** What routes about accounts are sent; whether it is accepted is for tests of their own. */
const OWN_ACCOUNT_BODIES: Readonly<Record<string, () => object>> = {
  'identity.password.forgot': () => ({ email: 'nobody@example.test' }),
  'identity.password.reset': () => ({ token: 'ot_nobody-has-this', password: 'seventeen green hats' }),
  'identity.password.change': () => ({ current_password: 'wrong', password: 'seventeen green hats' }),
  'identity.account.sign_up': () => ({ email: 'new@example.test', name: 'New', password: 'seventeen green hats' }),
  'identity.account.confirm': () => ({ token: 'ot_nobody-has-this' }),
  'identity.email.change': () => ({ email: 'new@example.test', password: 'wrong' }),
  'identity.email.confirm': () => ({ token: 'ot_nobody-has-this' }),
  'identity.profile.update': () => ({ name: 'Renamed' }),
  'identity.totp.confirm': () => ({ code: '000000' }),
  'identity.totp.renew_codes': () => ({ code: '000000' }),
  'identity.totp.disable': () => ({ code: '000000' }),
  'identity.passkey.register': () => ({
    name: 'Laptop',
    response: {
      id: 'AA',
      rawId: 'AA',
      type: 'public-key',
      response: { clientDataJSON: 'e30', attestationObject: 'AA' },
    },
  }),
};

/** What routes are sent. An address and a name are new each time: a second call is not the first one again. */
const BODIES: Readonly<Record<string, (estate: Estate) => object>> = {
  'providers.provider.create': ({ canary }) => ({
    name: `p-${randomUUID()}`,
    kind: 'openai',
    api_key: canary || 'key',
  }),
  'providers.provider.update': ({ canary }) => ({ display_name: canary || 'Changed' }),
  'providers.provider.test': () => ({}),
  'providers.model_policy.set': () => ({ models: ['*'] }),
  'tenancy.organization.create': () => ({ name: `Organization ${randomUUID()}` }),
  'tenancy.organization.update': ({ canary }) => ({ name: canary || 'Organization' }),
  'tenancy.billing.set': () => ({ posture: 'active' }),
  'assets.quota.set': () => ({ quota_bytes: null }),
  'tenancy.billing.receive': ({ orgId }) => ({
    type: 'organization.billing.updated',
    data: { organization_id: orgId, posture: 'active' },
  }),
  // A role of no scopes: nobody lacks what it gives.
  'tenancy.membership.create': ({ customRoleId }) => ({ ...someoneNew(), custom_role_id: customRoleId }),
  'tenancy.membership.update': ({ customRoleId }) => ({ role: 'viewer', custom_role_id: customRoleId }),
  'tenancy.invitation.create': ({ customRoleId }) => ({ ...someoneNew(), custom_role_id: customRoleId }),
  'tenancy.invitation.accept': () => ({ token: 'it_nobody-has-this' }),
  'tenancy.invitation.decline': () => ({ token: 'it_nobody-has-this' }),
  'tenancy.team.create': () => ({ name: `Team ${randomUUID()}` }),
  'tenancy.team.update': () => ({ description: 'Changed.' }),
  'tenancy.team_member.put': () => ({ role: 'member' }),
  'tenancy.custom_role.create': () => ({ name: `Role ${randomUUID()}`, scopes: [] }),
  'tenancy.custom_role.update': () => ({ description: 'Changed.' }),
  'tenancy.service_account.create': ({ customRoleId }) => ({
    name: 'Robot',
    role: 'viewer',
    custom_role_id: customRoleId,
  }),
  'tenancy.service_account.update': () => ({ description: 'Changed.' }),
  'tenancy.user.erase_me': () => ({ email: 'somebody@else.example' }),
  'evaluations.evaluation.submit': () => ({ code: 'print(1)' }),
  'evaluations.batch.submit': () => ({ evaluations: [{ code: 'print(1)' }] }),
  ...OWN_ACCOUNT_BODIES,
  'identity.provider.create': ({ canary }) => ({
    name: canary || 'Issuer',
    issuer: 'https://issuer.example',
    client_id: 'assay',
    domains: [`${randomUUID()}.example`],
  }),
  'identity.provider.update': ({ canary }) => ({ name: `${canary} changed` }),
  'identity.provider.verify_domain': ({ canary }) => ({ domain: `${canary || 'nobody'}.example` }),
  'identity.signing_key.rotate': () => ({ distrust: false }),
  'identity.api_key.create': () => ({ name: `Key ${randomUUID()}`, scopes: [] }),
  'identity.api_key.update': () => ({ name: 'Renamed' }),
  'identity.api_key.rotate': () => ({ overlap_seconds: 0 }),
  'captures.policy.set': () => ({ is_on: true }),
  'metering.budget.create': () => ({
    name: 'A budget',
    scope: { kind: 'project', id: randomUUID() },
    period: 'day',
    limit_micros: 1_000_000,
  }),
  'metering.budget.update': () => ({ limit_micros: 2_000_000 }),
  'metering.price.set': () => ({ rates: { input: 1, output: 2 } }),
  'workflows.definition.create': aDefinition,
  'workflows.definition.validate': aDefinition,
  'jobs.job.create': ({ canary }) => ({ modality: 'noop', input: canary || 'Nothing.' }),
  'jobs.dead_letter.replay': () => ({ code: 'nothing.fails_so' }),
  'workflows.schedule.create': ({ canary, workflowName }) => ({
    name: `${canary} ${randomUUID()}`,
    workflow_name: workflowName,
    cron: '@yearly',
  }),
  'workflows.schedule.update': ({ canary }) => ({ input: { canary } }),
  'workflows.run.create': ({ definitionId }) => ({ workflow_definition_id: definitionId, start: true }),
  'workflows.node.complete': () => ({ decision: 'approve' }),
  'vault.secret.create': () => ({ name: `secret-${randomUUID()}`, value: randomUUID() }),
  'vault.secret.replace': () => ({ value: randomUUID() }),
  'vault.credential.create': () => ({
    name: `credential-${randomUUID()}`,
    kind: 'api_key',
    // Their own is what even those may add who may add no other.
    personal: true,
    secret: { api_key: randomUUID() },
  }),
  'vault.credential.start_oauth': () => ({ return_to: '/' }),
  'vault.encryption_key.rotate_master': () => ({ generate: true }),
  'webhooks.webhook.create': ({ canary }) => ({ url: `https://localhost:1/${canary}`, subjects: [randomUUID()] }),
  'webhooks.webhook.update': ({ canary }) => ({ description: canary || 'Changed.' }),
  'webhooks.webhook.enable': () => ({ missed: 'skip' }),
  'webhooks.webhook.rotate_secret': () => ({ overlap_seconds: 60 }),
  'access.decision.check': () => ({ action: 'evaluations:read', resource: { type: 'evaluation' } }),
  'access.decision.check_batch': () => ({
    checks: [{ action: 'evaluations:read', resource: { type: 'evaluation' } }],
  }),
};

/** A workflow of one node that says the canary. */
function aDefinition({ canary }: Estate): object {
  const node = { key: 'say', runtime: 'native', operation: 'noop', inputs: { word: canary }, config: {} };
  return { name: `w-${randomUUID()}`, description: canary, nodes: [node] };
}

/** What routes are sent that are one operation in several wire formats, by their path. */
const CHAT_BODIES: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { model: 'echo', messages: [{ role: 'user', content: 'Hello.' }] },
  '/v1/responses': { model: 'echo', input: 'Hello.' },
  '/v1/embeddings': { model: 'echo', input: 'Hello.' },
  '/v1/messages': { model: 'echo', max_tokens: 10, messages: [{ role: 'user', content: 'Hello.' }] },
  '/v1/messages/count_tokens': { model: 'echo', messages: [{ role: 'user', content: 'Hello.' }] },
  '/v1/providers/execute': { model: 'echo', input: 'Hello.' },
  '/v1/providers/execute/stream': { model: 'echo', input: 'Hello.' },
  '/v1/providers/estimate': { model: 'echo', input: 'Hello.' },
};

/** What routes that ask for more than a path are asked with. */
const QUERIES: Readonly<Record<string, string>> = {
  'audit.inclusion.prove': '?index=0',
  'vault.credential.complete_oauth': '?state=nobody-was-sent-away-with-this',
  'audit.consistency.prove': '?from=0',
  // Nothing is as old as that.
  'captures.capture.delete_all': '?before=2000-01-01T00:00:00Z',
};

const someoneNew = () => ({ email: `${randomUUID()}@invited.example`, role: 'viewer' });

/**
 * Makes the call that a route is meant for. A route that this knows nothing of fails here: whoever adds one says how
 * it is called, and every generated test then holds it.
 */
export function callOf(route: Route, estate: Estate): RouteCall {
  const { method } = route;
  const filled = route.path.replace(/\{(\w+)\}/g, (_braces, parameter: string) => {
    const [, of] = TARGETS.find(([prefix]) => route.path.startsWith(prefix)) ?? [];
    if (!of) throw new Error(`Say in route-call.ts what ${method} ${route.path} is about.`);
    return of(estate, parameter, method);
  });
  const path = filled + (QUERIES[route.operation ?? ''] ?? '');
  if (route.body === undefined) return { method, path, body: undefined };
  const body = CHAT_BODIES[route.path] ?? BODIES[route.operation ?? '']?.(estate);
  if (!body) throw new Error(`Say in route-call.ts what ${method} ${route.path} is sent.`);
  return { method, path, body };
}

export const send = (client: Client, { method, path, body }: RouteCall): Promise<Answer> =>
  client.send(method, path, { body });

/** The name of a route in a test's title. */
export const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

/** Whether a route lets callers in before they are known: it takes what they sign in with. */
export const signsIn = ({ operation }: Route): boolean =>
  /^identity\.(?:login|device|account)\.|^identity\.(?:password\.(?:forgot|reset)|email\.confirm)$|^tenancy\.(?:invitation\.(?:accept|decline)|billing\.receive)$/.test(
    operation ?? '',
  );

/** Whether somebody comes back on a route from where this server sent them: nobody calls it otherwise. */
export const comesBack = ({ operation }: Route): boolean => operation === 'vault.credential.complete_oauth';

/** Whether a route is about the account of whoever is signed in: it is for people, whom no key stands for. */
export const isOwnAccount = ({ operation }: Route): boolean =>
  /^identity\.(?:profile|session|totp|passkey)\.|^identity\.(?:password|email)\.change$/.test(operation ?? '');

/** Whether a route takes away what a generated test goes on living on; such routes have tests of their own. */
export const endsItself = ({ operation }: Route): boolean => ENDING.has(operation ?? '');
const ENDING: ReadonlySet<string> = new Set([
  'tenancy.organization.delete',
  'tenancy.organization.restore',
  'tenancy.membership.leave',
  'tenancy.user.erase_me',
  'identity.session.revoke_all',
]);

/** Signs in with a password, and gives the access token and the refresh token. */
export async function signIn(
  anonymous: Client,
  { email, password }: Pick<Credentials, 'email' | 'password'>,
): Promise<{ accessToken: string; refreshToken: string }> {
  const { status, body } = await anonymous.post('/api/v1/auth/login', { email, password });
  if (status !== 200) throw new Error(`Signing in as ${email} was answered with ${status}.`);
  const { access_token, refresh_token } = body as { access_token: string; refresh_token: string };
  return { accessToken: access_token, refreshToken: refresh_token };
}
