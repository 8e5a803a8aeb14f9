import { setTimeout as pause } from 'node:timers/promises';
import { AppError, toAppError } from '../../../kernel/errors.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { ClaimLoop } from '../../../platform/queue/claim-loop.ts';
import { LeaseKeeper } from '../../../platform/queue/lease-keeper.ts';
import { bindInputs } from '../context/context.ts';
import { nodeErrors } from '../errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { JsonObject, NodeDefinition, Runtime } from '../model.ts';
import type { Handler, Task } from '../runtimes/model.ts';
import type { Graphs } from './graphs.ts';
import type { Result } from './model.ts';
import type { Settler } from './settler.ts';
import { type Claimed, claimNodes, nameOf, readContexts, renewNodes } from './store.ts';

export type EngineOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  settler: Settler;
  graphs: Graphs;
  expressions: Expressions;
  handlers: Partial<Record<Runtime, Readonly<Record<string, Handler>>>>;
  /** Calls back when nodes may have become ready, here or elsewhere. */
  onReady(listener: () => void): () => void;
  /** Calls back with the id of a run that ended while attempts may have been under way. */
  onEnded(listener: (runId: string) => void): () => void;
  /** Attempts under way at once in this process. */
  concurrency: number;
  leaseMs: number;
  log: Log;
};

const POLL_MS = 250;
/** Between two tries to report while the database is away. */
const REPORT_AGAIN_MS = 250;

type Held = { claimed: Claimed; abort: AbortController };
type Item = { claimed: Claimed; context: JsonObject };

/** Makes attempts of nodes: claims what is due, runs it, reports what it came to. */
export class Engine implements AsyncDisposable {
  readonly #options: EngineOptions;
  readonly #loop: ClaimLoop<Item>;
  readonly #leases: LeaseKeeper<Held>;
  readonly #underWay = new Map<string, { held: Held; done: Promise<void> }>();
  readonly #stopListening: (() => void)[];

  constructor(options: EngineOptions) {
    this.#options = options;
    const { concurrency, leaseMs, log } = options;
    this.#loop = new ClaimLoop({
      name: 'workflow nodes',
      capacity: () => concurrency - this.#underWay.size,
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
    this.#stopListening = [options.onReady(() => this.#loop.wake()), options.onEnded((runId) => this.#abortRun(runId))];
  }

  start(): void {
    this.#loop.start();
  }

  /** Stops claiming and waits for what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stopListening) stop();
    await this.#loop[Symbol.asyncDispose]();
    await Promise.all([...this.#underWay.values()].map(({ done }) => done));
    this.#leases[Symbol.dispose]();
  }

  async #claim(max: number): Promise<Item[]> {
    const { statements, leaseMs } = this.#options;
    return statements(async (tx) => {
      const claimed = await claimNodes(tx, max, leaseMs / 1000);
      if (claimed.length === 0) return [];
      const contexts = await readContexts(
        tx,
        claimed.map(({ orgId, runId }) => ({ orgId, id: runId })),
      );
      return claimed.map((each) => ({ claimed: each, context: contexts.get(each.runId) ?? {} }));
    });
  }

  #start({ claimed, context }: Item): void {
    const name = nameOf(claimed);
    const held: Held = { claimed, abort: new AbortController() };
    this.#leases.hold(name, held);
    const done = this.#attempt(held, context).finally(() => {
      this.#leases.release(name);
      this.#underWay.delete(name);
      this.#loop.wake();
    });
    this.#underWay.set(name, { held, done });
  }

  async #renew(held: readonly Held[]): Promise<Held[]> {
    const { statements, leaseMs } = this.#options;
    const names = held.map(({ claimed }) => claimed);
    const still = await statements((tx) => renewNodes(tx, names, leaseMs / 1000));
    return held.filter(({ claimed }) => !still.has(nameOf(claimed)));
  }

  #abortRun(runId: string): void {
    for (const { held } of this.#underWay.values()) if (held.claimed.runId === runId) held.abort.abort();
  }

  async #attempt(held: Held, context: JsonObject): Promise<void> {
    const { claimed, abort } = held;
    const result = await this.#resultOf(claimed, context, abort.signal);
    if (result !== null && !abort.signal.aborted) await this.#report(claimed, result, abort.signal);
  }

  async #resultOf(claimed: Claimed, context: JsonObject, lost: AbortSignal): Promise<Result | null> {
    try {
      const graph = await this.#options.graphs.of(claimed.orgId, claimed.definitionId);
      const node = graph.nodes.get(claimed.key);
      if (!node) throw new Error(`Definition ${claimed.definitionId} has no node ${claimed.key}.`);
      const variables = { context, input: context['input'] ?? null };
      const isWanted = node.when === null || claimed.resume !== null;
      if (!isWanted && !(await this.#options.expressions.condition(String(node.when), variables)))
        return { kind: 'skipped' };
      return await this.#run(node, { ...claimed, node, variables, input: bindInputs(node.inputs, context) }, lost);
    } catch (thrown) {
      return this.#failed(claimed, thrown);
    }
  }

  async #run(node: NodeDefinition, task: Omit<Task, 'signal'>, lost: AbortSignal): Promise<Result | null> {
    const handler = this.#options.handlers[node.runtime]?.[node.operation];
    if (!handler)
      throw nodeErrors.unknown_operation(`This server has no ${node.runtime} operation "${node.operation}".`);
    const tooLate = AbortSignal.timeout(node.policy.timeoutMs);
    const late = Promise.withResolvers<never>();
    tooLate.addEventListener('abort', () => late.reject(takesTooLong(node)), { once: true });
    return Promise.race([handler({ ...task, signal: AbortSignal.any([lost, tooLate]) }), late.promise]);
  }

  /** What was refused will be refused again; anything else may go better. */
  #failed(claimed: Claimed, thrown: unknown): Result {
    const { kind, code, message, faults } = toAppError(thrown);
    if (kind === 'internal')
      this.#options.log.error({ err: thrown, run: claimed.runId, node: claimed.key }, 'a node failed');
    const failure = { code, message, ...(faults.length > 0 ? { faults } : {}) };
    return { kind: 'failed', failure, isFinal: FINAL.has(kind) };
  }

  /** Tells what an attempt came to; while the database is away it waits, as long as the lease may hold. */
  async #report({ orgId, runId, key, fence }: Claimed, result: Result, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#options.settler.decide({ orgId, id: runId }, (progress) =>
          progress.report({ orgId, runId, key, fence, result }),
        );
        return;
      } catch (thrown) {
        const isAway = thrown instanceof AppError && thrown.kind === 'unavailable';
        this.#options.log.warn({ err: thrown, run: runId, node: key }, 'the end of a node could not be recorded');
        if (!isAway) return;
        await pause(REPORT_AGAIN_MS);
      }
    }
  }
}

const FINAL: ReadonlySet<AppError['kind']> = new Set([
  'invalid',
  'unauthenticated',
  'denied',
  'not_found',
  'billing',
  'too_large',
  'unimplemented',
]);

const takesTooLong = ({ key, policy }: NodeDefinition): Error =>
  nodeErrors.too_late(`"${key}" took longer than ${policy.timeoutMs} ms.`);
