import { randomUUID } from 'node:crypto';
import type { ScriptedRunner } from './scripted-runner.ts';
import type { Server } from './server.ts';
import { until } from './until.ts';
import { native, WorkflowClient } from './workflow-client.ts';

/** Something of everything that an organization can have, and the word that all of it contains. */
export type Estate = {
  canary: string;
  evalId: string;
  deadLetterId: string;
  keyId: string;
  assetId: string;
  doomedAssetId: string;
  /** The organization itself. */
  orgId: string;
  definitionId: string;
  runId: string;
  /** A run whose node `ask` waits for a decision. */
  askedRunId: string;
  jobId: string;
  /** The workflow of its schedules. */
  workflowName: string;
  scheduleId: string;
  doomedScheduleId: string;
} & People &
  Kept &
  Captured;

/** What the vault keeps for an organization. */
type Kept = {
  budgetId: string;
  doomedBudgetId: string;
  secretName: string;
  doomedSecretName: string;
  credentialId: string;
  doomedCredentialId: string;
  modelProviderId: string;
  doomedModelProviderId: string;
  webhookId: string;
  doomedWebhookId: string;
  deliveryId: string;
};

/** Calls to a model, as an organization keeps them. */
type Captured = { captureId: string; doomedCaptureId: string };

/** Who and what is in an organization. The doomed are there for routes that take something away. */
type People = {
  memberId: string;
  doomedMemberId: string;
  teamId: string;
  doomedTeamId: string;
  invitationId: string;
  customRoleId: string;
  doomedRoleId: string;
  serviceAccountId: string;
  doomedAccountId: string;
  providerId: string;
  doomedProviderId: string;
};

/** Things that nobody has: enough to see whether a caller is let in. */
export const NOTHING: Estate = {
  canary: '',
  evalId: 'eval_20250629_123456_abc123',
  deadLetterId: 'eval_20250629_123456_abc123',
  keyId: randomUUID(),
  assetId: randomUUID(),
  doomedAssetId: randomUUID(),
  orgId: randomUUID(),
  memberId: randomUUID(),
  doomedMemberId: randomUUID(),
  teamId: randomUUID(),
  doomedTeamId: randomUUID(),
  invitationId: randomUUID(),
  customRoleId: randomUUID(),
  doomedRoleId: randomUUID(),
  serviceAccountId: randomUUID(),
  doomedAccountId: randomUUID(),
  providerId: randomUUID(),
  doomedProviderId: randomUUID(),
  budgetId: randomUUID(),
  doomedBudgetId: randomUUID(),
  secretName: randomUUID(),
  doomedSecretName: randomUUID(),
  credentialId: randomUUID(),
  doomedCredentialId: randomUUID(),
  modelProviderId: randomUUID(),
  doomedModelProviderId: randomUUID(),
  webhookId: randomUUID(),
  doomedWebhookId: randomUUID(),
  deliveryId: randomUUID(),
  definitionId: randomUUID(),
  runId: randomUUID(),
  askedRunId: randomUUID(),
  jobId: randomUUID(),
  workflowName: 'nobody-has-this',
  scheduleId: randomUUID(),
  doomedScheduleId: randomUUID(),
  captureId: randomUUID(),
  doomedCaptureId: randomUUID(),
};

/** Gives an organization one of everything; `canary` is in every text that a caller or a program can choose. */
export async function addEstate(
  server: Server,
  runner: ScriptedRunner,
  { apiKey, canary }: { apiKey: string; canary: string },
): Promise<Estate> {
  const assay = server.sdk(apiKey);
  const request = { code: `print('${canary}')`, env: { NAME: canary }, metadata: { canary }, outputs: ['*'] };
  const { eval_id: evalId } = await assay.evaluations.submit(request);
  const file = { path: `${canary}.txt`, size: canary.length, content: Buffer.from(canary).toString('base64') };
  runner.report(await runner.lease(evalId), canary, { files: [file] });
  await assay.evaluations.waitForEnd(evalId, { within: 15_000 });
  const assetId = (await assay.evaluations.get(evalId)).files[0]?.asset_id;
  if (assetId === undefined) throw new Error('The file that the program left did not become an asset.');

  const { eval_id: deadLetterId } = await assay.evaluations.submit(request);
  for (let attempt = 1, fence = 0; attempt <= 3; attempt++) {
    const lease = await runner.lease(deadLetterId, { after: fence });
    fence = lease.fence;
    runner.report(lease, '', { reason: 'setup_failed', message: canary });
  }
  await assay.evaluations.waitForEnd(deadLetterId, { within: 15_000 });
  const { api_key } = await assay.apiKeys.create({ name: canary, scopes: ['events:read'] });
  const { organization_id } = await assay.me();
  const orgId = organization_id ?? '';
  const people = await addPeople(server, { apiKey, canary, orgId });
  for (const teamId of [people.teamId, people.doomedTeamId]) await addModelPolicy(server, { apiKey, canary, teamId });
  const kept = await addKept(server, { apiKey, canary, orgId });
  const workflow = await addWorkflow(server, { apiKey, canary });
  const doomedAssetId = await addFile(server, { apiKey, canary });
  const captures = await addCaptures(server, { apiKey, canary, orgId });
  const askedRunId = await addQuestion(server, { apiKey, canary });
  const all = { ...workflow, askedRunId, ...people, ...kept, ...captures };
  return { ...all, canary, evalId, deadLetterId, keyId: api_key.id, assetId, doomedAssetId, orgId };
}

/** A file that is uploaded, by the name of the word and full of it. */
async function addFile(server: Server, { apiKey, canary }: { apiKey: string; canary: string }): Promise<string> {
  const headers = { 'content-type': 'text/plain' };
  const answer = await server.as(apiKey).post(`/v1/assets?filename=${canary}.txt`, canary, headers);
  if (answer.status !== 201) throw new Error(`Uploading was answered with ${answer.status}: ${answer.text}`);
  return (answer.body as { data: { asset: { id: string } } }).data.asset.id;
}

/** A run that goes on for longer than any test once somebody has decided. */
async function addQuestion(server: Server, { apiKey, canary }: { apiKey: string; canary: string }): Promise<string> {
  const as = new WorkflowClient(server, apiKey);
  const name = `q-${randomUUID()}`;
  const wait = native('wait', 'delay', { ms: 86_400_000 }, { depends_on: ['ask'] });
  await as.define({ name, nodes: [native('ask', 'human', { title: canary }), wait] });
  const id = await as.start(name, { canary });
  await as.nodeIs(id, 'ask', 'waiting');
  return id;
}

/**
 * A definition, a run and a job that wait for longer than any test, and schedules of another definition that fire too
 * seldom for one.
 */
async function addWorkflow(
  server: Server,
  { apiKey, canary }: { apiKey: string; canary: string },
): Promise<Pick<Estate, 'definitionId' | 'runId' | 'jobId' | 'workflowName' | 'scheduleId' | 'doomedScheduleId'>> {
  const wait = { key: 'wait', runtime: 'native', operation: 'delay', config: { ms: 86_400_000 }, inputs: { canary } };
  const body = { name: `w-${randomUUID()}`, description: canary, nodes: [wait] };
  const made = await server.as(apiKey).post('/v1/workflow-definitions', body);
  const scheduled = { ...body, name: `w-${randomUUID()}` };
  await server.as(apiKey).post('/v1/workflow-definitions', scheduled);
  const { workflow_definition } = (made.body as { data: { workflow_definition: { id: string } } }).data;
  const run = { workflow_definition_id: workflow_definition.id, input: { canary } };
  const begun = await server.as(apiKey).post('/v1/workflow-runs', run);
  const { workflow_run } = (begun.body as { data: { workflow_run: { id: string } } }).data;
  const later = new Date(Date.now() + 86_400_000).toISOString();
  const job = await server.as(apiKey).post('/v1/jobs', { modality: 'noop', input: canary, run_at: later });
  const { data } = job.body as { data: { job_id: string } };
  const schedule = async (): Promise<string> => {
    const rarely = {
      name: `${canary} ${randomUUID()}`,
      workflow_name: scheduled.name,
      cron: '@yearly',
      input: { canary },
    };
    const kept = await server.as(apiKey).post('/v1/workflow-schedules', rarely);
    return (kept.body as { data: { workflow_schedule: { id: string } } }).data.workflow_schedule.id;
  };
  const schedules = { scheduleId: await schedule(), doomedScheduleId: await schedule() };
  return {
    definitionId: workflow_definition.id,
    runId: workflow_run.id,
    jobId: data.job_id,
    workflowName: scheduled.name,
    ...schedules,
  };
}

async function addModelPolicy(server: Server, of: { apiKey: string; canary: string; teamId: string }): Promise<void> {
  const path = `/v1/model-policies/team/${of.teamId}`;
  const answer = await server.as(of.apiKey).send('PUT', path, { body: { models: [of.canary] } });
  if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}: ${answer.text}`);
}

/** Secrets, credentials, budgets and a price, made over the API. */
async function addKept(server: Server, of: { apiKey: string; canary: string; orgId: string }): Promise<Kept> {
  const { apiKey, canary, orgId } = of;
  const post = async <Data>(path: string, body: object): Promise<Data> => {
    const answer = await server.as(apiKey).post(path, body);
    if (answer.status >= 300) throw new Error(`${path} was answered with ${answer.status}: ${answer.text}`);
    return (answer.body as { data: Data }).data;
  };
  const secret = async (): Promise<string> => {
    // A refusal repeats the path that was asked for, so the name in it says nothing.
    const body = { name: `secret-${randomUUID()}`, description: canary, value: canary };
    return (await post<{ secret: { name: string } }>('/v1/secrets', body)).secret.name;
  };
  const credential = async (): Promise<string> => {
    const endpoints = {
      authorization_endpoint: `https://${canary}.example/authorize`,
      token_endpoint: `https://${canary}.example/token`,
    };
    const body = {
      name: `${canary}-${randomUUID()}`,
      kind: 'oauth2_authorization_code',
      provider_config: { client_id: canary, ...endpoints },
      secret: { client_secret: canary },
    };
    return (await post<{ credential: { id: string } }>('/v1/credentials', body)).credential.id;
  };
  const budget = async (): Promise<string> => {
    const body = {
      name: canary,
      scope: { kind: 'project', id: randomUUID() },
      period: 'month',
      limit_micros: 1_000_000,
    };
    return (await post<{ budget: { id: string } }>('/v1/budgets', body)).budget.id;
  };
  const provider = async (): Promise<string> => {
    const named = { name: `${canary.toLowerCase()}-${randomUUID()}`, display_name: canary };
    // A name that nobody has, so that a test of it calls nobody.
    const address = { base_url: 'https://nobody.invalid/v1' };
    const body = { ...named, ...address, kind: 'openai', api_key: canary, default_model: canary };
    return (await post<{ provider: { id: string } }>('/v1/providers', body)).provider.id;
  };
  const webhook = async (): Promise<string> => {
    // Nothing is ever sent there: it is an address that may not be called.
    const body = { url: `https://localhost:1/${canary}`, description: canary, subjects: [canary] };
    return (await post<{ webhook: { id: string } }>('/v1/webhooks', body)).webhook.id;
  };
  const webhookId = await webhook();
  const { delivery } = await post<{ delivery: { id: string } }>(`/v1/webhooks/${webhookId}/test`, {});
  await until('the test message is given up', async () => {
    const { text } = await server.as(apiKey).get(`/v1/webhooks/${webhookId}/deliveries/${delivery.id}`);
    return text.includes('"status":"failed"');
  });
  const price = { rates: { input: 1_000_000, output: 2_000_000 } };
  const priced = await server
    .as(apiKey)
    .send('PUT', `/v1/organizations/${orgId}/prices/house/our-model`, { body: price });
  if (priced.status !== 200) throw new Error(`Setting a price was answered with ${priced.status}: ${priced.text}`);
  return {
    budgetId: await budget(),
    doomedBudgetId: await budget(),
    secretName: await secret(),
    doomedSecretName: await secret(),
    credentialId: await credential(),
    doomedCredentialId: await credential(),
    modelProviderId: await provider(),
    doomedModelProviderId: await provider(),
    webhookId,
    doomedWebhookId: await webhook(),
    deliveryId: delivery.id,
  };
}

/** Says the word to a model, in an organization that keeps what is said. */
async function addCaptures(
  server: Server,
  { apiKey, canary, orgId }: { apiKey: string; canary: string; orgId: string },
): Promise<Captured> {
  const client = server.as(apiKey);
  const policy = await client.send('PUT', `/v1/organizations/${orgId}/capture-policy`, { body: { is_on: true } });
  if (policy.status !== 200) throw new Error(`Setting a capture policy was answered with ${policy.text}`);
  for (const name of ['echo', 'echo@2']) {
    const said = await client.post('/v1/providers/execute', { model: name, input: canary });
    if (said.status !== 200) throw new Error(`Asking ${name} was answered with ${said.text}`);
  }
  const [first, second] = await until('both calls are captured', async () => {
    const { body } = await client.get(`/v1/organizations/${orgId}/captures`);
    const { captures } = (body as { data: { captures: { id: string }[] } }).data;
    return captures.length === 2 ? captures : null;
  });
  return { captureId: first?.id ?? '', doomedCaptureId: second?.id ?? '' };
}

/** Members, a team, an invitation, roles and accounts of an organization, made over the API. */
async function addPeople(server: Server, of: { apiKey: string; canary: string; orgId: string }): Promise<People> {
  const { apiKey, canary, orgId } = of;
  const post = async <Data>(path: string, body: object, by = server.as(apiKey)): Promise<Data> => {
    const answer = await by.post(path, body);
    if (answer.status >= 300) throw new Error(`${path} was answered with ${answer.status}: ${answer.text}`);
    return (answer.body as { data: Data }).data;
  };
  const invite = (role: string) =>
    post<Invited>('/v1/invitations', { email: `${randomUUID()}@${canary}.example`, role });
  const join = async (): Promise<string> => {
    const { invitation, accept_url } = await invite('viewer');
    const token = new URL(accept_url ?? '').searchParams.get('token');
    const account = { token, name: canary, password: `the ${canary} flies at dawn` };
    return (await post<{ user_id: string }>(`/v1/invitations/${invitation.id}/accept`, account, server.anonymous))
      .user_id;
  };
  const team = async (): Promise<string> =>
    (await post<{ team: { id: string } }>('/v1/teams', { name: `${canary} ${randomUUID()}` })).team.id;
  const customRole = async (): Promise<string> => {
    const body = { name: `${canary} ${randomUUID()}`, description: canary, scopes: [] };
    const made = await post<{ custom_role: { id: string } }>(`/v1/organizations/${orgId}/custom-roles`, body);
    return made.custom_role.id;
  };
  const account = async (): Promise<string> => {
    const body = { name: canary, description: canary, role: 'viewer' };
    return (await post<{ service_account: { id: string } }>('/v1/service-accounts', body)).service_account.id;
  };
  const provider = async (domain: string): Promise<string> => {
    const body = { name: canary, issuer: 'https://issuer.example', client_id: canary, domains: [domain] };
    const made = await post<{ identity_provider: { id: string } }>(
      `/v1/organizations/${orgId}/identity-providers`,
      body,
    );
    return made.identity_provider.id;
  };
  const [memberId, teamId] = [await join(), await team()];
  const seated = await server.as(apiKey).send('PUT', `/v1/teams/${teamId}/members/${memberId}`, { body: {} });
  if (seated.status !== 200) throw new Error(`Nobody could be put into a team: ${seated.text}`);
  return {
    memberId,
    doomedMemberId: await join(),
    teamId,
    doomedTeamId: await team(),
    invitationId: (await invite('viewer')).invitation.id,
    customRoleId: await customRole(),
    doomedRoleId: await customRole(),
    serviceAccountId: await account(),
    doomedAccountId: await account(),
    providerId: await provider(`${canary}.example`),
    doomedProviderId: await provider(`doomed.${canary}.example`),
  };
}

type Invited = { invitation: { id: string }; accept_url: string | null };
