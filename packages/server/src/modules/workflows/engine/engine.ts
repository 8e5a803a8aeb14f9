import { setTimeout as pause } from 'node:timers/promises';
import { AppError, toAppError } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { ClaimLoop } from '../../../platform/queue/claim-loop.ts';
import { LeaseKeeper } from '../../../platform/queue/lease-keeper.ts';
import { assertListFits, assertOutputFits } from '../context/bounds.ts';
import { bindInputs, sourced } from '../context/context.ts';
import type { Contexts } from '../context/contexts.ts';
import type { StoredContext } from '../context/store.ts';
import { nodeErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { ForEach, Item, JsonObject, NodeDefinition, Runtime } from '../model.ts';
import { completed, type Handler, type Task } from '../runtimes/model.ts';
import { failed } from './failed.ts';
import { concerned, type Graphs } from './graphs.ts';
import { type Result, WHOLE } from './model.ts';
import { resumeOf, waitForNeeds } from './needs.ts';
import type { Settler } from './settler.ts';
import {
  attemptName,
  type Claimed,
  claimNodes,
  type Due,
  readItemOutputs,
  renewNodes,
  sizeOfItemOutputs,
} from './store.ts';

export type EngineOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  settler: Settler;
  graphs: Graphs;
  contexts: Contexts;
  expressions: Expressions;
  handlers: Partial<Record<Runtime, Readonly<Record<string, Handler>>>>;
  /** What the installation can do now; a node that needs more waits for it. */
  capabilities(): ReadonlySet<string>;
  /** Calls back when nodes may have become ready, here or elsewhere. */
  onReady(listener: () => void): () => void;
  /** Calls back with the id of a run that ended while attempts may have been under way. */
  onEnded(listener: (runId: string) => void): () => void;
  /** Attempts under way at once in this process. */
  concurrency: number;
  leaseMs: number;
  /** How long a stop waits for attempts that are under way before it hands them back. */
  stopMs: number;
  log: Log;
};

const POLL_MS = 250;
/** Between two tries to report while the database is away. */
const REPORT_AGAIN_MS = 250;

/** For how long one that stops tries to hand back what it could not end; afterwards its leases run out. */
const HAND_BACK_MS = 2_000;

type Held = { claimed: Claimed; abort: AbortController };

/** For how long a look that found nobody waiting is believed. */
const BELIEVED_MS = 2 * POLL_MS;

/**
 * Makes attempts of nodes: claims what is due, runs it, reports what it came to. What becomes ready by that is handed over
 * in the same commit, as long as nobody waits in the queue: whoever waits there comes first, by priority and by turns.
 */
export class Engine implements AsyncDisposable {
  readonly #options: EngineOptions;
  readonly #loop: ClaimLoop<Due>;
  readonly #leases: LeaseKeeper<Held>;
  readonly #underWay = new Map<string, { held: Held; done: Promise<void> }>();
  readonly #stopListening: (() => void)[];
  /** Room that is set aside for what may be handed over. */
  #reserved = 0;
  /** Signals so far that somebody may wait. */
  #signals = 0;
  /** When the queue was last seen to hold nobody whom there is no room for. */
  #drainedAt = Number.NEGATIVE_INFINITY;
  /** From now on attempts that are aborted are handed back; null before that. */
  #handingBack: AbortSignal | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { concurrency, leaseMs, log } = options;
    this.#loop = new ClaimLoop({
      name: 'workflow nodes',
      capacity: () => concurrency - this.#underWay.size - this.#reserved,
      claim: (max) => this.#claim(max),
      start: (item) => this.#start(item),
      pollMs: POLL_MS,
      log,
    });
    this.#leases = new LeaseKeeper({
      renew: (held) => this.#renew(held),
      onLost: ({ abort }) => abort.abort(),
      leaseMs,
      log,
    });
    this.#stopListening = [options.onReady(() => this.#look()), options.onEnded((runId) => this.#abortRun(runId))];
  }

  start(): void {
    this.#loop.start();
    const { settler, leaseMs } = this.#options;
    settler.handOverTo({
      leaseSeconds: leaseMs / 1000,
      reserve: (ending) => this.#reserve(ending),
      take: (reserved, due) => {
        this.#reserved -= reserved;
        for (const each of due) this.#start(each);
        if (!this.#isDrained) this.#loop.wake();
      },
    });
  }

  /** Stops claiming and waits for what is under way; what takes too long is handed back, for another worker to make again. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stopListening) stop();
    this.#options.settler.handOverTo(null);
    await this.#loop[Symbol.asyncDispose]();
    const late = setTimeout(() => this.#handBack(), this.#options.stopMs);
    // A commit that was under way may still hand something over.
    while (this.#underWay.size > 0) await Promise.all([...this.#underWay.values()].map(({ done }) => done));
    clearTimeout(late);
    this.#leases[Symbol.dispose]();
  }

  #handBack(): void {
    this.#handingBack = AbortSignal.timeout(HAND_BACK_MS);
    for (const { held } of this.#underWay.values()) held.abort.abort();
  }

  async #claim(max: number): Promise<Due[]> {
    const { statements, leaseMs } = this.#options;
    const [signals, began] = [this.#signals, performance.now()];
    return statements(async (tx) => {
      const due = await claimNodes(tx, max, leaseMs / 1000);
      if (due.length < max && signals === this.#signals) this.#drainedAt = began;
      return due;
    });
  }

  /** Somebody may wait. */
  #look(): void {
    this.#signals += 1;
    this.#drainedAt = Number.NEGATIVE_INFINITY;
    this.#loop.wake();
  }

  get #isDrained(): boolean {
    return performance.now() - this.#drainedAt < BELIEVED_MS;
  }

  #reserve(ending: number): number {
    if (!this.#isDrained) return 0;
    const { concurrency } = this.#options;
    const room = Math.max(0, concurrency - this.#underWay.size - this.#reserved + ending);
    this.#reserved += room;
    return room;
  }

  #start({ claimed, stored }: Due): void {
    const name = attemptName(claimed);
    const held: Held = { claimed, abort: new AbortController() };
    this.#leases.hold(name, held);
    const done = this.#attempt(held, stored).finally(() => {
      this.#leases.release(name);
      this.#underWay.delete(name);
      if (!this.#isDrained) this.#loop.wake();
    });
    this.#underWay.set(name, { held, done });
  }

  async #renew(held: readonly Held[]): Promise<Held[]> {
    const { statements, leaseMs } = this.#options;
    const names = held.map(({ claimed }) => claimed);
    const still = await statements((tx) => renewNodes(tx, names, leaseMs / 1000));
    return held.filter(({ claimed }) => !still.has(attemptName(claimed)));
  }

  #abortRun(runId: string): void {
    for (const { held } of this.#underWay.values()) if (held.claimed.runId === runId) held.abort.abort();
  }

  async #attempt(held: Held, stored: StoredContext): Promise<void> {
    const { claimed, abort } = held;
    const result = await this.#resultOf(claimed, stored, abort.signal);
    if (!abort.signal.aborted) {
      if (result !== null) await this.#report(claimed, result, abort.signal);
    } else if (this.#handingBack !== null) await this.#report(claimed, 'lost', this.#handingBack);
  }

  /** What an attempt came to; null when that is told elsewhere, `lost` when our own database left in the middle of it. */
  async #resultOf(claimed: Claimed, stored: StoredContext, lost: AbortSignal): Promise<Result | 'lost' | null> {
    try {
      const node = await this.#nodeOf(claimed);
      const context = await this.#options.contexts.load(claimed, stored);
      if (node.forEach && claimed.item === WHOLE)
        return await this.#forEach(claimed, { ...node, forEach: node.forEach }, context);
      const item = claimed.item === WHOLE ? null : { index: claimed.item, value: claimed.input };
      if (item === null && !(await this.#isWanted(claimed, node, context))) return { kind: 'skipped' };
      const waiting = waitForNeeds(node, claimed.resume, {
        capabilities: this.#options.capabilities(),
        now: new Date(),
      });
      if (waiting !== null) return waiting;
      const result = await this.#run(node, this.#taskOf(claimed, { node, context, item }), lost);
      if (result?.kind === 'completed') assertOutputFits(result.output);
      return result;
    } catch (thrown) {
      // Nobody asks any more: what was stopped is no failure.
      if (lost.aborted) return null;
      if (isOneOf(thrown, DATABASE_AWAY)) return 'lost';
      if (toAppError(thrown).kind === 'internal')
        this.#options.log.error({ err: thrown, run: claimed.runId, node: claimed.key }, 'a node failed');
      return failed(thrown);
    }
  }

  async #nodeOf({ orgId, definitionId, key }: Claimed): Promise<NodeDefinition> {
    const node = (await this.#options.graphs.of(orgId, definitionId)).nodes.get(key);
    if (!node) throw new Error(`Definition ${definitionId} has no node ${key}.`);
    return node;
  }

  #taskOf(
    claimed: Claimed,
    of: { node: NodeDefinition; context: JsonObject; item: Item | null },
  ): Omit<Task, 'signal'> {
    const { node, context, item } = of;
    const input = bindInputs(node.inputs, context, item);
    return { ...claimed, resume: resumeOf(claimed.resume), node, item, variables: variablesOf(context), input };
  }

  async #isWanted({ resume }: Claimed, { when }: NodeDefinition, context: JsonObject): Promise<boolean> {
    if (when === null || resume !== null) return true;
    return this.#options.expressions.condition(when, variablesOf(context));
  }

  /** The first attempt of a node for each of a list finds the items, the one behind the last of them gathers what they gave. */
  async #forEach(claimed: Claimed, node: NodeDefinition & { forEach: ForEach }, context: JsonObject): Promise<Result> {
    if (claimed.spread !== null) return completed(await this.#gathered(claimed));
    if (!(await this.#isWanted(claimed, node, context))) return { kind: 'skipped' };
    const items = sourced(node.forEach.items, context, null);
    if (!Array.isArray(items)) throw nodeErrors.no_list(`"${node.key}" is to run for each of what is no list.`);
    return { kind: 'spread', items };
  }

  async #gathered(claimed: Claimed): Promise<Json[]> {
    return this.#options.statements(async (tx) => {
      assertListFits(await sizeOfItemOutputs(tx, claimed));
      return readItemOutputs(tx, claimed);
    });
  }

  async #run(node: NodeDefinition, task: Omit<Task, 'signal'>, lost: AbortSignal): Promise<Result | null> {
    const handler = this.#options.handlers[node.runtime]?.[node.operation];
    if (!handler)
      throw nodeErrors.unknown_operation(`This server has no ${node.runtime} operation "${node.operation}".`);
    lost.throwIfAborted();
    const tooLate = AbortSignal.timeout(node.policy.timeoutMs);
    const late = Promise.withResolvers<never>();
    tooLate.addEventListener('abort', () => late.reject(takesTooLong(node)), { once: true });
    lost.addEventListener('abort', () => late.reject(lost.reason), { once: true });
    return Promise.race([handler({ ...task, signal: AbortSignal.any([lost, tooLate]) }), late.promise]);
  }

  /** Tells what an attempt came to; while the database is away it waits, as long as the lease may hold. */
  async #report({ orgId, runId, ...claimed }: Claimed, of: Result | 'lost', signal: AbortSignal): Promise<void> {
    const { key, item, fence } = claimed;
    let result = of;
    const { settler, graphs, log } = this.#options;
    while (!signal.aborted) {
      try {
        const about = concerned(await graphs.of(orgId, claimed.definitionId), claimed);
        await settler.decide({ orgId, id: runId }, about, (progress) =>
          result === 'lost' ? progress.lose({ key, item, fence }) : progress.report({ key, item, fence, result }),
        );
        return;
      } catch (thrown) {
        log.warn({ err: thrown, run: runId, node: key }, 'the end of a node could not be recorded');
        if (isOneOf(thrown, NOT_KEPT) && result !== 'lost' && result.kind === 'completed') {
          result = failed(thrown);
          continue;
        }
        if (!isOneOf(thrown, COMES_BACK)) return;
        await pause(REPORT_AGAIN_MS);
      }
    }
  }
}

/** Our own database, not a service that a node asks: that it is away, or its disk full, is no failure of the node. */
const DATABASE_AWAY: ReadonlySet<string> = new Set(['database.unavailable', 'disk.full']);
/** What a node gave cannot be kept, which is how the node ends. */
const NOT_KEPT: ReadonlySet<string> = new Set(['workflow_context.no_room', 'workflow_context.not_stored']);
/** The context is out of reach, and so is the run. */
const COMES_BACK: ReadonlySet<string> = new Set([...DATABASE_AWAY, 'workflow_context.not_there']);

const isOneOf = (thrown: unknown, codes: ReadonlySet<string>): boolean =>
  thrown instanceof AppError && codes.has(thrown.code);

const variablesOf = (context: JsonObject): Task['variables'] => ({ context, input: context['input'] ?? null });

const takesTooLong = ({ key, policy }: NodeDefinition): Error =>
  nodeErrors.too_late(`"${key}" took longer than ${policy.timeoutMs} ms.`);
