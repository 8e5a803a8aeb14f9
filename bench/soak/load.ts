import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { API_KEY, type RunningAssay } from '../product/running-assay.ts';

const CHAIN = {
  name: 'soak',
  nodes: [
    { key: 'first', runtime: 'native', operation: 'transform', config: { expression: '"first"' } },
    {
      key: 'each',
      runtime: 'native',
      operation: 'transform',
      depends_on: ['first'],
      for_each: '$context.input.items',
      inputs: { n: '$item' },
      config: { expression: 'n * 2' },
    },
    {
      key: 'ask',
      runtime: 'provider',
      operation: 'chat',
      depends_on: ['first'],
      config: { model: 'echo', prompt: 'Say it.' },
    },
    { key: 'wait', runtime: 'native', operation: 'delay', depends_on: ['each', 'ask'], config: { ms: 200 } },
    { key: 'last', runtime: 'native', operation: 'noop', depends_on: ['wait'] },
  ],
};
const ITEMS = [1, 2, 3, 4, 5];

/** Callers of every kind at a pace that the machine keeps up with: what grows then, grows for another reason than a backlog. */
export class Load {
  /** What was accepted, by kind. */
  readonly accepted: Record<string, number> = {};
  /** Answers that were none of what was asked for. */
  readonly refused: string[] = [];
  readonly #assay: RunningAssay;
  readonly #callers: Promise<void>[];
  #isOver = false;

  private constructor(assay: RunningAssay) {
    this.#assay = assay;
    const input = { items: ITEMS };
    this.#callers = [
      this.#go('runs', 500, () => this.#post('/v1/workflow-runs', { name: 'soak', start: true, input }, 201)),
      this.#go('jobs', 500, () => this.#post('/v1/jobs', { modality: 'text', model: 'echo', input: 'Hello.' }, 202)),
      this.#go('evaluations', 1_000, () => this.#post('/api/eval?wait=20', { code: 'print("hi")' }, 200)),
      this.#go('model calls', 200, () => this.#post('/v1/providers/execute', { model: 'echo', input: 'Hello.' }, 200)),
      this.#go('files', 1_000, () => this.#asset()),
      this.#go('streams', 1_000, () => this.#stream()),
      this.#go('reads', 100, () => this.#get('/v1/workflow-runs?limit=50')),
      this.#go('refusals', 500, () => this.#post('/v1/workflow-runs', { name: 'nobody' }, 404)),
    ];
  }

  static async start(assay: RunningAssay): Promise<Load> {
    const { status, body } = await assay.caller.post('/v1/workflow-definitions', CHAIN);
    if (status !== 201) throw new Error(`The workflow was refused: ${JSON.stringify(body)}`);
    return new Load(assay);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #go(kind: string, pauseMs: number, act: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await act().catch((error: unknown) => this.refused.push(`${kind}: ${error}`));
      this.accepted[kind] = (this.accepted[kind] ?? 0) + 1;
      await delay(pauseMs);
    }
  }

  async #post(path: string, body: object, wanted: number): Promise<void> {
    const { status } = await this.#assay.caller.post(path, body);
    if (status !== wanted) this.refused.push(`${path} ${status}`);
  }

  async #get(path: string): Promise<void> {
    const { status } = await this.#assay.caller.get(path);
    if (status !== 200) this.refused.push(`${path} ${status}`);
  }

  /** Goes up, comes down, and is deleted. */
  async #asset(): Promise<void> {
    const made = await fetch(`${this.#assay.url}/v1/assets?filename=soak.txt`, {
      method: 'POST',
      headers: { 'x-api-key': API_KEY, 'content-type': 'text/plain' },
      body: 'x'.repeat(100_000),
    });
    const { data } = (await made.json()) as { data: { asset: { id: string } } };
    const path = `${this.#assay.url}/v1/assets/${data.asset.id}`;
    await (await fetch(path, { headers: { 'x-api-key': API_KEY } })).text();
    await fetch(path, { method: 'DELETE', headers: { 'x-api-key': API_KEY } });
  }

  /** Follows events for a moment, and hangs up. */
  #stream(): Promise<void> {
    return new Promise((resolve) => {
      const asked = request(`${this.#assay.url}/v1/events/stream`, { headers: { 'x-api-key': API_KEY } }, (answer) => {
        answer.resume();
        setTimeout(() => asked.destroy(), 200);
      });
      asked.on('close', () => resolve()).on('error', () => {});
      asked.end();
    });
  }
}
