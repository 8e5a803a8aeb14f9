import { AppError } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import type { NewEvent } from '../../../platform/operation.ts';
import { bindOutputs } from '../context/context.ts';
import { isTerminal, type NodeDefinition, type RunState } from '../model.ts';
import { nextTryAt } from './backoff.ts';
import type { Failure, Graph, NodeChange, NodeRow, Report, Result, RunError, RunRow } from './model.ts';

/** Attempts of one node; a node that takes its worker with it each time is not given out for ever. */
const MOST_LOST = 5;
const LOST: Failure = {
  code: 'workflow_node.lost',
  message: 'The worker was lost each time that it ran this node.',
};

export type RunChange = { state: RunState; nodesLeft: number; context: RunRow['context']; error: RunError | null };

/**
 * One locked run, and what is decided about it: pure, so that the rules can be tried without a database. Decisions are
 * gathered and written once.
 *
 * A node is reached when something that it depends on has ended and was not skipped, or when it depends on nothing. When
 * all that it depends on has ended it becomes ready if it was reached, and is skipped if it was not. A branch skips those
 * that it does not go to. A failure that nothing catches ends the run, and cancels whatever has not ended.
 */
export class RunProgress {
  readonly #graph: Graph;
  readonly #run: RunRow;
  readonly #nodes: ReadonlyMap<string, NodeRow>;
  readonly #now: Date;
  readonly #random: () => number;
  readonly #changes = new Map<string, NodeChange>();
  readonly #events: NewEvent[] = [];
  #state: RunState;
  #left: number;
  #context: RunRow['context'];
  #error: RunError | null = null;

  constructor(of: { graph: Graph; run: RunRow; nodes: readonly NodeRow[]; now: Date; random?: () => number }) {
    this.#graph = of.graph;
    this.#run = of.run;
    this.#nodes = new Map(of.nodes.map((node) => [node.key, node]));
    this.#now = of.now;
    this.#random = of.random ?? Math.random;
    this.#state = of.run.state;
    this.#left = of.run.nodesLeft;
    this.#context = of.run.context;
  }

  get orgId(): string {
    return this.#run.orgId;
  }

  get runId(): string {
    return this.#run.id;
  }

  get state(): RunState {
    return this.#state;
  }

  get changes(): { run: RunChange; nodes: ReadonlyMap<string, NodeChange>; events: readonly NewEvent[] } {
    const run = { state: this.#state, nodesLeft: this.#left, context: this.#context, error: this.#error };
    return { run, nodes: this.#changes, events: this.#events };
  }

  /** Makes ready what depends on nothing. */
  start(): void {
    if (this.#state !== 'created' && this.#state !== 'queued') return;
    this.#state = 'running';
    this.#tellRun('started');
    for (const [key, { waitsFor }] of this.#nodes) if (waitsFor === 0) this.#makeReady(key);
    this.#endIfDone();
  }

  /** Takes the report of an attempt; false when it is of one that does not hold any more. */
  report({ key, fence, result }: Report): boolean {
    const node = this.#nodes.get(key);
    if (node?.state !== 'running' || node.fence !== fence || this.#changes.has(key) || isTerminal(this.#state))
      return false;
    this.#take(key, node, result);
    this.#endIfDone();
    return true;
  }

  /** Takes what a node that waits came to without a worker; false when it does not wait any more. */
  answer(key: string, result: Result): boolean {
    const node = this.#nodes.get(key);
    if (node?.state !== 'waiting' || this.#changes.has(key) || isTerminal(this.#state)) return false;
    this.#take(key, node, result);
    this.#endIfDone();
    return true;
  }

  /** An attempt whose worker is gone is made again: nobody knows how far it came. */
  lose({ key, fence }: Pick<Report, 'key' | 'fence'>): void {
    const node = this.#nodes.get(key);
    if (node?.state !== 'running' || node.fence !== fence || this.#changes.has(key)) return;
    if (node.attempt >= MOST_LOST) this.#catch(this.#definitionOf(key), LOST);
    else this.#makeReady(key);
    this.#endIfDone();
  }

  /** Holds back what is not under way. What is, goes on to its end. */
  pause(): void {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    for (const key of this.#keysIn('ready')) this.#change(key, { dueAt: null });
    this.#tellRun('paused');
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    for (const key of this.#keysIn('ready')) this.#change(key, { dueAt: this.#now });
    this.#tellRun('resumed');
  }

  /** Makes again what failed or was cancelled, and keeps what was finished; false for a run that did not end so. */
  retry(): boolean {
    if (this.#state !== 'failed' && this.#state !== 'cancelled') return false;
    const again = new Set([...this.#nodes.keys()].filter((key) => this.#isToBeMadeAgain(key)));
    this.#state = 'running';
    this.#left = again.size;
    this.#tellRun('resumed');
    for (const key of again) {
      const { dependsOn } = this.#definitionOf(key);
      const ended = dependsOn.filter((dependency) => !again.has(dependency));
      const reached = ended.filter((dependency) => this.#nodeOf(dependency).state !== 'skipped').length;
      const waitsFor = dependsOn.length - ended.length;
      this.#change(key, { state: 'pending', waitsFor, reached, attempt: 0, resume: null, error: null });
      if (waitsFor === 0) this.#makeReady(key);
    }
    this.#endIfDone();
    return true;
  }

  #isToBeMadeAgain(key: string): boolean {
    const { state } = this.#nodeOf(key);
    return state === 'cancelled' || (state === 'failed' && this.#definitionOf(key).policy.onError.kind !== 'continue');
  }

  cancel(): void {
    if (!isTerminal(this.#state)) this.#stop('cancelled', null);
  }

  fail(error: RunError): void {
    if (!isTerminal(this.#state)) this.#stop('failed', error);
  }

  #take(key: string, node: NodeRow, result: Result): void {
    switch (result.kind) {
      case 'completed':
        this.#complete(this.#definitionOf(key), result);
        break;
      case 'failed':
        this.#tryAgain(this.#definitionOf(key), node, result);
        break;
      case 'skipped':
        this.#skip(key);
        break;
      case 'waiting':
        this.#change(key, { state: 'waiting', dueAt: result.at, resume: result.resume });
        this.#tellNode(key, 'waiting', { until: result.at?.toISOString() ?? null, ...result.tells });
    }
  }

  #complete(definition: NodeDefinition, { output, passesOver }: Result & { kind: 'completed' }): void {
    const { key } = definition;
    const failure = this.#write(definition, output);
    if (failure !== null) {
      this.#catch(definition, failure);
      return;
    }
    this.#end(key, { state: 'completed', output, error: null });
    this.#tellNode(key, 'completed', {});
    this.#release(key, (dependent) => (passesOver.includes(dependent) ? 'passed_over' : 'reached'));
  }

  /** Writes an output to the context; gives why it cannot be. */
  #write({ outputs }: NodeDefinition, output: Json): Failure | null {
    try {
      this.#context = bindOutputs(outputs, output, this.#context);
      return null;
    } catch (thrown) {
      if (thrown instanceof AppError) return { code: thrown.code, message: thrown.message };
      throw thrown;
    }
  }

  #tryAgain(definition: NodeDefinition, { attempt }: NodeRow, { failure, isFinal }: Result & { kind: 'failed' }): void {
    const { key, policy } = definition;
    if (isFinal || attempt > policy.retries) {
      this.#catch(definition, failure);
      return;
    }
    const dueAt = nextTryAt(policy.backoff, { attempt, now: this.#now, random: this.#random });
    this.#change(key, { state: 'ready', dueAt: this.#heldBack(dueAt), error: failure, resume: null });
    this.#tellNode(key, 'ready', { attempt, retry_at: dueAt.toISOString(), error: failure });
  }

  /** What a failure for good means, by the node's policy. */
  #catch(definition: NodeDefinition, failure: Failure): void {
    const { key, policy } = definition;
    const { onError } = policy;
    const fellBack = onError.kind === 'fallback' && this.#write(definition, onError.value) === null;
    if (fellBack) this.#end(key, { state: 'completed', output: onError.value, error: failure });
    else this.#end(key, { state: 'failed', error: failure });
    this.#tellNode(key, fellBack ? 'completed' : 'failed', { error: failure });
    if (fellBack || onError.kind === 'continue') this.#release(key, () => 'reached');
    else this.#stop('failed', { node: key, ...failure });
  }

  #skip(key: string): void {
    this.#end(key, { state: 'skipped' });
    this.#tellNode(key, 'skipped', {});
    this.#release(key, () => 'not_reached');
  }

  /** Tells those who wait for a node that has ended. */
  #release(key: string, of: (dependent: string) => 'reached' | 'not_reached' | 'passed_over'): void {
    for (const dependent of this.#graph.dependents.get(key) ?? []) {
      const { state, waitsFor, reached } = this.#standing(dependent);
      if (state !== 'pending') continue;
      const how = of(dependent);
      const now = { waitsFor: waitsFor - 1, reached: reached + (how === 'reached' ? 1 : 0) };
      this.#change(dependent, now);
      if (how === 'passed_over' || (now.waitsFor === 0 && now.reached === 0)) this.#skip(dependent);
      else if (now.waitsFor === 0) this.#makeReady(dependent);
    }
  }

  #makeReady(key: string): void {
    this.#change(key, { state: 'ready', dueAt: this.#heldBack(this.#now) });
    this.#tellNode(key, 'ready', {});
  }

  #heldBack(dueAt: Date): Date | null {
    return this.#state === 'paused' ? null : dueAt;
  }

  #end(key: string, change: Partial<NodeChange> & Pick<NodeChange, 'state'>): void {
    this.#change(key, { dueAt: null, resume: null, ...change });
    this.#left -= 1;
  }

  #endIfDone(): void {
    if (this.#left > 0 || isTerminal(this.#state)) return;
    this.#state = 'completed';
    this.#tellRun('completed');
  }

  #stop(state: 'failed' | 'cancelled', error: RunError | null): void {
    for (const key of this.#nodes.keys())
      if (!isTerminal(this.#standing(key).state)) this.#end(key, { state: 'cancelled' });
    this.#state = state;
    this.#error = error;
    this.#tellRun(state);
  }

  #keysIn(state: NodeRow['state']): string[] {
    return [...this.#nodes.keys()].filter((key) => this.#standing(key).state === state);
  }

  #standing(key: string): Pick<NodeRow, 'state' | 'waitsFor' | 'reached'> {
    return this.#changes.get(key) ?? this.#nodeOf(key);
  }

  #change(key: string, change: Partial<NodeChange>): void {
    const { state, waitsFor, reached } = this.#standing(key);
    const before = this.#changes.get(key) ?? { state, waitsFor, reached, dueAt: null };
    this.#changes.set(key, { ...before, ...change });
  }

  #nodeOf(key: string): NodeRow {
    const node = this.#nodes.get(key);
    if (!node) throw new Error(`Run ${this.#run.id} has no node ${key}.`);
    return node;
  }

  #definitionOf(key: string): NodeDefinition {
    const definition = this.#graph.nodes.get(key);
    if (!definition) throw new Error(`Definition ${this.#graph.definitionId} has no node ${key}.`);
    return definition;
  }

  #tellRun(what: string): void {
    const error = this.#error === null ? {} : { error: this.#error };
    this.#events.push({
      type: `workflow.run.${what}`,
      subject: this.#run.id,
      data: { workflow_run_id: this.#run.id, definition: this.#graph.name, state: this.#state, ...error },
    });
  }

  #tellNode(key: string, what: string, more: Record<string, unknown>): void {
    this.#events.push({
      type: `workflow.node.${what}`,
      subject: this.#run.id,
      data: { workflow_run_id: this.#run.id, node: key, ...more },
    });
  }
}
