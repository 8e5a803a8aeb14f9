import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, Client } from '../client.ts';
import type { FaultyProvider } from '../faulty-provider.ts';
import { until } from '../until.ts';
import type { Cluster } from './cluster.ts';
import { ITEMS, type Workflow } from './definitions.ts';

/** Callers may not be answered for as long as everything takes to come back. */
const PATIENCE_MS = 90_000;
/** What has not been answered by then is asked for again, of somebody else perhaps. */
const ANSWER_MS = 20_000;
/** Runs that somebody meddles with: the last so many. */
const MEDDLED = 20;

type Data = { data: Record<string, { id: string }> };
/** What a caller was told of the decision that it made of a run. */
export type Decided = { comment: string; isTaken: boolean };

/** What was accepted, of each kind, by the name that its caller gave it. */
export type Accepted = {
  evaluations: Map<string, string>;
  /** Runs that go to their end by themselves. */
  runs: Map<string, string>;
  /** Runs that somebody pauses, cancels and retries. */
  meddled: Map<string, string>;
  /** Runs that wait for a decision. */
  asked: Map<string, string>;
  jobs: Map<string, string>;
  calls: Set<string>;
  teams: Map<string, string>;
  assets: Map<string, string>;
};

type Call = { body?: object | string; statuses: readonly number[]; headers?: Record<string, string> };

/**
 * Callers of every kind, who ask for one thing after the other as clients do who want it once: a request that was not answered
 * is sent again under the same idempotency key, until it is.
 */
export class MixedLoad {
  readonly accepted: Accepted = {
    evaluations: new Map(),
    runs: new Map(),
    meddled: new Map(),
    asked: new Map(),
    jobs: new Map(),
    calls: new Set(),
    teams: new Map(),
    assets: new Map(),
  };
  /** Decisions that were sent, by run. */
  readonly decisions = new Map<string, Decided[]>();
  /** Answers that no caller should have been given. */
  readonly strange: string[] = [];
  /** How often somebody paused, resumed, cancelled or retried. */
  meddlings = 0;
  readonly #cluster: Cluster;
  readonly #provider: FaultyProvider;
  readonly #mark: string;
  readonly #callers: Promise<void>[];
  #turn = 0;
  #isOver = false;

  /** @param mark what the command line of each process holds that a program leaves behind */
  constructor({ cluster, provider, mark }: { cluster: Cluster; provider: FaultyProvider; mark: string }) {
    this.#cluster = cluster;
    this.#provider = provider;
    this.#mark = mark;
    const { runs, meddled, asked } = this.accepted;
    this.#callers = [
      this.#go(500, (name) => this.#evaluation(name)),
      this.#go(500, async (name) => runs.set(name, await this.run(name, 'whole'))),
      this.#go(500, async (name) => runs.set(name, await this.run(name, 'whole'))),
      this.#go(400, async (name) => meddled.set(name, await this.run(name, 'brief'))),
      this.#go(150, () => this.#meddle()),
      this.#go(800, async (name) => asked.set(name, await this.run(name, 'desk'))),
      this.#go(800, () => this.#decide()),
      this.#go(500, (name) => this.#job(name)),
      this.#go(300, (name) => this.#modelCall(name)),
      this.#go(500, (name) => this.#team(name)),
      this.#go(1_000, (name) => this.#asset(name)),
    ];
  }

  /** Ends the load once everything that was begun has been answered, and nothing waits for its caller any more. */
  async end(): Promise<Accepted> {
    this.#isOver = true;
    await Promise.all(this.#callers);
    for (const id of this.accepted.meddled.values()) await this.#act(id, 'resume');
    const isOpen = new Set(this.accepted.asked.values());
    while (isOpen.size > 0) {
      await this.#decide();
      for (const id of isOpen) {
        const answer = await this.#ask('GET', `/v1/workflow-runs/${id}`, { statuses: [200] });
        if ((answer.body as { data: { workflow_run: { completed_at: string | null } } }).data.workflow_run.completed_at)
          isOpen.delete(id);
      }
    }
    return this.accepted;
  }

  /** Starts a run of a workflow, and gives its id. */
  async run(name: string, workflow: Workflow, priority = 0): Promise<string> {
    // Nobody knows how often the model is asked in the name of this run, but each answer is the same.
    this.#provider.expect(name, { tries: ['none'], pieces: 5, paceMs: 5, input: 7 });
    const body = { name: workflow, input: { name, items: ITEMS }, priority, start: true };
    return this.#made(name, '/v1/workflow-runs', { body, statuses: [201] }, 'workflow_run');
  }

  async #evaluation(name: string): Promise<void> {
    const code = `import subprocess, time
print('${name}', flush=True)
subprocess.Popen(['sleep', '${this.#mark}'], start_new_session=True)
time.sleep(0.05)`;
    const { body } = await this.#post(name, '/api/eval', { body: { code }, statuses: [200] });
    this.accepted.evaluations.set(name, (body as { eval_id: string }).eval_id);
  }

  async #job(name: string): Promise<void> {
    this.#provider.expect(name, { tries: ['none'], pieces: 5, paceMs: 5, input: 7 });
    const body = { provider: 'counting', model: 'm', input: `call ${name}.` };
    const answer = await this.#post(name, '/v1/jobs', { body, statuses: [202] });
    this.accepted.jobs.set(name, (answer.body as { data: { job_id: string } }).data.job_id);
  }

  async #modelCall(name: string): Promise<void> {
    const body = { model: 'echo@20', input: 'word '.repeat(20), params: { max_tokens: 30 } };
    const headers = { 'x-assay-tags': `call=${name}` };
    await this.#post(name, '/v1/providers/execute', { body, statuses: [200], headers });
    this.accepted.calls.add(name);
  }

  async #team(name: string): Promise<void> {
    this.accepted.teams.set(name, await this.#made(name, '/v1/teams', { body: { name }, statuses: [201] }, 'team'));
  }

  async #asset(name: string): Promise<void> {
    const call = { body: name, statuses: [201], headers: { 'content-type': 'text/plain' } };
    this.accepted.assets.set(name, await this.#made(name, `/v1/assets?filename=${name}.txt`, call, 'asset'));
  }

  async #meddle(): Promise<void> {
    const all = [...this.accepted.meddled.values()];
    const [left, ...recent] = all.slice(-MEDDLED - 1);
    const id = recent[randomInt(MEDDLED)];
    const acts = ['pause', 'resume', 'resume', 'cancel', 'retry'] as const;
    if (id !== undefined) await this.#act(id, acts[randomInt(acts.length)] ?? 'resume');
    // One that is left alone from now on does not stand in the way of others for ever.
    if (left !== undefined) await this.#act(left, 'resume');
  }

  /** What comes too late, or too early, is refused with 409. */
  async #act(id: string, what: 'pause' | 'resume' | 'cancel' | 'retry'): Promise<void> {
    const { status } = await this.#ask('POST', `/v1/workflow-runs/${id}/${what}`, { statuses: [200, 409] });
    if (status === 200) this.meddlings += 1;
  }

  /** Decides one of what waits, sometimes at the same time as somebody else does. */
  async #decide(): Promise<void> {
    const answer = await this.#ask('GET', '/v1/workflow-approvals?limit=200', { statuses: [200] });
    const waiting = (answer.body as { data: { workflow_approvals: { workflow_run_id: string }[] } }).data
      .workflow_approvals;
    for (const { workflow_run_id: id } of waiting) {
      const deciders = randomInt(3) === 0 ? 2 : 1;
      await Promise.all(Array.from({ length: deciders }, () => this.#complete(id)));
    }
  }

  async #complete(id: string): Promise<void> {
    const decided = { comment: randomUUID(), isTaken: false };
    this.decisions.set(id, [...(this.decisions.get(id) ?? []), decided]);
    const body = { decision: randomInt(2) === 0 ? 'approve' : 'reject', comment: decided.comment };
    const call = { body, statuses: [200, 409] };
    const { status } = await this.#ask('POST', `/v1/workflow-runs/${id}/nodes/decide/complete`, call);
    decided.isTaken = status === 200;
  }

  async #go(pauseMs: number, act: (name: string) => Promise<unknown>): Promise<void> {
    while (!this.#isOver) {
      await act(randomUUID());
      await pause(pauseMs);
    }
  }

  async #made(name: string, path: string, call: Call, what: string): Promise<string> {
    return ((await this.#post(name, path, call)).body as Data).data[what]?.id ?? '';
  }

  #post(name: string, path: string, call: Call): Promise<Answer> {
    return this.#ask('POST', path, { ...call, headers: { 'idempotency-key': name, ...call.headers } });
  }

  #ask(method: string, path: string, { body, statuses, headers = {} }: Call): Promise<Answer> {
    const { apiKey } = this.#cluster.api.credentials;
    return until(
      `${path} is answered`,
      async () => {
        const client = new Client(() => this.#cluster.url(this.#turn++), { 'x-api-key': apiKey });
        const sent = client.send(method, path, { body, headers });
        const answer = await Promise.race([sent, pause(ANSWER_MS, null)]);
        if (answer && statuses.includes(answer.status)) return answer;
        if (answer && !mayBeAskedAgain(answer)) this.strange.push(`${path} ${answer.status} ${answer.text}`);
        return null;
      },
      PATIENCE_MS,
    );
  }
}

/** What is asked for is under way, or cannot be done right now and the caller is told when to come back. */
const mayBeAskedAgain = ({ status, headers }: Answer): boolean =>
  (status === 409 || status === 503) && headers.has('retry-after');
