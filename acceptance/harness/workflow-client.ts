import { type WorkflowApproval, WorkflowDefinition, WorkflowRun, WorkflowRunNode } from '@assay/contract';
import { expect } from 'vitest';
import type { Answer, Client } from './client.ts';
import type { Server } from './server.ts';
import { until } from './until.ts';

/** What an answer of the control surface holds. */
export function dataOf<Data>(answer: Answer, status = 200): Data {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Data }).data;
}

/** Status and code of a refusal. */
export const refusalOf = ({ status, body }: Answer): string =>
  `${status} ${(body as { error: { code: string } | null }).error?.code}`;

/** A node of Assay's own. */
export const native = (key: string, operation: string, config: object = {}, more: object = {}) => ({
  key,
  runtime: 'native',
  operation,
  config,
  ...more,
});

const ENDS: readonly string[] = ['completed', 'failed', 'cancelled'];

/** Makes workflows as one caller, and looks at what becomes of them. */
export class WorkflowClient {
  readonly client: Client;
  readonly #follow: (path: string) => Promise<Response>;

  constructor(server: Server, apiKey = server.credentials.apiKey) {
    this.client = server.as(apiKey);
    this.#follow = (path) => fetch(server.url + path, { headers: { 'x-api-key': apiKey } });
  }

  async define(body: object): Promise<WorkflowDefinition> {
    const answer = await this.client.post('/v1/workflow-definitions', body);
    return WorkflowDefinition.parse(dataOf<{ workflow_definition: unknown }>(answer, 201).workflow_definition);
  }

  /** Starts a run of a definition of that name. */
  async start(name: string, input: object = {}, headers: Record<string, string> = {}): Promise<string> {
    const answer = await this.client.post('/v1/workflow-runs', { name, input, start: true }, headers);
    return dataOf<{ workflow_run: { id: string } }>(answer, 201).workflow_run.id;
  }

  async run(id: string): Promise<WorkflowRun> {
    const answer = await this.client.get(`/v1/workflow-runs/${id}`);
    return WorkflowRun.parse(dataOf<{ workflow_run: unknown }>(answer).workflow_run);
  }

  ended(id: string): Promise<WorkflowRun> {
    return until('the run ends', async () => {
      const run = await this.run(id);
      return ENDS.includes(run.state) ? run : null;
    });
  }

  async node(id: string, key: string): Promise<WorkflowRunNode> {
    const { nodes } = dataOf<{ nodes: unknown[] }>(await this.client.get(`/v1/workflow-runs/${id}/nodes`));
    const found = nodes.map((node) => WorkflowRunNode.parse(node)).find((node) => node.key === key);
    return found ?? expect.unreachable(`The run has no node ${key}.`);
  }

  /** A node, once it stands so. */
  nodeIs(id: string, key: string, state: WorkflowRunNode['state']): Promise<WorkflowRunNode> {
    return until(`${key} is ${state}`, async () => {
      const node = await this.node(id, key);
      return node.state === state ? node : null;
    });
  }

  complete(id: string, key: string, body: object): Promise<Answer> {
    return this.client.post(`/v1/workflow-runs/${id}/nodes/${key}/complete`, body);
  }

  act(id: string, what: 'start' | 'cancel' | 'pause' | 'resume' | 'retry'): Promise<Answer> {
    return this.client.post(`/v1/workflow-runs/${id}/${what}`);
  }

  /** What waits for the caller's decision, of one run. */
  async approvals(runId: string): Promise<WorkflowApproval[]> {
    const answer = await this.client.get('/v1/workflow-approvals?limit=200');
    const all = dataOf<{ workflow_approvals: WorkflowApproval[] }>(answer).workflow_approvals;
    return all.filter(({ workflow_run_id }) => workflow_run_id === runId);
  }

  /** The events of a run that has ended, of one type. */
  async events(id: string, type: string): Promise<Record<string, unknown>[]> {
    const text = await (await this.#follow(`/v1/workflow-runs/${id}/events`)).text();
    return [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)]
      .filter(([, name]) => name === type)
      .map(([, , data]) => (JSON.parse(String(data)) as { data: Record<string, unknown> }).data);
  }
}
