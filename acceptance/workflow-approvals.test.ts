import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { dataOf, native, refusalOf, WorkflowClient } from './harness/workflow-client.ts';

/* Human nodes from outside: somebody makes a run, others decide. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const root = server.as();
const maker = new WorkflowClient(server);

/** Somebody else in the organization. */
async function someone(role: string, scopes?: string[]): Promise<{ id: string; as: WorkflowClient }> {
  const made = await root.post('/v1/service-accounts', { name: `The ${role}`, role });
  const { id } = dataOf<{ service_account: { id: string } }>(made, 201).service_account;
  const rights = scopes === undefined ? { permission_set: 'full_access' } : { scopes };
  const key = await root.post('/v1/api-keys', { name: 'Key', service_account_id: id, ...rights });
  return { id, as: new WorkflowClient(server, dataOf<{ raw_key: string }>(key, 201).raw_key) };
}

const FORM = { type: 'object', required: ['amount'], properties: { amount: { type: 'integer', maximum: 100 } } };
const ask = (config: object, more: object = {}) =>
  native(
    'ask',
    'human',
    { title: 'May this be paid?', ...config },
    { inputs: { bill: '$context.input.bill' }, ...more },
  );

/** A run that waits for a decision. */
async function asked(name: string, config: object, more: object = {}): Promise<string> {
  const after = native('after', 'noop', {}, { depends_on: ['ask'], inputs: { said: '$context.ask.decision' } });
  await maker.define({ name, nodes: [ask(config, more), after] });
  const id = await maker.start(name, { bill: 'for tea' });
  await maker.nodeIs(id, 'ask', 'waiting');
  return id;
}

describe('a human node', () => {
  test('waits for the decision of whom it names, and goes on with what they said', async () => {
    const reviewer = await someone('developer', ['workflows:read:own', 'workflows:write:own']);
    const assignee = { user: reviewer.id };
    const id = await asked('by-user', { assignee, form: FORM, instructions: 'Look at the bill.' });
    expect(await maker.approvals(id)).toEqual([]);
    expect(await reviewer.as.approvals(id)).toEqual([
      expect.objectContaining({
        node: 'ask',
        title: 'May this be paid?',
        instructions: 'Look at the bill.',
        form: FORM,
        input: { bill: 'for tea' },
        assignee,
        deadline_at: null,
      }),
    ]);
    const path = `/v1/workflow-runs/${id}/nodes/ask/approval`;
    const { workflow_approval } = dataOf<{ workflow_approval: object }>(await maker.client.get(path));
    expect([workflow_approval]).toEqual(await reviewer.as.approvals(id));
    dataOf(await reviewer.as.client.get(path));
    const stranger = await someone('operator', ['workflows:read:own']);
    expect(refusalOf(await stranger.as.client.get(path))).toBe('404 not_found');
    expect(refusalOf(await maker.complete(id, 'ask', { decision: 'approve' }))).toBe('403 not_assigned');
    const wrong = await reviewer.as.complete(id, 'ask', { decision: 'approve', values: { amount: 101 } });
    expect(wrong).toMatchObject({
      status: 400,
      body: { error: { details: { fields: [{ field: 'values.amount' }] } } },
    });
    const right = { decision: 'approve', values: { amount: 7 }, comment: 'Cheap.' };
    const { node } = dataOf<{ node: object }>(await reviewer.as.complete(id, 'ask', right));
    expect(node).toMatchObject({ state: 'completed', output: { ...right, by: reviewer.id } });
    expect(await maker.ended(id)).toMatchObject({
      state: 'completed',
      context: { ask: right, after: { said: 'approve' } },
    });
    expect(await maker.events(id, 'workflow.node.waiting')).toEqual([
      expect.objectContaining({ node: 'ask', title: 'May this be paid?', assignee, until: null }),
    ]);
    const leaf = await until('it is audited', async () => {
      const { audit_logs } = dataOf<{ audit_logs: { event_type: string }[] }>(
        await root.get(`/v1/audit-logs?filter=target_id=${id}`),
      );
      return audit_logs.find(({ event_type }) => event_type === 'workflow_node.completed');
    });
    expect(leaf).toMatchObject({ detail: { node: 'ask', decision: 'approve' } });
  });

  test('is decided by a team, by a role, and not by the maker where it says so', async () => {
    const operator = await someone('operator');
    const viewer = await someone('viewer');
    const byRole = await asked('by-role', { assignee: { role: 'operator' }, other_than_maker: true });
    expect(refusalOf(await maker.complete(byRole, 'ask', { decision: 'approve' }))).toBe('403 not_assigned');
    expect(refusalOf(await viewer.as.complete(byRole, 'ask', { decision: 'approve' }))).toBe('403 permission_denied');
    expect(await maker.approvals(byRole)).toEqual([]);
    expect(await operator.as.approvals(byRole)).toHaveLength(1);
    dataOf(await operator.as.complete(byRole, 'ask', { decision: 'approve' }));

    const team = dataOf<{ team: { id: string } }>(await root.post('/v1/teams', { name: 'Payers' }), 201).team;
    const byTeam = await asked('by-team', { assignee: { team: team.id } });
    expect(refusalOf(await operator.as.complete(byTeam, 'ask', { decision: 'approve' }))).toBe('403 not_assigned');
    dataOf(await root.send('PUT', `/v1/teams/${team.id}/members/${operator.id}`, { body: { role: 'member' } }));
    expect(await operator.as.approvals(byTeam)).toHaveLength(1);
    dataOf(await operator.as.complete(byTeam, 'ask', { decision: 'approve' }));
    expect(await maker.ended(byTeam)).toMatchObject({ state: 'completed' });
  });

  test('is decided once, and only while it waits', async () => {
    const id = await asked('once', {});
    const twice = await Promise.all([1, 2].map(() => maker.complete(id, 'ask', { decision: 'approve' })));
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 409]);
    await maker.ended(id);
    expect(refusalOf(await maker.complete(id, 'ask', { decision: 'reject' }))).toBe('409 already_decided');
    expect(refusalOf(await maker.client.get(`/v1/workflow-runs/${id}/nodes/ask/approval`))).toBe('409 already_decided');
    expect(refusalOf(await maker.complete(id, 'after', { decision: 'approve' }))).toBe('409 not_human');
    expect(refusalOf(await maker.complete(id, 'nobody', { decision: 'approve' }))).toBe('404 not_found');

    const cancelled = await asked('cancelled', {});
    dataOf(await maker.act(cancelled, 'cancel'));
    expect(refusalOf(await maker.complete(cancelled, 'ask', { decision: 'approve' }))).toBe('409 run_ended');
    expect(await maker.approvals(cancelled)).toEqual([]);

    await maker.define({
      name: 'later',
      nodes: [native('first', 'delay', { ms: 600_000 }), ask({}, { depends_on: ['first'] })],
    });
    const early = await maker.start('later', { bill: '' });
    expect(refusalOf(await maker.complete(early, 'ask', { decision: 'approve' }))).toBe('409 not_waiting');
  });

  test('that is rejected fails, or is a fact to branch on', async () => {
    const failing = await asked('rejected', {});
    expect(dataOf(await maker.complete(failing, 'ask', { decision: 'reject' }))).toMatchObject({
      node: { state: 'failed' },
    });
    expect(await maker.ended(failing)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.rejected' } });
    dataOf(await maker.act(failing, 'retry'));
    await maker.nodeIs(failing, 'ask', 'waiting');
    dataOf(await maker.complete(failing, 'ask', { decision: 'approve' }));
    expect(await maker.ended(failing)).toMatchObject({ state: 'completed' });

    const going = await asked('branching', { form: FORM, on_reject: 'output' });
    dataOf(await maker.complete(going, 'ask', { decision: 'reject', comment: 'No.' }));
    expect(await maker.ended(going)).toMatchObject({ state: 'completed', context: { after: { said: 'reject' } } });
  });

  test('that nobody decides in time fails, or goes on with what it says', async () => {
    const deadline_ms = 1;
    const nodes = [ask({ deadline_ms }), native('after', 'noop')];
    await maker.define({ name: 'too-late', nodes });
    const failing = await maker.start('too-late', { bill: '' });
    expect(await maker.ended(failing)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.not_decided' } });
    expect(refusalOf(await maker.complete(failing, 'ask', { decision: 'approve' }))).toBe('409 already_decided');
    await maker.define({
      name: 'by-default',
      nodes: [ask({ deadline_ms, on_deadline: { output: { decision: 'none' } } })],
    });
    const going = await maker.start('by-default', { bill: '' });
    expect(await maker.ended(going)).toMatchObject({ state: 'completed', context: { ask: { decision: 'none' } } });
  });

  test('waits while the run is paused, and its decision counts when it goes on', async () => {
    const id = await asked('paused', {});
    dataOf(await maker.act(id, 'pause'));
    dataOf(await maker.complete(id, 'ask', { decision: 'approve' }));
    expect(await maker.node(id, 'after')).toMatchObject({ state: 'ready', due_at: null });
    dataOf(await maker.act(id, 'resume'));
    expect(await maker.ended(id)).toMatchObject({ state: 'completed' });
  });
});

test('a form that is no schema, and a run that nobody has, are told', async () => {
  const wrong = { name: 'wrong', nodes: [ask({ form: { type: 'shape' } })] };
  const refused = await root.post('/v1/workflow-definitions', wrong);
  expect(refused).toMatchObject({ body: { error: { details: { fields: [{ field: 'nodes.0.config.form' }] } } } });
  const nowhere = await maker.complete('00000000-0000-4000-8000-000000000000', 'ask', { decision: 'approve' });
  expect(refusalOf(nowhere)).toBe('404 not_found');
  expect(refusalOf(await root.get('/v1/workflow-approvals?cursor=nonsense'))).toBe('400 invalid_cursor');
});

test('what waits is listed in pages, longest first', async () => {
  const ids = [await asked('page-a', {}), await asked('page-b', {}), await asked('page-c', {})];
  const seen: string[] = [];
  let next: string | null = '/v1/workflow-approvals?limit=1';
  while (next !== null) {
    const answer = await root.get(next);
    seen.push(
      ...dataOf<{ workflow_approvals: { workflow_run_id: string }[] }>(answer).workflow_approvals.map(
        (each) => each.workflow_run_id,
      ),
    );
    next = (answer.body as { links: { next?: string } }).links.next ?? null;
  }
  expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
});
