import { costOf } from '../../metering/index.ts';
import type { Authorization } from '../../vault/index.ts';
import type { AnswerCache } from '../cache/answer-cache.ts';
import { isBuiltIn } from '../catalogue/model.ts';
import type { ChatEvent } from '../model.ts';
import { watchedChat } from '../observation/telemetry.ts';
import type { AttemptOutcome } from '../observation/watch.ts';
import type { Recordings } from '../replay/recordings.ts';
import { AnswerCount, billable } from '../tokens/answer-count.ts';
import type { ProviderClient } from '../upstream/provider-client.ts';
import { toRefusal, UpstreamError } from '../upstream/upstream-error.ts';
import type { ProviderAccess } from './access.ts';
import { fetchStream, fetchWhole, gathered, prepare } from './attempt.ts';
import {
  type Asking,
  type AttemptServices,
  Attempts,
  billOf,
  isAbort,
  namesOf,
  WHOLE_DEADLINE_MS,
  wordFor,
} from './attempts.ts';
import { askBuiltIn } from './built-ins.ts';
import type { CallBill, ChatAnswer, ChatCall, Piece, Served, StreamedAnswer, WholeAnswer } from './model.ts';
import { breakerOf, demandOfChat, outputBound, type Planner } from './planner.ts';

export type ExecutorServices = AttemptServices & {
  planner: Planner;
  access: ProviderAccess;
  client: ProviderClient;
  /** What `replay` plays; null where it is off. */
  recordings: Recordings | null;
  cache: Pick<AnswerCache, 'through'>;
};

/** Longest that a stream may take in all, however slowly it drips. */
const STREAM_DEADLINE_MS = 60 * 60_000;
/** Somebody waits at a form for it; a model that has to be loaded first is given the time. */
const TRIAL_DEADLINE_MS = 30_000;

/**
 * Runs chats: finds who answers, sets the money aside, asks, falls to the next while nothing was said yet, and bills what
 * was delivered, whatever ends the call.
 */
export class ChatExecutor {
  readonly #services: ExecutorServices;
  readonly #attempts: Attempts;

  constructor(services: ExecutorServices) {
    this.#services = services;
    this.#attempts = new Attempts(services);
  }

  /** @throws AppError for every refusal: of the request, of a budget, and of all the providers that were asked */
  async execute(call: ChatCall): Promise<ChatAnswer> {
    const plan = await this.#services.planner.plan(demandOfChat(call, call.claims));
    const boundOf = (served: Served): number => Math.min(plan.maxTokens, outputBound(call.maxTokens, served));
    const watched = watchedChat(call, boundOf);
    return this.#services.cache.through(call, plan, () =>
      this.#attempts.run({ ...call, watched }, plan, (of) => this.#ask(call, of, boundOf(of.served))),
    );
  }

  async #ask(call: ChatCall, of: Asking, bound: number): Promise<ChatAnswer> {
    const { served, plan, hold } = of;
    const { access, client } = this.#services;
    if (isBuiltIn(served.provider.kind)) return this.#builtIn(call, of);
    const { asked, stream, passedOn } = call;
    const preparedWith = (authorization: Authorization) =>
      prepare({ candidate: served, authorization, asked, stream, maxTokens: bound, passedOn });
    const count = new AnswerCount({ likelyInput: plan.likelyInput, bound });
    const { signal } = call;
    const deadlineMs = call.isTrial ? TRIAL_DEADLINE_MS : stream ? STREAM_DEADLINE_MS : WHOLE_DEADLINE_MS;
    hold.progress(this.#cost(served, count) ?? 0, billable(count.usage));
    if (!call.stream) {
      const { raw, answer, latencyMs } = await access.letIn(served.provider, (authorization) =>
        fetchWhole(client, preparedWith(authorization), { signal, deadlineMs }),
      );
      this.#services.breakers.succeeded(breakerOf(served), latencyMs);
      count.addWhole(answer);
      return this.#whole(of, { raw, answer, usage: count.usage, isEstimated: !count.isExact });
    }
    const { pieces, latencyMs } = await access.letIn(served.provider, (authorization) =>
      fetchStream(client, preparedWith(authorization), { signal, deadlineMs }),
    );
    this.#services.breakers.succeeded(breakerOf(served), latencyMs);
    return this.#streamed(of, { pieces, count });
  }

  async #builtIn(call: ChatCall, of: Asking): Promise<ChatAnswer> {
    const { events, bound } = await askBuiltIn(call, of, this.#services.recordings);
    this.#services.breakers.succeeded(breakerOf(of.served), 0);
    if (!call.stream) {
      const answer = await gathered(events);
      return this.#whole(of, { raw: null, answer, usage: answer.usage, isEstimated: false });
    }
    return this.#streamed(of, { pieces: asPieces(events), count: new AnswerCount({ likelyInput: 0, bound }) });
  }

  #whole(
    of: Asking,
    { raw, answer, ...counted }: Pick<WholeAnswer, 'raw' | 'answer'> & Pick<CallBill, 'usage' | 'isEstimated'>,
  ): WholeAnswer {
    const bill = this.#attempts.bill(of, { ...counted, outcome: 'completed', failure: null, answer });
    return { kind: 'whole', raw, answer, bill };
  }

  #streamed(of: Asking, { pieces, count }: { pieces: AsyncGenerator<Piece>; count: AnswerCount }): StreamedAnswer {
    const { served, hold, attempt } = of;
    const billed = Promise.withResolvers<CallBill>();
    const settle = (outcome: AttemptOutcome, failure: string | null): void => {
      const { usage } = count;
      const isEstimated = !count.isExact;
      const cost = this.#cost(served, count);
      const quantities = billable(usage);
      attempt.ended({ outcome, failure, answer: null, usage, cost });
      // The answer need not wait for the commit; the ledger's journal has what was delivered.
      void hold
        .settle({ cost: cost ?? 0, quantities, outcome, isEstimated, served: namesOf(served) })
        .then(() => billed.resolve(billOf(of, { usage, isEstimated, cost })), billed.reject);
    };
    billed.promise.catch(() => {});
    return {
      kind: 'stream',
      served,
      budgetLeft: hold.budgetLeft,
      pieces: this.#metered(of, { pieces, count, settle }),
      bill: billed.promise,
    };
  }

  /** Writes down what each piece costs before it goes out, and bills what went out in the end. */
  async *#metered(
    { served, hold, attempt }: Asking,
    {
      pieces,
      count,
      settle,
    }: {
      pieces: AsyncGenerator<Piece>;
      count: AnswerCount;
      settle(outcome: AttemptOutcome, failure: string | null): void;
    },
  ): AsyncGenerator<Piece> {
    let outcome: AttemptOutcome = 'cancelled';
    let failure: string | null = null;
    try {
      for await (const piece of pieces) {
        for (const event of piece.events) count.add(event);
        if (count.isBeyond) throw endless();
        hold.progress(this.#cost(served, count) ?? 0, billable(count.usage));
        attempt.saw(piece.events);
        yield piece;
      }
      outcome = 'completed';
    } catch (thrown) {
      outcome = isAbort(thrown) ? 'cancelled' : 'failed';
      failure = wordFor(thrown);
      if (thrown instanceof UpstreamError) {
        this.#attempts.note(served, thrown);
        throw toRefusal(thrown.failure, served.provider.name);
      }
      throw thrown;
    } finally {
      settle(outcome, failure);
    }
  }

  #cost({ price }: Served, count: AnswerCount): number | null {
    return price === null ? null : costOf(price, billable(count.usage));
  }
}

const endless = (): UpstreamError =>
  new UpstreamError({
    reason: 'interrupted',
    status: 200,
    message: 'It said more than it was asked for, and was cut off.',
    retryAfterMs: null,
  });

async function* asPieces(events: AsyncIterable<ChatEvent>): AsyncGenerator<Piece> {
  for await (const event of events) yield { raw: null, events: [event] };
}
