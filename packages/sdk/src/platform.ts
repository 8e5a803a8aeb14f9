import type { evaluationRoutes, opsRoutes } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf } from './contract-route.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof evaluationRoutes & typeof opsRoutes;

export type PlatformStatus = AnswerOf<Routes['platformStatus']>;
export type QueueStatus = AnswerOf<Routes['queueStatus']>;
export type Languages = AnswerOf<Routes['languages']>;
export type Engines = AnswerOf<Routes['engines']>;
export type Readiness = AnswerOf<Routes['readyz']>;

/** The server itself: how it is, and what it has to run programs with. */
export class Platform {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Health of each service as checked just now. Works without a credential; the counts are then zero. */
  status(options?: CallOptions): Promise<PlatformStatus> {
    return this.#caller.call<Routes['platformStatus']>({ method: 'GET', path: '/api/status' }, options);
  }

  /** Whether the server can do its work, and what is missing if not. Works without a credential. */
  readiness(options?: CallOptions): Promise<Readiness> {
    return this.#caller.call<Routes['readyz']>({ method: 'GET', path: '/readyz', accepted: [503] }, options);
  }

  /** How many evaluations wait and run. */
  queue(options?: CallOptions): Promise<QueueStatus> {
    return this.#caller.call<Routes['queueStatus']>({ method: 'GET', path: '/api/queue-status' }, options);
  }

  /** The languages that the runners really have. */
  languages(options?: CallOptions): Promise<Languages> {
    return this.#caller.call<Routes['languages']>({ method: 'GET', path: '/api/languages' }, options);
  }

  /** The isolation engines that passed their self-attack, and those that did not with the fix. */
  engines(options?: CallOptions): Promise<Engines> {
    return this.#caller.call<Routes['engines']>({ method: 'GET', path: '/api/engines' }, options);
  }
}
