import { createHash } from 'node:crypto';
import { events, type Route, type Routes } from './wire-server.ts';

/*
 * What a server answers, whole, so that a command which reads one more field does not pass by luck.
 */

export const ID = 'eval_20260102_030405_abc123';
const KEY_ID = '11111111-2222-4333-8444-555555555555';

const status = {
  eval_id: ID,
  status: 'completed',
  created_at: '2026-01-02T03:04:05.000Z',
  completed_at: '2026-01-02T03:04:06.000Z',
  output: '42\n',
  error: '',
  success: true,
  exit_code: 0,
  runtime_ms: 12.34,
  output_truncated: false,
  metadata: {},
};

export const record = {
  ...status,
  language: 'python',
  engine: 'bubblewrap',
  engine_asked: 'auto',
  code: 'print(42)',
  priority: 0,
  queue_position: null,
  batch_id: null,
  retry_of: null,
  created_by: { kind: 'api_key', id: KEY_ID },
  started_at: '2026-01-02T03:04:05.500Z',
  attempt: 1,
  reason: null,
  message: null,
  signal: null,
  compile_ms: null,
  cpu_ms: 8,
  memory_peak_mb: 9,
  output_asset_id: null,
  error_asset_id: null,
  files: [],
  limits: {},
  receipt: null,
};

const key = {
  id: KEY_ID,
  name: 'ci',
  prefix: 'sk_abc',
  last_four: 'wxyz',
  scopes: ['evaluations:write'],
  status: 'active',
  created_by: null,
  created_at: '2026-01-02T03:04:05.000Z',
  expires_at: null,
  revoked_at: null,
};

export const budget = {
  id: '22222222-2222-4333-8444-555555555555',
  name: 'Everything',
  scope: { kind: 'team', id: 't1' },
  period: 'month',
  period_start: '2026-01-01T00:00:00.000Z',
  resets_at: '2026-02-01T00:00:00.000Z',
  limit_micros: 20_000_000,
  spent_micros: 1_250_000,
  reserved_micros: 5,
  remaining_micros: 18_749_995,
  thresholds: [50],
  created_by: 'u1',
  created_at: '2026-01-02T03:04:05.000Z',
  updated_at: '2026-01-02T03:04:05.000Z',
};

export const webhook = {
  id: '33333333-2222-4333-8444-555555555555',
  url: 'https://example.com/hook',
  description: '',
  event_types: ['budget.*'],
  subjects: [],
  status: 'enabled',
  disabled_reason: null,
  disabled_at: null,
  consecutive_failures: 0,
  failing_since: null,
  created_by: 'u1',
  hears_as: { kind: 'api_key', id: KEY_ID },
  created_at: '2026-01-02T03:04:05.000Z',
  updated_at: '2026-01-02T03:04:05.000Z',
};

export const delivery = {
  id: '44444444-2222-4333-8444-555555555555',
  webhook_id: webhook.id,
  message_id: 'evt_1',
  event_type: 'budget.exceeded',
  subject: budget.id,
  status: 'failed',
  is_sending: false,
  attempts: 10,
  next_attempt_at: null,
  response_status: 500,
  error: 'It answered 500.',
  created_at: '2026-01-02T03:04:05.000Z',
  ended_at: '2026-01-05T03:04:05.000Z',
};

const sums = {
  records: 3,
  cost_micros: 700,
  estimated_cost_usd: 0.0007,
  overrun_micros: 0,
  input_tokens: 10,
  cache_read_tokens: 2,
  cache_write_tokens: 0,
  output_tokens: 5,
  reasoning_tokens: 1,
  image_tokens: 0,
  audio_tokens: 0,
};
export const usage = {
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-01-31T00:00:00.000Z',
  group_by: ['model'],
  total: sums,
  groups: [{ bucket: null, group: { model: 'gpt-4o' }, ...sums }],
};

export const submitted = {
  eval_id: ID,
  status: 'queued',
  message: 'Evaluation queued successfully',
  queue_position: 3,
};

/** Log frames of a program that wrote `one` and `two`, and an error, and then ended as told. */
export const logFrames = (end: Record<string, unknown> = {}) => [
  { id: '3.0', event: 'output', data: { eval_id: ID, stream: 'stdout', text: 'one' } },
  { id: '3.4', event: 'output', data: { eval_id: ID, stream: 'stderr', text: 'oops' } },
  { id: '6.4', event: 'output', data: { eval_id: ID, stream: 'stdout', text: 'two' } },
  {
    id: '6.4',
    event: 'end',
    data: { eval_id: ID, status: 'completed', exit_code: 0, reason: null, message: null, ...end },
  },
];

const data = (of: unknown): Route => ({ json: { data: of, links: { self: '/' } } });

/** A server where everything works. */
const RUN_ID = '77777777-2222-4333-8444-555555555555';
const DEFINITION_ID = '88888888-2222-4333-8444-555555555555';

const step = (key: string, depends_on: string[], state: string) => ({
  definition: { key, runtime: 'native', operation: 'noop', depends_on, config: {}, inputs: {}, requires: [] },
  stands: {
    key,
    state,
    attempt: 1,
    due_at: null,
    output: null,
    items: null,
    error: null,
    started_at: null,
    completed_at: null,
  },
});
const steps = [
  step('read', [], 'completed'),
  step('check', ['read'], 'completed'),
  step('refine', ['read'], 'failed'),
  step('publish', ['read', 'check', 'refine'], 'cancelled'),
];

export const definition = {
  id: DEFINITION_ID,
  name: 'orders',
  version: 2,
  description: '',
  nodes: steps.map((each) => each.definition),
  input_schema: null,
  timeout_ms: null,
  created_by: 'u1',
  created_at: '2026-01-02T03:04:05.000Z',
  archived_at: null,
};

export const workflowRun = {
  id: RUN_ID,
  workflow_definition: { id: DEFINITION_ID, name: 'orders', version: 2 },
  state: 'completed',
  priority: 0,
  input: { lines: 1 },
  context: { total: 42 },
  error: null as { node: string | null; code: string; message: string } | null,
  created_by: { kind: 'api_key', id: KEY_ID },
  created_at: '2026-01-02T03:04:05.000Z',
  started_at: '2026-01-02T03:04:05.000Z',
  deadline_at: null,
  completed_at: '2026-01-02T03:04:06.000Z',
};

export const job = {
  job_id: '55555555-2222-4333-8444-555555555555',
  workflow_run_id: '55555555-2222-4333-8444-555555555555',
  status: 'completed',
  modality: 'text',
  priority: 0,
  cost_estimate: null,
  request: { modality: 'text', input: 'Hi.' },
  output: { text: 'Hello.' },
  error: null as { code: string; message: string } | null,
  attempts: 1,
  created_by: { kind: 'api_key', id: KEY_ID },
  created_at: '2026-01-02T03:04:05.000Z',
  run_at: null,
  started_at: '2026-01-02T03:04:05.000Z',
  completed_at: '2026-01-02T03:04:06.000Z',
};
const jobSums = { calls: 1, cost_usd: 0.000002, input_tokens: 1, output_tokens: 1 };
const jobUsage = {
  job_id: job.job_id,
  ...jobSums,
  seconds: { waited: 0.1, ran: 1 },
  attempts: 1,
  by_model: [{ provider: 'echo', model: 'echo', ...jobSums }],
};

export const schedule = {
  id: '66666666-2222-4333-8444-555555555555',
  name: 'Nightly',
  workflow_name: 'orders',
  workflow_version: 2,
  cron: '0 3 * * *',
  time_zone: 'Europe/Berlin',
  overlap: 'skip',
  catch_up: 'latest',
  input: {},
  priority: 0,
  start: true,
  status: 'active',
  paused_at: null,
  paused_reason: null,
  next_runs: ['2026-01-03T02:00:00.000Z'],
  acts_as: { kind: 'user', id: 'u1' },
  created_at: '2026-01-02T03:04:05.000Z',
  updated_at: '2026-01-02T03:04:05.000Z',
};
const firing = {
  scheduled_for: '2026-01-02T02:00:00.000Z',
  outcome: 'started',
  workflow_run_id: RUN_ID,
  error: null,
  fired_at: '2026-01-02T02:00:00.000Z',
};

export const approval = {
  workflow_run_id: RUN_ID,
  node: 'release',
  workflow_definition: { id: DEFINITION_ID, name: 'orders', version: 2 },
  run_created_by: { kind: 'api_key', id: KEY_ID },
  title: 'Publish?',
  instructions: '',
  form: null,
  input: { summary: 'Good.' },
  assignee: { role: 'operator' },
  asked_at: '2026-01-02T03:04:05.000Z',
  deadline_at: null,
};

const ASSET_ID = '99999999-2222-4333-8444-555555555555';
const sha256Of = (content: string): string => createHash('sha256').update(content).digest('hex');
export const asset = {
  id: ASSET_ID,
  filename: 'a.txt',
  media_type: 'text/plain',
  size_bytes: 3,
  sha256: sha256Of('abc'),
  created_by: null,
  created_at: '2026-01-02T03:04:05.000Z',
  expires_at: null,
};
/** A download of a file; `sha256`: what it is said to be. */
export const file = (content: string, filename = 'a.txt', sha256 = sha256Of(content)): Route => ({
  text: content,
  headers: {
    'content-type': 'application/octet-stream',
    'content-length': String(Buffer.byteLength(content)),
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`,
    etag: `"${sha256}"`,
  },
});

export const HEALTHY: Routes = {
  'POST /v1/jobs': { status: 202, json: { data: { job: { ...job, status: 'pending', completed_at: null } } } },
  'GET /v1/jobs': { json: { data: { jobs: [job] }, links: { next: '/v1/jobs?cursor=more' } } },
  'GET /v1/jobs/dead-letters': data({ jobs: [job] }),
  'POST /v1/jobs/dead-letters/replay': data({ replayed: 1, job_ids: [job.job_id], next_cursor: null }),
  [`GET /v1/jobs/${job.job_id}`]: data({ job }),
  [`GET /v1/jobs/${job.job_id}/usage`]: data({ usage: jobUsage }),
  [`GET /v1/jobs/${job.job_id}/events`]: events([
    {
      id: '1-6',
      event: 'job.completed',
      data: { type: 'job.completed', occurred_at: job.completed_at, data: {} },
    },
  ]),
  [`POST /v1/jobs/${job.job_id}/cancel`]: data({ job }),
  [`POST /v1/jobs/${job.job_id}/retry`]: data({ job }),
  'POST /v1/workflow-schedules': { ...data({ workflow_schedule: schedule }), status: 201 },
  'GET /v1/workflow-schedules': data({ workflow_schedules: [schedule] }),
  [`GET /v1/workflow-schedules/${schedule.id}`]: data({ workflow_schedule: schedule, firings: [firing] }),
  [`PATCH /v1/workflow-schedules/${schedule.id}`]: data({ workflow_schedule: schedule }),
  [`DELETE /v1/workflow-schedules/${schedule.id}`]: data({ workflow_schedule: schedule }),
  [`POST /v1/workflow-schedules/${schedule.id}/pause`]: data({ workflow_schedule: schedule }),
  [`POST /v1/workflow-schedules/${schedule.id}/resume`]: data({ workflow_schedule: schedule }),
  [`POST /v1/workflow-schedules/${schedule.id}/trigger`]: { ...data({ workflow_run: workflowRun }), status: 201 },
  'GET /v1/workflow-approvals': data({ workflow_approvals: [approval] }),
  [`GET /v1/workflow-runs/${RUN_ID}/nodes/release/approval`]: data({ workflow_approval: approval }),
  [`POST /v1/workflow-runs/${RUN_ID}/nodes/release/complete`]: data({ node: { key: 'release', state: 'completed' } }),
  'POST /v1/assets': { ...data({ asset }), status: 201 },
  'GET /v1/assets': data({ assets: [asset] }),
  [`GET /v1/assets/${ASSET_ID}`]: file('abc'),
  [`DELETE /v1/assets/${ASSET_ID}`]: data({ asset }),

  'POST /v1/workflow-definitions': { status: 201, json: { data: { workflow_definition: definition } } },
  'POST /v1/workflow-definitions/validate': { json: { data: { valid: true, faults: [] } } },
  'GET /v1/workflow-definitions': {
    json: { data: { workflow_definitions: [definition] }, links: { next: '/v1/workflow-definitions?cursor=more' } },
  },
  [`GET /v1/workflow-definitions/${DEFINITION_ID}`]: { json: { data: { workflow_definition: definition } } },
  'POST /v1/workflow-runs': {
    status: 201,
    json: { data: { workflow_run: { ...workflowRun, state: 'running', completed_at: null } } },
  },
  'GET /v1/workflow-runs': { json: { data: { workflow_runs: [workflowRun] }, links: {} } },
  [`GET /v1/workflow-runs/${RUN_ID}`]: { json: { data: { workflow_run: workflowRun } } },
  [`GET /v1/workflow-runs/${RUN_ID}/nodes`]: { json: { data: { nodes: steps.map((each) => each.stands) } } },
  [`GET /v1/workflow-runs/${RUN_ID}/events`]: events([
    {
      id: '1-6',
      event: 'workflow.run.completed',
      data: { type: 'workflow.run.completed', occurred_at: workflowRun.completed_at, data: {} },
    },
  ]),
  [`POST /v1/workflow-runs/${RUN_ID}/cancel`]: { json: { data: { workflow_run: workflowRun } } },
  [`POST /v1/workflow-runs/${RUN_ID}/retry`]: { json: { data: { workflow_run: workflowRun } } },
  'GET /readyz': { json: { status: 'ready', checks: [{ name: 'database', ok: true, detail: 'answers' }] } },
  'GET /api/status': {
    json: {
      platform: 'healthy',
      mode: 'embedded',
      services: { gateway: 'healthy', queue: 'healthy', storage: 'healthy', executor: 'healthy' },
      queue: { queued: 1, processing: 2 },
      storage: { total_evaluations: 3, by_status: {} },
      version: '0.1.0',
    },
  },
  'POST /api/eval': { json: submitted },
  [`GET /api/eval-status/${ID}`]: { json: status },
  [`GET /api/eval/${ID}`]: { json: record },
  [`GET /api/eval/${ID}/logs`]: {
    json: { eval_id: ID, output: '42\n', error: 'oops\n', is_running: false, exit_code: 0, status: 'completed' },
  },
  [`POST /api/eval/${ID}/kill`]: { json: { eval_id: ID, killed: true, message: 'Evaluation terminated successfully' } },
  'GET /api/evaluations': {
    json: {
      evaluations: [{ ...record, code_preview: 'print(42)' }],
      count: 7,
      limit: 1,
      offset: 0,
      has_more: true,
    },
  },
  'GET /api/languages': { json: { languages: [{ language: 'python', version: '3.11', compiled: false }] } },
  'GET /api/engines': {
    json: {
      engines: [
        { engine: 'bubblewrap', level: 'strong', version: '0.8.0', languages: ['python'], auto: true, missing: [] },
      ],
      refused: [{ engine: 'docker', reason: 'It is not installed.', fix: 'Install it.' }],
      default: 'auto',
    },
  },
  'GET /v1/me': data({
    principal: {
      id: KEY_ID,
      kind: 'api_key',
      organization_id: 'o',
      role: 'owner',
      scopes: ['a:read'],
      posture: 'active',
    },
  }),
  'GET /oauth/userinfo': {
    json: { sub: KEY_ID, email: null, name: null, organization_id: 'o', organization_name: null },
  },
  'POST /v1/api-keys': { ...data({ api_key: key, raw_key: 'sk_new' }), status: 201 },
  'GET /v1/api-keys': data({ api_keys: [key] }),
  [`GET /v1/api-keys/${KEY_ID}`]: data({ api_key: key }),
  [`DELETE /v1/api-keys/${KEY_ID}`]: data({ api_key: { ...key, status: 'revoked' } }),
  'GET /v1/budgets': data({ budgets: [budget] }),
  'POST /v1/budgets': { ...data({ budget }), status: 201 },
  [`DELETE /v1/budgets/${budget.id}`]: data({ budget }),
  'GET /v1/webhooks': data({ webhooks: [webhook] }),
  'POST /v1/webhooks': { ...data({ webhook, secret: 'whsec_new' }), status: 201 },
  [`GET /v1/webhooks/${webhook.id}`]: data({ webhook }),
  [`PATCH /v1/webhooks/${webhook.id}`]: data({ webhook }),
  [`DELETE /v1/webhooks/${webhook.id}`]: data({ webhook }),
  [`POST /v1/webhooks/${webhook.id}/disable`]: data({ webhook: { ...webhook, status: 'disabled' } }),
  [`POST /v1/webhooks/${webhook.id}/enable`]: data({ webhook }),
  [`POST /v1/webhooks/${webhook.id}/rotate-secret`]: data({ webhook, secret: 'whsec_next' }),
  [`POST /v1/webhooks/${webhook.id}/test`]: { ...data({ delivery }), status: 202 },
  [`GET /v1/webhooks/${webhook.id}/deliveries`]: data({ deliveries: [delivery] }),
  [`POST /v1/webhooks/${webhook.id}/deliveries/${delivery.id}/redeliver`]: { ...data({ delivery }), status: 202 },
  'GET /v1/organizations/o/usage': data({ usage }),
};

/** One good command line for each command that talks to a server. */
export const LINES: readonly (readonly string[])[] = [
  ['status'],
  ['eval', 'run', '-c', 'print(42)', '--lang', 'python'],
  ['eval', 'get', ID],
  ['eval', 'logs', ID],
  ['eval', 'kill', ID],
  ['eval', 'list', '--limit', '1'],
  ['eval', 'languages'],
  ['eval', 'engines'],
  ['workflows', 'list'],
  ['workflows', 'get', 'orders@2'],
  ['run', 'orders', '--input', '{"lines": 1}'],
  ['runs', 'list', '--state', 'completed'],
  ['runs', 'get', RUN_ID],
  ['runs', 'watch', RUN_ID],
  ['runs', 'cancel', RUN_ID],
  ['runs', 'retry', RUN_ID],
  ['runs', 'graph', RUN_ID],
  ['approvals', 'list'],
  ['approvals', 'get', RUN_ID, 'release'],
  ['approvals', 'approve', RUN_ID, 'release', '-m', 'Fine.', '--values', '{"channel": "web"}'],
  ['approvals', 'reject', RUN_ID, 'release'],
  ['schedules', 'create', 'Nightly', '--workflow', 'orders@2', '--cron', '0 3 * * *'],
  ['schedules', 'list', '--workflow', 'orders'],
  ['schedules', 'get', schedule.id],
  ['schedules', 'update', schedule.id, '--cron', '@daily'],
  ['schedules', 'pause', schedule.id],
  ['schedules', 'resume', schedule.id],
  ['schedules', 'run', schedule.id],
  ['schedules', 'delete', schedule.id, '--yes'],
  ['jobs', 'create', 'Hi.', '--model', 'echo', '--wait'],
  ['jobs', 'list', '--status', 'completed'],
  ['jobs', 'get', job.job_id],
  ['jobs', 'watch', job.job_id],
  ['jobs', 'cancel', job.job_id],
  ['jobs', 'retry', job.job_id],
  ['jobs', 'usage', job.job_id],
  ['jobs', 'dead-letters', '--code', 'provider.unavailable'],
  ['jobs', 'replay', '--code', 'provider.unavailable', '--all'],
  ['assets', 'list'],
  ['assets', 'rm', ASSET_ID, '--yes'],
  ['keys', 'create', 'ci'],
  ['keys', 'list'],
  ['keys', 'revoke', KEY_ID, '--yes'],
  ['usage', '--group-by', 'model'],
  ['budgets', 'list'],
  ['budgets', 'create', 'Everything', '--limit', '20', '--for', 'team:t1'],
  ['budgets', 'delete', budget.id, '--yes'],
  ['webhooks', 'list'],
  ['webhooks', 'create', webhook.url, '--event', 'budget.*'],
  ['webhooks', 'get', webhook.id],
  ['webhooks', 'update', webhook.id, '--event', 'budget.*'],
  ['webhooks', 'test', webhook.id],
  ['webhooks', 'deliveries', webhook.id, '--status', 'failed'],
  ['webhooks', 'redeliver', webhook.id, delivery.id],
  ['webhooks', 'rotate', webhook.id, '--overlap', '60'],
  ['webhooks', 'disable', webhook.id],
  ['webhooks', 'enable', webhook.id, '--with-missed'],
  ['webhooks', 'delete', webhook.id, '--yes'],
  ['whoami'],
  ['api', 'GET', '/v1/me'],
  ['help', 'exit-codes'],
];
