import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NewWorkflowDefinition, NODE_REFERENCE } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';
import { wasmModule } from './harness/wasm-module.ts';
import { dataOf, native, WorkflowClient } from './harness/workflow-client.ts';

/* The examples of the node reference, as they stand there, over a real port and with a real runner. */
const server = await Server.start({
  env: { ASSAY_RATE_LIMITS: 'off', ASSAY_GRPC_PORT: 'off', ASSAY_OUTBOUND_NETWORKS: '127.0.0.1/32' },
});
const shop = createServer((request, response) => {
  request.resume();
  response.writeHead(201, { 'content-type': 'application/json' }).end('{"id": 7}');
});
shop.listen(0, '127.0.0.1');
await once(shop, 'listening');
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  shop.close();
});
const client = server.as();
const workflows = new WorkflowClient(server);

type Operation = keyof typeof NODE_REFERENCE;
type Definition = ReturnType<typeof NewWorkflowDefinition.parse>;

/** A definition around an example: branches need somewhere to go. */
function around(operation: Operation, config?: object): Definition {
  const { example } = NODE_REFERENCE[operation];
  const targets = operation === 'branch' ? ['review', 'accept'] : [];
  return NewWorkflowDefinition.parse({
    name: `reference.${operation}`,
    nodes: [
      { ...example, config: { ...example.config, ...config } },
      ...targets.map((key) => native(key, 'noop', {}, { depends_on: [example.key] })),
    ],
  });
}

type Fault = { field: string; constraint: string; message: string };

/** What would be missing to run it is no fault of an example. */
async function faultsOf(definition: Definition): Promise<Fault[]> {
  const checked = await client.post('/v1/workflow-definitions/validate', definition);
  return dataOf<{ faults: Fault[] }>(checked).faults;
}

describe('the reference of nodes', () => {
  test.each(Object.keys(NODE_REFERENCE) as Operation[])('has an example of `%s` without a fault', async (operation) => {
    expect(NODE_REFERENCE[operation].example.operation).toBe(operation);
    const faults = await faultsOf(around(operation));
    expect(faults.filter(({ constraint }) => constraint !== 'capability')).toEqual([]);
  });

  /** What stands in the place of what an example takes from outside. */
  const replaced: { [operation in Operation]?: () => Promise<object> } = {
    http: async () => ({ url: `http://127.0.0.1:${(shop.address() as AddressInfo).port}/orders/{{order}}/events` }),
    run_module: async () => {
      const answer = await fetch(`${server.url}/v1/assets?filename=module.wasm`, {
        method: 'POST',
        headers: { 'x-api-key': server.credentials.apiKey, 'content-type': 'application/wasm' },
        body: wasmModule({ text: '4\n' }),
      });
      const { data } = (await answer.json()) as { data: { asset: { id: string } } };
      return { asset_id: data.asset.id };
    },
    subworkflow: async () => {
      await workflows.define({ name: 'pricing', nodes: [native('total', 'noop')] });
      return {};
    },
  };
  const fromOutside: ReadonlySet<string> = new Set(['ffmpeg.convert', 'ffmpeg.frame']);

  test.each((Object.keys(NODE_REFERENCE) as Operation[]).filter((operation) => !fromOutside.has(operation)))(
    'says what `%s` gives',
    async (operation) => {
      const definition = around(operation, await replaced[operation]?.());
      await workflows.define(definition);
      const input = operation === 'branch' ? { total: 110 } : {};
      const id = await workflows.start(definition.name, input);
      const { key } = NODE_REFERENCE[operation].example;
      if (operation === 'human') {
        await workflows.nodeIs(id, key, 'waiting');
        dataOf(await workflows.complete(id, key, { decision: 'approve', values: { channel: 'web' } }));
      }
      const run = await workflows.ended(id);
      expect(run.error).toBeNull();
      const { output } = await workflows.node(id, key);
      expect(NODE_REFERENCE[operation].gives.parse(output)).toEqual(output);
    },
  );
});
