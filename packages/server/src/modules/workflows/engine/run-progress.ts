import { AppError } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import { assertContextFits } from '../context/bounds.ts';
import { bindOutputs } from '../context/context.ts';
import { isTerminal, type NodeDefinition, type RunState } from '../model.ts';
import { nextTryAt } from './backoff.ts';
import type { Changes } from './changes.ts';
import {
  type Failure,
  type Graph,
  type HandedOver,
  type NodeChange,
  type NodeRef,
  type NodeRow,
  nameOf,
  type Report,
  type Result,
  type RunError,
  type RunRow,
  type Spread,
  type Sweep,
  WHOLE,
} from './model.ts';
import { RunEvents } from './run-events.ts';
import { RunNodes } from './run-nodes.ts';
import { giveOut, MOST_ITEMS, spreadOver } from './spread.ts';

/** Attempts of one node whose policy allows fewer; a node that takes its worker with it each time is not given out for ever. */
const MOST_LOST = 5;
const LOST: Failure = { code: 'workflow_node.lost', message: 'The worker was lost each time that it ran this node.' };

/**
 * One locked run, and what is decided about it: pure, so that the rules can be tried without a database. Decisions are
 * gathered and written once.
 *
 * A node is reached when something that it depends on has ended and was not skipped, or when it depends on nothing. When
 * all that it depends on has ended it becomes ready if it was reached, and is skipped if it was not. A branch skips those
 * that it does not go to. A failure that nothing catches ends the run, and cancels whatever has not ended.
 *
 * A node for each of a list waits while its items run, as many at once as it says: one that ends gives its place to the
 * next. How many are left is counted on the node, so that no decision reads all of them; behind the last one the node
 * is ready once more, to gather their outputs.
 */
export class RunProgress {
  readonly #graph: Graph;
  readonly #run: RunRow;
  readonly #nodes: RunNodes;
  readonly #now: Date;
  readonly #random: () => number;
  readonly #items = new Map<string, readonly Json[]>();
  readonly #events: RunEvents;
  #sweep: Sweep | null = null;
  #state: RunState;
  #left: number;
  #context: RunRow['context'];
  #error: RunError | null = null;

  /** @param of.nodes those that are decided about; more are asked for by throwing `UnreadNode` */
  constructor(of: { graph: Graph; run: RunRow; nodes: readonly NodeRow[]; now: Date; random?: () => number }) {
    this.#graph = of.graph;
    this.#run = of.run;
    this.#nodes = new RunNodes(of);
    this.#now = of.now;
    this.#random = of.random ?? Math.random;
    this.#state = of.run.state;
    this.#left = of.run.nodesLeft;
    this.#context = of.run.context;
    this.#events = new RunEvents(of.graph, of.run.id);
  }

  get orgId(): string {
    return this.#run.orgId;
  }

  get runId(): string {
    return this.#run.id;
  }

  get parent(): RunRow['parent'] {
    return this.#run.parent;
  }

  get state(): RunState {
    return this.#state;
  }

  get changes(): Changes {
    const run = { state: this.#state, nodesLeft: this.#left, context: this.#context, error: this.#error };
    const { state, nodesLeft, context } = this.#run;
    return {
      run,
      isRunSame: run.state === state && run.nodesLeft === nodesLeft && run.context === context,
      isContextSame: run.context === context,
      nodes: this.#nodes.changes,
      items: this.#items,
      sweep: this.#sweep,
      place: this.#placeChange,
      events: this.#events.told,
    };
  }

  get definitionName(): string {
    return this.#graph.name;
  }

  get #placeChange(): Changes['place'] {
    if (!this.#graph.isLimited || this.#state === this.#run.state) return null;
    if (this.#state === 'queued') return 'asks';
    return isTerminal(this.#state) ? 'leaves' : null;
  }

  /** Makes ready what depends on nothing; a run that needs a place waits for it, and nothing of it is given out. */
  start(): void {
    if (this.#state !== 'created') return;
    this.#begin();
    if (!this.#graph.isLimited) this.#tellRun('started');
    for (const { key, dependsOn } of this.#graph.nodes.values())
      if (dependsOn.length === 0) this.#makeReady(this.#nodes.rowOf(key));
    this.#endIfDone();
  }

  #begin(): void {
    this.#state = this.#graph.isLimited ? 'queued' : 'running';
  }

  /** Takes the report of an attempt; false when it is of one that does not hold any more. */
  report({ fence, result, ...ref }: Report): boolean {
    const node = this.#holds(ref, fence);
    if (node === null || isTerminal(this.#state)) return false;
    this.#take(node, result);
    this.#endIfDone();
    return true;
  }

  /** Takes what a node that waits came to without a worker; false when it does not wait any more. */
  answer(ref: NodeRef, result: Result): boolean {
    const node = this.#nodes.undecided(ref);
    if (node?.state !== 'waiting' || node.spread !== null || isTerminal(this.#state)) return false;
    this.#take(node, result);
    this.#endIfDone();
    return true;
  }

  /** An attempt whose worker is gone is made again: nobody knows how far it came. */
  lose({ fence, ...ref }: NodeRef & { fence: number }): void {
    const node = this.#holds(ref, fence);
    if (node === null || isTerminal(this.#state)) return;
    if (node.attempt >= Math.max(MOST_LOST, this.#definitionOf(node.key).policy.retries + 1)) this.#catch(node, LOST);
    else this.#makeReady(node);
    this.#endIfDone();
  }

  /** Holds back what is not under way. What is, goes on to its end. */
  pause(): void {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    this.#sweep = 'hold';
    this.#tellRun('paused');
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#sweep = 'release';
    this.#tellRun('resumed');
  }

  /**
   * Makes again what failed or was cancelled, and keeps what was finished; false for a run that did not end so. All nodes
   * must have been read, and the items that did not complete.
   */
  retry(): boolean {
    if (this.#state !== 'failed' && this.#state !== 'cancelled') return false;
    const rows = [...this.#graph.nodes.keys()].map((key) => this.#nodes.rowOf(key));
    const again = new Map(rows.filter((node) => this.#isToBeMadeAgain(node)).map((node) => [node.key, node]));
    this.#begin();
    this.#left = again.size;
    this.#tellRun('resumed');
    for (const [key, node] of again) {
      const { dependsOn } = this.#definitionOf(key);
      const ended = dependsOn.filter((dependency) => !again.has(dependency));
      const reached = ended.filter((dependency) => this.#nodes.rowOf(dependency).state !== 'skipped').length;
      const waitsFor = dependsOn.length - ended.length;
      this.#nodes.change(node, { ...ANEW, waitsFor, reached });
      if (node.spread !== null) this.#spreadAgain(node, node.spread);
      else if (waitsFor === 0) this.#makeReady(node);
    }
    this.#endIfDone();
    return true;
  }

  #isToBeMadeAgain(node: NodeRow): boolean {
    if (node.state !== 'failed') return node.state === 'cancelled';
    const { failedAt } = this.#run;
    const endedRun = failedAt === nameOf(node) || (node.item === WHOLE && failedAt?.startsWith(`${node.key}#`));
    return endedRun || this.#definitionOf(node.key).policy.onError.kind !== 'continue';
  }

  cancel(): void {
    if (!isTerminal(this.#state)) this.#stop('cancelled', null);
  }

  fail(error: RunError): void {
    if (!isTerminal(this.#state)) this.#stop('failed', error);
  }

  /** Claims some of what became ready here, instead of leaving it to the queue; items are left to it always. */
  handOver(most: number, leaseSeconds: number): HandedOver[] {
    if (this.#state !== 'running') return [];
    const ready = [...this.#nodes.changes.values()].filter((change) => this.#isReadyFromNew(change)).slice(0, most);
    return ready.map((change) => {
      const { row, attempt } = this.#beginAttempt(change);
      this.#nodes.change(row, { state: 'running', dueAt: null, leaseSeconds });
      const [resume, spread] = [change.resume ?? null, change.spread ?? row.spread];
      return { key: row.key, item: WHOLE, fence: row.fence + 1, attempt, resume, spread };
    });
  }

  /** Makes attempts of what became ready here and of what becomes ready by them; `attempt` gives null for what needs a worker. */
  attemptReady(attempt: (node: NodeDefinition, context: RunRow['context']) => Result | null, most: number): void {
    let made = 0;
    for (let before = -1; before < made; ) {
      before = made;
      for (const change of this.#nodes.changes.values())
        if (made < most && this.#state === 'running' && this.#isReadyFromNew(change))
          made += this.#attemptNow(change, attempt(this.#definitionOf(change.key), this.#context)) ? 1 : 0;
    }
  }

  #attemptNow(change: NodeChange, result: Result | null): boolean {
    const dependents = this.#graph.dependents.get(change.key) ?? [];
    if (result === null || !dependents.every((key) => this.#nodes.isRead(key))) return false;
    const { row, attempt } = this.#beginAttempt(change);
    this.#take({ ...row, attempt }, result);
    this.#endIfDone();
    return true;
  }

  #beginAttempt({ key, attempt: before, resume = null }: NodeChange): { row: NodeRow; attempt: number } {
    const row = this.#nodes.rowOf(key);
    const attempt = (before ?? row.attempt) + (resume === null ? 1 : 0);
    this.#nodes.change(row, { attempt, begins: true });
    this.#tellNode(row, 'started', { attempt });
    return { row, attempt };
  }

  /** Nodes that waited for others, or for their items: of those it is known what an attempt before left, if there was one. */
  #isReadyFromNew({ key, item, state, dueAt, resume }: NodeChange): boolean {
    const isDue = item === WHOLE && state === 'ready' && dueAt !== null && dueAt <= this.#now;
    return isDue && (resume !== undefined || this.#nodes.rowOf(key).state === 'pending');
  }

  /** Whether something is left to the queue that may be claimed. */
  get leavesReady(): boolean {
    return this.#sweep === 'release' || [...this.#nodes.changes.values()].some(({ dueAt }) => dueAt !== null);
  }

  /** The node under a fence, unless something has been decided of it since. */
  #holds(ref: NodeRef, fence: number): NodeRow | null {
    const node = this.#nodes.undecided(ref);
    return node?.state === 'running' && node.fence === fence ? node : null;
  }

  #take(node: NodeRow, result: Result): void {
    switch (result.kind) {
      case 'completed':
        this.#complete(node, result);
        break;
      case 'failed':
        this.#tryAgain(node, result);
        break;
      case 'skipped':
        this.#skip(node);
        break;
      case 'spread':
        this.#spread(node, result.items);
        break;
      case 'waiting':
        this.#wait(node, result);
    }
  }

  #wait(node: NodeRow, { at, resume, tells, why }: Result & { kind: 'waiting' }): void {
    this.#nodes.change(node, { state: 'waiting', dueAt: at, resume, error: why ?? null });
    if (tells !== null) this.#tellNode(node, 'waiting', { until: at?.toISOString() ?? null, ...tells });
  }

  #complete(node: NodeRow, { output, passesOver }: Result & { kind: 'completed' }): void {
    const failure = this.#write(node, output);
    if (failure !== null) {
      this.#catch(node, failure);
      return;
    }
    this.#end(node, { state: 'completed', output, error: null });
    this.#tellNode(node, 'completed', {});
    this.#release(node, (dependent) => (passesOver.includes(dependent) ? 'passed_over' : 'reached'));
  }

  /** Writes an output to the context; gives why it cannot be. What items give is gathered behind the last of them. */
  #write(node: NodeRow, output: Json): Failure | null {
    if (node.item !== WHOLE) return null;
    try {
      const context = bindOutputs(this.#definitionOf(node.key).outputs, output, this.#context);
      if (context !== this.#context) assertContextFits(context);
      this.#context = context;
      return null;
    } catch (thrown) {
      if (thrown instanceof AppError) return { code: thrown.code, message: thrown.message };
      throw thrown;
    }
  }

  #tryAgain(node: NodeRow, { failure, isFinal, endsRun = false, retryAfterMs = 0 }: Result & { kind: 'failed' }): void {
    if (endsRun) {
      this.#failWith(node, failure);
      return;
    }
    const { policy } = this.#definitionOf(node.key);
    const { attempt } = node;
    if (isFinal || attempt > policy.retries) {
      this.#catch(node, failure);
      return;
    }
    const dueAt = nextTryAt(policy.backoff, { attempt, retryAfterMs, now: this.#now, random: this.#random });
    const resume = node.spread === null ? null : GATHER;
    this.#nodes.change(node, { attempt, state: 'ready', dueAt: this.#heldBack(dueAt), resume, error: failure });
    this.#tellNode(node, 'ready', { attempt, retry_at: dueAt.toISOString(), error: failure });
  }

  /** What a failure for good means, by the node's policy. */
  #catch(node: NodeRow, failure: Failure): void {
    const { onError } = this.#definitionOf(node.key).policy;
    const fellBack = onError.kind === 'fallback' && this.#write(node, onError.value) === null;
    if (fellBack) this.#end(node, { state: 'completed', output: onError.value, error: failure });
    else this.#end(node, { state: 'failed', error: failure });
    this.#tellNode(node, fellBack ? 'completed' : 'failed', { error: failure });
    if (fellBack || onError.kind === 'continue') {
      this.#release(node, () => 'reached');
      return;
    }
    this.#endWith(node, failure);
  }

  /** Whatever the node's policy says. */
  #failWith(node: NodeRow, failure: Failure): void {
    this.#end(node, { state: 'failed', error: failure });
    this.#tellNode(node, 'failed', { error: failure });
    this.#endWith(node, failure);
  }

  #endWith(node: NodeRow, failure: Failure): void {
    if (node.item !== WHOLE) this.#end(this.#nodes.rowOf(node.key), { state: 'failed', error: failure });
    this.#stop('failed', { node: nameOf(node), ...failure });
  }

  #skip(node: NodeRow): void {
    this.#end(node, { state: 'skipped' });
    this.#tellNode(node, 'skipped', {});
    this.#release(node, () => 'not_reached');
  }

  /** Tells those who wait for what has ended: of a node its dependents, of an item its node. */
  #release(node: NodeRow, of: (dependent: string) => 'reached' | 'not_reached' | 'passed_over'): void {
    if (node.item !== WHOLE) {
      const whole = this.#nodes.rowOf(node.key);
      const spread = this.#nodes.spreadOf(whole);
      this.#goOn(whole, { ...spread, left: spread.left - 1 }, 1);
      return;
    }
    for (const key of this.#graph.dependents.get(node.key) ?? []) {
      const dependent = this.#nodes.rowOf(key);
      const { state, waitsFor, reached } = this.#nodes.standing(dependent);
      if (state !== 'pending') continue;
      const how = of(key);
      const now = { waitsFor: waitsFor - 1, reached: reached + (how === 'reached' ? 1 : 0) };
      this.#nodes.change(dependent, now);
      if (how === 'passed_over' || (now.waitsFor === 0 && now.reached === 0)) this.#skip(dependent);
      else if (now.waitsFor === 0) this.#makeReady(dependent);
    }
  }

  #spread(node: NodeRow, items: readonly Json[]): void {
    if (items.length > MOST_ITEMS) {
      const message = `The list has ${items.length} items: a node can run for ${MOST_ITEMS} at most.`;
      this.#catch(node, { code: 'workflow_node.too_many_items', message });
      return;
    }
    this.#items.set(node.key, items);
    this.#tellNode(node, 'waiting', { items: items.length });
    this.#goOn(node, spreadOver(items.length), this.#concurrencyOf(node));
  }

  /** Only what did not complete: the outputs of the others are kept. */
  #spreadAgain(node: NodeRow, { total }: Spread): void {
    const again = this.#nodes.itemsOf(node.key).filter((each) => this.#isToBeMadeAgain(each));
    for (const item of again) this.#nodes.change(item, ANEW);
    const todo = again.map(({ item }) => item).sort((one, other) => one - other);
    this.#goOn(node, spreadOver(total, todo), this.#concurrencyOf(node));
  }

  /** Gives out so many more items, or, behind the last one, the node itself. */
  #goOn(node: NodeRow, spread: Spread, more: number): void {
    if (spread.left === 0) {
      this.#nodes.change(node, { spread, state: 'ready', dueAt: this.#heldBack(this.#now), resume: GATHER });
      return;
    }
    const given = giveOut(spread, more);
    this.#nodes.change(node, { spread: given.spread, state: 'waiting' });
    for (const item of given.items) this.#makeReady(this.#nodes.itemOf(node, item));
  }

  #makeReady(node: NodeRow): void {
    this.#nodes.change(node, { state: 'ready', dueAt: this.#heldBack(this.#now) });
    if (this.#state !== 'queued') this.#tellNode(node, 'ready', {});
  }

  #heldBack(dueAt: Date): Date | null {
    return this.#state === 'running' ? dueAt : null;
  }

  #end(node: NodeRow, change: Partial<NodeChange> & Pick<NodeChange, 'state'>): void {
    this.#nodes.change(node, { dueAt: null, resume: null, ...change });
    if (node.item === WHOLE) this.#left -= 1;
  }

  #endIfDone(): void {
    if (this.#left > 0 || isTerminal(this.#state)) return;
    this.#state = 'completed';
    this.#tellRun('completed');
  }

  #stop(state: 'failed' | 'cancelled', error: RunError | null): void {
    this.#sweep = 'cancel';
    this.#left = 0;
    this.#state = state;
    this.#error = error;
    this.#tellRun(state);
  }

  #definitionOf(key: string): NodeDefinition {
    const definition = this.#graph.nodes.get(key);
    if (!definition) throw new Error(`Definition ${this.#graph.definitionId} has no node ${key}.`);
    return definition;
  }

  #concurrencyOf({ key }: NodeRow): number {
    return this.#definitionOf(key).forEach?.concurrency ?? 1;
  }

  #tellRun(what: string): void {
    this.#events.ofRun(what, { state: this.#state, error: this.#error });
  }

  #tellNode(node: NodeRow, what: string, more: Record<string, unknown>): void {
    this.#events.ofNode(node, what, more);
  }
}

/** What tells the attempt that gathers the outputs of items from the one that finds the items. */
const GATHER = { gather: true };
/** Of a node that is made again from its beginning. */
const ANEW = { state: 'pending', attempt: 0, resume: null, error: null, dueAt: null } as const;
