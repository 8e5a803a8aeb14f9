import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, Client } from '../client.ts';
import { until } from '../until.ts';
import type { Cluster } from './cluster.ts';

/** Callers may not be answered for as long as everything takes to come back. */
const PATIENCE_MS = 90_000;
/** What has not been answered by then is asked for again, of somebody else perhaps. */
const ANSWER_MS = 20_000;

type Data = { data: Record<string, { id: string }> };
/** What was accepted, of each kind, by the name that its caller gave it. */
export type Accepted = {
  evaluations: Map<string, string>;
  runs: Map<string, string>;
  calls: Set<string>;
  teams: Map<string, string>;
};

const SHAKY = 'import random, sys\nif random.random() < 0.3: sys.exit(1)\nprint("shaky", end="")';

/** A workflow whose effects can be counted: each of its nodes adds a word to a list, once. */
export const WORKFLOW = {
  name: 'chaos',
  nodes: [
    word('first'),
    {
      ...word('shaky', ['first']),
      runtime: 'code',
      operation: 'evaluate',
      // One in three fails, and is tried again.
      config: { language: 'python', code: SHAKY },
      outputs: { stdout: { path: '$context.words', merge: 'append' } },
    },
    {
      key: 'many',
      runtime: 'native',
      operation: 'transform',
      depends_on: ['first'],
      for_each: '$context.input.items',
      inputs: { n: '$item' },
      config: { expression: 'n * 2' },
      policy: { retries: 50, backoff: { kind: 'fixed', first_ms: 50 } },
    },
    { key: 'wait', runtime: 'native', operation: 'delay', depends_on: ['many'], config: { ms: 300 } },
    word('last', ['shaky', 'wait']),
  ],
};

/** A workflow that is over as soon as somebody runs it. */
export const PROBE = { name: 'probe', nodes: [{ key: 'only', runtime: 'native', operation: 'noop' }] };

function word(key: string, depends_on: string[] = []) {
  return {
    key,
    runtime: 'native',
    operation: 'transform',
    depends_on,
    config: { expression: `"${key}"` },
    outputs: { '*': { path: '$context.words', merge: 'append' } },
    policy: { retries: 50, backoff: { kind: 'fixed', first_ms: 50 } },
  };
}
export const WORDS = ['first', 'last', 'shaky'];
export const ITEMS = Array.from({ length: 12 }, (_, n) => n);

/**
 * Callers of every kind, who ask for one thing after the other as clients do who want it once: a request that was not answered
 * is sent again under the same idempotency key, until it is.
 */
export class MixedLoad {
  readonly accepted: Accepted = { evaluations: new Map(), runs: new Map(), calls: new Set(), teams: new Map() };
  readonly #cluster: Cluster;
  readonly #mark: string;
  readonly #callers: Promise<void>[];
  #turn = 0;
  #isOver = false;

  /** @param mark what the command line of each process holds that a program leaves behind */
  constructor(cluster: Cluster, mark: string) {
    this.#cluster = cluster;
    this.#mark = mark;
    this.#callers = [
      this.#go(400, (name) => this.#evaluation(name)),
      this.#go(250, (name) => this.#run(name)),
      this.#go(250, (name) => this.#run(name)),
      this.#go(200, (name) => this.#modelCall(name)),
      this.#go(500, (name) => this.#team(name)),
    ];
  }

  /** Ends the load once everything that was begun has been answered. */
  async end(): Promise<Accepted> {
    this.#isOver = true;
    await Promise.all(this.#callers);
    return this.accepted;
  }

  /** Starts a run of a workflow, and gives its id. */
  async run(name: string, { name: workflow }: { name: string }, priority = 10): Promise<string> {
    const body = { name: workflow, input: { items: ITEMS }, priority, start: true };
    const { data } = (await this.#ask(name, '/v1/workflow-runs', body, 201)).body as Data;
    return data['workflow_run']?.id ?? '';
  }

  async #run(name: string): Promise<void> {
    this.accepted.runs.set(name, await this.run(name, WORKFLOW, 0));
  }

  async #evaluation(name: string): Promise<void> {
    const code = `import subprocess, time
print('${name}', flush=True)
subprocess.Popen(['sleep', '${this.#mark}'], start_new_session=True)
time.sleep(0.05)`;
    const { body } = await this.#ask(name, '/api/eval', { code }, 200);
    this.accepted.evaluations.set(name, (body as { eval_id: string }).eval_id);
  }

  async #modelCall(name: string): Promise<void> {
    const body = { model: 'echo@20', input: 'word '.repeat(20), params: { max_tokens: 30 } };
    await this.#ask(name, '/v1/providers/execute', body, 200, { 'x-assay-tags': `call=${name}` });
    this.accepted.calls.add(name);
  }

  async #team(name: string): Promise<void> {
    const { data } = (await this.#ask(name, '/v1/teams', { name }, 201)).body as Data;
    this.accepted.teams.set(name, data['team']?.id ?? '');
  }

  async #go(pauseMs: number, act: (name: string) => Promise<unknown>): Promise<void> {
    while (!this.#isOver) {
      await act(randomUUID());
      await pause(pauseMs);
    }
  }

  #ask(
    name: string,
    path: string,
    body: object,
    status: number,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const { apiKey } = this.#cluster.api.credentials;
    return until(
      `${path} is answered`,
      async () => {
        const client = new Client(() => this.#cluster.url(this.#turn++), { 'x-api-key': apiKey });
        const sent = client.post(path, body, { 'idempotency-key': name, ...headers });
        const answer = await Promise.race([sent, pause(ANSWER_MS, null)]);
        if (answer?.status === status) return answer;
        if (answer === null || answer.status === 409 || answer.status === 503) return null;
        throw new Error(`${path} was answered with ${answer.status}: ${answer.text}`);
      },
      PATIENCE_MS,
    );
  }
}
