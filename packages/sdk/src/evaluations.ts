import type { evaluationRoutes } from '@assay/contract';
import { TimeoutError } from './assay-error.ts';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf, QueryOf } from './contract-route.ts';
import { EventStream, type FollowOptions } from './event-stream.ts';
import { Listing } from './listing.ts';
import { decodeLogEvent, type LogEvent } from './log-event.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof evaluationRoutes;

/** A program to run, and how. */
export type EvaluationRequest = BodyOf<Routes['submit']>;
export type SubmittedEvaluation = Extract<AnswerOf<Routes['submit']>, { status: 'queued' }>;
export type EvaluationBatch = AnswerOf<Routes['submitBatch']>;
/** State and result in short. */
export type EvaluationStatus = AnswerOf<Routes['status']>;
/** Everything kept of an evaluation, the isolation receipt included. */
export type EvaluationRecord = AnswerOf<Routes['record']>;
export type EvaluationLogs = AnswerOf<Routes['logs']>;
export type EvaluationPage = AnswerOf<Routes['list']>;
export type EvaluationSummary = EvaluationPage['evaluations'][number];

export type WaitOptions = CallOptions & { within?: number | undefined };

/** Seconds for which one request waits for the end; the server allows 60. */
const LONG_POLL = 30;

/** Runs of untrusted code. */
export class Evaluations {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Hands in a program; it runs when its turn comes. */
  async submit(request: EvaluationRequest, options?: CallOptions): Promise<SubmittedEvaluation> {
    return (await this.#submit(request, 0, options)) as SubmittedEvaluation;
  }

  /**
   * Hands in a program and waits for its end, however long that takes, or for `within` milliseconds.
   * @throws TimeoutError when it runs for longer than `within`; it goes on running
   */
  async run(request: EvaluationRequest, options: WaitOptions = {}): Promise<EvaluationStatus> {
    const { within = Number.POSITIVE_INFINITY } = options;
    const deadline = Date.now() + within;
    const answer = await this.#submit(request, secondsUntil(deadline), options);
    if ('output' in answer && hasEnded(answer)) return answer;
    return this.waitForEnd(answer.eval_id, { ...options, within: deadline - Date.now() });
  }

  /** Hands in up to 100 programs; each is accepted or refused on its own. */
  submitBatch(requests: readonly EvaluationRequest[], options?: CallOptions): Promise<EvaluationBatch> {
    const body = { evaluations: [...requests] };
    return this.#caller.call<Routes['submitBatch']>({ method: 'POST', path: '/api/eval-batch', body }, options);
  }

  /** State and result; with `wait`, after its end or that many seconds, whichever is first. */
  status(id: string, options: CallOptions & { wait?: number } = {}): Promise<EvaluationStatus> {
    const { wait = 0 } = options;
    return this.#caller.call<Routes['status']>(
      {
        method: 'GET',
        path: '/api/eval-status/{eval_id}',
        params: { eval_id: id },
        query: { wait },
        heldMs: wait * 1000,
      },
      options,
    );
  }

  /** The whole record; with `wait`, after its end or that many seconds, whichever is first. */
  get(id: string, options: CallOptions & { wait?: number } = {}): Promise<EvaluationRecord> {
    const { wait = 0 } = options;
    return this.#caller.call<Routes['record']>(
      { method: 'GET', path: '/api/eval/{eval_id}', params: { eval_id: id }, query: { wait }, heldMs: wait * 1000 },
      options,
    );
  }

  /**
   * Waits until the evaluation has ended, however long that takes, or for `within` milliseconds.
   * @throws TimeoutError when it runs for longer than `within`; it goes on running
   */
  async waitForEnd(id: string, options: WaitOptions = {}): Promise<EvaluationStatus> {
    const { within = Number.POSITIVE_INFINITY } = options;
    const deadline = Date.now() + within;
    for (;;) {
      const evaluation = await this.status(id, { ...options, wait: secondsUntil(deadline) });
      if (hasEnded(evaluation)) return evaluation;
      if (Date.now() >= deadline)
        throw new TimeoutError(`Evaluation ${id} has not ended in time; it is ${evaluation.status}.`);
    }
  }

  /** The output so far. */
  logs(id: string, options?: CallOptions): Promise<EvaluationLogs> {
    const path = '/api/eval/{eval_id}/logs';
    return this.#caller.call<Routes['logs']>({ method: 'GET', path, params: { eval_id: id } }, options);
  }

  /** The output from its start to its end, as it appears; the last event is `end`. */
  followLogs(id: string, options: FollowOptions = {}): EventStream<LogEvent> {
    return new EventStream({
      transport: this.#caller.transport,
      request: { method: 'GET', path: '/api/eval/{eval_id}/logs', params: { eval_id: id } },
      decode: decodeLogEvent,
      isLast: ({ type }) => type === 'end',
      options,
    });
  }

  /** Ends an evaluation with its whole process tree. */
  kill(id: string, options?: CallOptions): Promise<AnswerOf<Routes['kill']>> {
    const path = '/api/eval/{eval_id}/kill';
    return this.#caller.call<Routes['kill']>({ method: 'POST', path, params: { eval_id: id } }, options);
  }

  /** Cancels an evaluation in whatever state it is. */
  cancel(id: string, options?: CallOptions): Promise<AnswerOf<Routes['cancel']>> {
    const path = '/api/eval/{eval_id}/cancel';
    return this.#caller.call<Routes['cancel']>({ method: 'POST', path, params: { eval_id: id } }, options);
  }

  /** The organization's evaluations, newest first. */
  list(query: QueryOf<Routes['list']> = {}, options?: CallOptions): Listing<EvaluationPage, EvaluationSummary> {
    return new Listing({
      fetch: (from) =>
        this.#caller.call<Routes['list']>(
          {
            method: 'GET',
            path: '/api/evaluations',
            query: from === undefined ? query : { ...query, offset: Number(from) },
          },
          options,
        ),
      items: ({ evaluations }) => evaluations,
      next: ({ has_more, offset, evaluations }) =>
        has_more && evaluations.length > 0 ? String(offset + evaluations.length) : null,
    });
  }

  #submit(request: EvaluationRequest, wait: number, options: CallOptions = {}): Promise<AnswerOf<Routes['submit']>> {
    return this.#caller.call<Routes['submit']>(
      { method: 'POST', path: '/api/eval', query: { wait }, body: request, heldMs: wait * 1000 },
      options,
    );
  }
}

const hasEnded = ({ status }: EvaluationStatus): boolean => status !== 'queued' && status !== 'running';

/** For how long the next request may wait. */
const secondsUntil = (deadline: number): number =>
  Math.min(LONG_POLL, Math.max(0, Math.ceil((deadline - Date.now()) / 1000)));
