import type { UsageRecord } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { FaultyProvider } from './harness/faulty-provider.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { PROVIDERS, VENDOR_KEY, VendorServer } from './harness/vendors/vendor-server.ts';
import { dataOf, native, WorkflowClient } from './harness/workflow-client.ts';

/* Nodes that ask models, on a server of its own with a provider that does what it is told. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off', ASSAY_OUTBOUND_NETWORKS: 'loopback' },
  awaitReady: false,
});
const provider = await FaultyProvider.start();
const vendors = await VendorServer.start();
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
  await vendors[Symbol.asyncDispose]();
});
const root = server.as();
const workflows = new WorkflowClient(server);
const { organization_id: orgId } = await server.sdk().me();
dataOf(
  await root.post('/v1/providers', {
    name: 'faulty',
    kind: 'openai-compatible',
    base_url: `${provider.url}/openai/v1`,
    api_key: 'k',
    models: [{ id: 'm' }],
  }),
  201,
);

const compatible = PROVIDERS(vendors.url).find(({ name }) => name === 'compatible');
dataOf(await root.post('/v1/providers', { ...compatible, api_key: VENDOR_KEY }), 201);

const chat = (key: string, config: object, more: object = {}) => ({
  key,
  runtime: 'provider',
  operation: 'chat',
  config: { model: 'echo', ...config },
  ...more,
});

/** What was billed for a run. */
async function bills(runId: string): Promise<UsageRecord[]> {
  const path = `/v1/organizations/${orgId}/usage/records?work=${runId}`;
  return dataOf<{ usage_records: UsageRecord[] }>(await root.get(path)).usage_records;
}

async function aKey(body: object): Promise<{ id: string; as: WorkflowClient }> {
  const answer = await root.post('/v1/api-keys', { name: 'Of a workflow', ...body });
  const { api_key, raw_key } = dataOf<{ api_key: { id: string }; raw_key: string }>(answer, 201);
  return { id: api_key.id, as: new WorkflowClient(server, raw_key) };
}

describe('a node that asks a model', () => {
  test('fills its prompt, gives the answer, and is billed to whoever made the run', async () => {
    const maker = await aKey({ permission_set: 'full_access' });
    const config = { prompt: 'Say {{word}} twice.', billed_to: { project: 'words' } };
    await workflows.define({ name: 'say', nodes: [chat('say', config, { inputs: { word: '$context.input.word' } })] });
    const id = await maker.as.start('say', { word: 'tea' });
    expect(await maker.as.ended(id)).toMatchObject({
      state: 'completed',
      context: { say: { text: 'Say tea twice.', stop_reason: 'stop', provider: 'echo', usage: { output_tokens: 3 } } },
    });
    const billed = await until('it is billed', async () => ((await bills(id)).length > 0 ? bills(id) : null));
    expect(billed).toMatchObject([
      {
        work: { type: 'workflow_run', id },
        api_key_id: maker.id,
        project_id: 'words',
        tags: { node: 'say' },
        outcome: 'completed',
      },
    ]);
    const leaf = await until('it is audited', async () => {
      const answer = await root.get('/v1/audit-logs?filter=event_type=chat.requested');
      const { audit_logs } = dataOf<{ audit_logs: { principal: { id: string } }[] }>(answer);
      return audit_logs.find(({ principal }) => principal.id === maker.id);
    });
    expect(leaf).toMatchObject({ principal: { kind: 'api_key' }, detail: { model: 'echo' } });
  });

  test('asks a whole conversation, or what its input says', async () => {
    const messages = [
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'Two' },
      { role: 'user', content: 'Three' },
    ];
    const nodes = [
      chat('turns', { system: 'Be short.' }, { inputs: { messages: '$context.input.messages' } }),
      chat('list', {}, { inputs: { prompt: [1, 2] } }),
      chat('none', {}, { policy: { on_error: 'continue' } }),
    ];
    await workflows.define({ name: 'conversation', nodes });
    const id = await workflows.start('conversation', { messages });
    expect(await workflows.ended(id)).toMatchObject({ context: { turns: { text: 'Three' }, list: { text: '[1,2]' } } });
    expect(await workflows.node(id, 'none')).toMatchObject({
      state: 'failed',
      error: { code: 'workflow_node.nothing_to_ask' },
    });
  });

  test('reads JSON, fenced as well, and asks again where it is none or does not fit', async () => {
    const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
    const json = (key: string, prompt: string, more: object = {}, config: object = {}) =>
      chat(key, { prompt, output: 'json', ...config }, { policy: { on_error: 'continue' }, ...more });
    const vendor = { provider: 'compatible', model: 'test-model', schema };
    vendors.behave = ({ text }) => ({ words: [text], tool: null, counted: { input: 1, output: 1 } });
    const again = { policy: { retries: 1, backoff: { first_ms: 1 }, on_error: 'continue' } };
    const nodes = [
      json('bare', '{"n": 1}'),
      json('fenced', '```json\n{"n": 2}\n```'),
      json('text', 'No.', again),
      json('misfit', '{"n": "x"}', {}, vendor),
      json('fit', '{"n": 3}', {}, vendor),
    ];
    await workflows.define({ name: 'json', nodes });
    const id = await workflows.start('json');
    expect(await workflows.ended(id)).toMatchObject({
      context: { bare: { value: { n: 1 } }, fenced: { value: { n: 2 } }, fit: { value: { n: 3 } } },
    });
    expect(await workflows.node(id, 'text')).toMatchObject({ attempt: 2, error: { code: 'workflow_node.no_json' } });
    expect(await workflows.node(id, 'misfit')).toMatchObject({
      error: { code: 'workflow_node.does_not_fit', faults: [{ field: 'value.n' }] },
    });
    // Each attempt was an answer, and is billed.
    await until('all are billed', async () => (await bills(id)).length === 6);
  });

  test('is stopped at the provider when its run is cancelled, and pays for what was said until then', async () => {
    provider.expect('endless', { tries: ['endless'], pieces: 1, paceMs: 5, input: 3 });
    await workflows.define({
      name: 'endless',
      nodes: [chat('ask', { model: 'm', prompt: 'call endless.', params: { max_tokens: 10_000 } })],
    });
    const id = await workflows.start('endless');
    await until('the provider speaks', () => provider.served('endless').sent > 3);
    dataOf(await workflows.act(id, 'cancel'));
    const [bill] = await until('it is billed', async () => ((await bills(id)).length > 0 ? bills(id) : null));
    expect(bill).toMatchObject({ outcome: 'cancelled', is_estimated: true, work: { type: 'workflow_run', id } });
    expect(bill?.output_tokens).toBeGreaterThan(2);
    expect(bill?.output_tokens).toBeLessThan(10_000);
    const { sent } = provider.served('endless');
    await until('the provider has stopped', () => provider.open === 0);
    expect(provider.served('endless').sent).toBeLessThan(sent + 100);
  });

  test('that failed is asked again when its run is retried', async () => {
    provider.expect('broken', { tries: ['unauthorized', 'none'], pieces: 2, paceMs: 1, input: 3 });
    await workflows.define({ name: 'broken', nodes: [chat('ask', { model: 'm', prompt: 'call broken.' })] });
    const id = await workflows.start('broken');
    expect(await workflows.ended(id)).toMatchObject({ state: 'failed', error: { node: 'ask' } });
    dataOf(await workflows.act(id, 'retry'));
    expect(await workflows.ended(id)).toMatchObject({ state: 'completed', context: { ask: { text: ' the the' } } });
    const billed = await until('it is billed', async () => ((await bills(id)).length > 0 ? bills(id) : null));
    expect(billed.map(({ outcome }) => outcome)).toEqual(['completed']);
  });
});

describe('whoever made the run', () => {
  test('must be allowed to ask models when it is asked', async () => {
    await workflows.define({ name: 'allowed', nodes: [chat('ask', { prompt: 'Hello.' })] });
    const weak = await aKey({ scopes: ['workflows:write', 'workflows:read'] });
    const refused = await weak.as.ended(await weak.as.start('allowed'));
    expect(refused).toMatchObject({ state: 'failed', error: { code: expect.stringMatching(/^access\./) } });

    const nodes = [
      native('wait', 'human', { title: 'Go?' }),
      chat('ask', { prompt: 'Hello.' }, { depends_on: ['wait'] }),
    ];
    await workflows.define({ name: 'revoked', nodes });
    const gone = await aKey({ permission_set: 'full_access' });
    const id = await gone.as.start('revoked');
    await workflows.nodeIs(id, 'wait', 'waiting');
    dataOf(await root.send('DELETE', `/v1/api-keys/${gone.id}`));
    dataOf(await workflows.complete(id, 'wait', { decision: 'approve' }));
    expect(await workflows.ended(id)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.maker_gone' } });
  });

  test('cannot spend more than a budget leaves', async () => {
    const maker = await aKey({ permission_set: 'full_access' });
    dataOf(
      await root.post('/v1/budgets', {
        name: 'Nothing',
        scope: { kind: 'key', id: maker.id },
        period: 'day',
        limit_micros: 1,
      }),
      201,
    );
    const id = await maker.as.start('allowed');
    expect(await maker.as.ended(id)).toMatchObject({
      state: 'failed',
      error: { code: expect.stringMatching(/budget/) },
    });
    expect(await bills(id)).toEqual([]);
  });
});

test('a definition is refused whose prompt names an input that it does not have', async () => {
  const nodes = [chat('ask', { prompt: 'Say {{word}}.', output: 'json', schema: { type: 'shape' } })];
  const refused = await root.post('/v1/workflow-definitions', { name: 'wrong', nodes });
  expect(refused).toMatchObject({
    status: 400,
    body: { error: { details: { fields: [{ field: 'nodes.0.config.prompt' }, { field: 'nodes.0.config.schema' }] } } },
  });
});
