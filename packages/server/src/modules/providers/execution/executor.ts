import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../../kernel/errors.ts';
import { newId } from '../../../kernel/ids.ts';
import { costOf, type Hold, type Ledger, type Outcome } from '../../metering/index.ts';
import { isBuiltIn } from '../catalogue/model.ts';
import { type ChatEvent, type ChatRequest, isRetryable } from '../model.ts';
import type { Breakers } from '../routing/breaker.ts';
import { AnswerCount, billable } from '../tokens/answer-count.ts';
import type { ProviderClient } from '../upstream/provider-client.ts';
import { toRefusal, UpstreamError } from '../upstream/upstream-error.ts';
import { fetchStream, fetchWhole, gathered, prepare } from './attempt.ts';
import type { ProviderDirectory } from './directory.ts';
import { echo, echoModel } from './echo.ts';
import type { Asked, ChatAnswer, ChatBill, ChatCall, Piece, Served, StreamedAnswer, WholeAnswer } from './model.ts';
import { breakerOf, MOST_ATTEMPTS, outputBound, type Planned, type Planner } from './planner.ts';

export type ExecutorServices = {
  planner: Planner;
  directory: ProviderDirectory;
  client: ProviderClient;
  breakers: Breakers;
  ledger: Ledger;
  observe(call: { kind: string; outcome: string; seconds: number }): void;
};

/** Longest that an answer may take in all, however slowly it drips. */
const WHOLE_DEADLINE_MS = 15 * 60_000;
const STREAM_DEADLINE_MS = 60 * 60_000;
/** Longer than this the caller waits better by itself. */
const LONGEST_BACK_OFF_MS = 2_000;
const FIRST_BACK_OFF_MS = 200;

/**
 * Runs chats: finds who answers, sets the money aside, asks, falls to the next while nothing was said yet, and bills what
 * was delivered, whatever ends the call.
 */
export class ChatExecutor {
  readonly #services: ExecutorServices;

  constructor(services: ExecutorServices) {
    this.#services = services;
  }

  /** @throws AppError for every refusal: of the request, of a budget, and of all the providers that were asked */
  async execute(call: ChatCall): Promise<ChatAnswer> {
    const plan = await this.#services.planner.plan(call);
    const [first] = plan.candidates;
    if (!first) throw new Error('A route without candidates.');
    const claims = { ...call.claims, ...this.#named(first), isBatch: false };
    const hold = await this.#services.ledger.reserve({ claims, amount: plan.amount, attached: call.attached });
    try {
      return await this.#firstToAnswer(call, plan, hold);
    } catch (thrown) {
      if (!call.signal.aborted) {
        await hold.release();
        throw thrown;
      }
      // Nobody waits any more, and the provider takes something for what it had begun: what went in, as far as we know.
      await hold.settle({ ...hold.delivered, outcome: 'cancelled' });
      throw left(thrown);
    }
  }

  async #firstToAnswer(call: ChatCall, plan: Planned, hold: Hold): Promise<ChatAnswer> {
    const isAlone = plan.candidates.length === 1;
    let failed: AppError | null = null;
    for (const [tries, served] of attemptsOf(plan.candidates).entries()) {
      if (tries > 0 && isAlone) await backOff(tries, failed?.retryAfterMs ?? 0, call.signal);
      const outcome = await this.#try(call, { served, plan, hold });
      if (!('refusal' in outcome)) return outcome;
      failed = outcome.refusal;
      if (outcome.isFinal || (isAlone && (failed.retryAfterMs ?? 0) > LONGEST_BACK_OFF_MS)) break;
    }
    throw failed ?? new Error('A route without candidates.');
  }

  /** Asks one of them. Gives why it did not answer, and whether nobody else would. */
  async #try(call: ChatCall, of: Asking): Promise<ChatAnswer | { refusal: AppError; isFinal: boolean }> {
    const { served } = of;
    const { breakers } = this.#services;
    if (!breakers.admits(breakerOf(served))) return { refusal: resting(served), isFinal: false };
    try {
      return await this.#ask(call, of);
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) {
        breakers.gaveUp(breakerOf(served));
        throw thrown;
      }
      this.#note(served, thrown);
      return { refusal: toRefusal(thrown.failure, served.provider.name), isFinal: !isRetryable(thrown.failure) };
    }
  }

  /** Only what says something about the provider counts: a request that it rejects does not. */
  #note(served: Served, { failure }: UpstreamError): void {
    const { breakers } = this.#services;
    if (isRetryable(failure)) breakers.failed(breakerOf(served), failure.retryAfterMs);
    else breakers.gaveUp(breakerOf(served));
  }

  async #ask(call: ChatCall, of: Asking): Promise<ChatAnswer> {
    const { served, plan, hold } = of;
    if (isBuiltIn(served.provider.kind)) return this.#echo(call, of);
    const key = await this.#services.directory.keyOf(served.provider);
    const bound = Math.min(plan.maxTokens, outputBound(call.maxTokens, served));
    const prepared = prepare({
      candidate: served,
      key,
      asked: call.asked,
      stream: call.stream,
      maxTokens: bound,
      passedOn: call.passedOn,
    });
    const count = new AnswerCount({ likelyInput: plan.likelyInput, bound });
    const signal = AbortSignal.any([
      call.signal,
      AbortSignal.timeout(call.stream ? STREAM_DEADLINE_MS : WHOLE_DEADLINE_MS),
    ]);
    hold.progress(Math.min(this.#cost(served, count) ?? 0, hold.amount), billable(count.usage));
    const started = performance.now();
    if (!call.stream) {
      const { raw, answer, latencyMs } = await fetchWhole(this.#services.client, prepared, signal);
      this.#services.breakers.succeeded(breakerOf(served), latencyMs);
      return this.#whole(of, { raw, answer, started });
    }
    const { pieces, latencyMs } = await fetchStream(this.#services.client, prepared, signal);
    this.#services.breakers.succeeded(breakerOf(served), latencyMs);
    return this.#streamed(of, { pieces, count, started });
  }

  async #echo(call: ChatCall, of: Asking): Promise<ChatAnswer> {
    const { served, plan } = of;
    const model = echoModel(served.model);
    if (!model) throw resting(served);
    const request = { ...requestOf(call.asked), model: served.model };
    const bounded = { ...request, maxTokens: request.maxTokens ?? plan.maxTokens };
    const events = echo(bounded, { id: `chatcmpl-${newId()}`, paceMs: model.paceMs }, call.signal);
    const started = performance.now();
    this.#services.breakers.succeeded(breakerOf(served), 0);
    if (!call.stream) return this.#whole(of, { raw: null, answer: await gathered(events), started });
    return this.#streamed(of, {
      pieces: asPieces(events),
      count: new AnswerCount({ likelyInput: 0, bound: plan.maxTokens }),
      started,
    });
  }

  async #whole(
    { served, hold }: Asking,
    { raw, answer, started }: { raw: Buffer | null; answer: WholeAnswer['answer']; started: number },
  ): Promise<WholeAnswer> {
    const quantities = billable(answer.usage);
    const cost = served.price === null ? null : costOf(served.price, quantities);
    await hold.settle({ cost: cost ?? 0, quantities, outcome: 'completed', served: this.#named(served) });
    this.#observe(served, 'completed', started);
    return { kind: 'whole', raw, answer, bill: this.#billOf(served, hold, { usage: answer.usage, cost }) };
  }

  #streamed(
    of: Asking,
    { pieces, count, started }: { pieces: AsyncGenerator<Piece>; count: AnswerCount; started: number },
  ): StreamedAnswer {
    const { served, hold } = of;
    const billed = Promise.withResolvers<ChatBill>();
    const settle = async (outcome: Outcome): Promise<void> => {
      const { usage } = count;
      const cost = this.#cost(served, count);
      const quantities = billable(usage);
      this.#observe(served, outcome, started);
      // The answer need not wait for the commit; the ledger's journal has what was delivered.
      void hold
        .settle({ cost: Math.min(cost ?? 0, hold.amount), quantities, outcome, served: this.#named(served) })
        .then(() => billed.resolve(this.#billOf(served, hold, { usage, cost })), billed.reject);
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
    { served, hold }: Asking,
    {
      pieces,
      count,
      settle,
    }: { pieces: AsyncGenerator<Piece>; count: AnswerCount; settle(outcome: Outcome): Promise<void> },
  ): AsyncGenerator<Piece> {
    let outcome: Outcome = 'cancelled';
    try {
      for await (const piece of pieces) {
        for (const event of piece.events) count.add(event);
        if (count.isBeyond) throw endless();
        hold.progress(Math.min(this.#cost(served, count) ?? 0, hold.amount), billable(count.usage));
        yield piece;
      }
      outcome = 'completed';
    } catch (thrown) {
      outcome = thrown instanceof Error && thrown.name === 'AbortError' ? 'cancelled' : 'failed';
      if (thrown instanceof UpstreamError) {
        this.#note(served, thrown);
        throw toRefusal(thrown.failure, served.provider.name);
      }
      throw thrown;
    } finally {
      await settle(outcome);
    }
  }

  #cost({ price }: Served, count: AnswerCount): number | null {
    return price === null ? null : costOf(price, billable(count.usage));
  }

  #named({ provider, model, price }: Served): { provider: string; model: string; priceVersion: string } {
    return { provider: provider.name, model, priceVersion: price?.version ?? 'none' };
  }

  #billOf(served: Served, hold: Hold, of: Pick<ChatBill, 'usage' | 'cost'>): ChatBill {
    return { ...this.#named(served), ...of, budgetLeft: hold.budgetLeft };
  }

  #observe({ provider }: Served, outcome: Outcome, started: number): void {
    this.#services.observe({ kind: provider.kind, outcome, seconds: (performance.now() - started) / 1000 });
  }
}

type Asking = { served: Served; plan: Planned; hold: Hold };

/** Each is asked once; one that is alone, again. */
const attemptsOf = (candidates: readonly Served[]): readonly Served[] =>
  candidates.length === 1 ? Array<Served>(MOST_ATTEMPTS).fill(candidates[0] as Served) : candidates;

/** Waits before the same provider is asked again: as long as it said, else longer each time, never all callers alike. */
async function backOff(tries: number, saidMs: number, signal: AbortSignal): Promise<void> {
  const steps = FIRST_BACK_OFF_MS * 2 ** (tries - 1);
  await pause(Math.min(LONGEST_BACK_OFF_MS, Math.max(saidMs, steps * (0.5 + Math.random()))), undefined, { signal });
}

const left = (cause: unknown): AppError =>
  new AppError('cancelled', 'chat.cancelled', 'The caller left before the answer was there.', { cause });

const endless = (): UpstreamError =>
  new UpstreamError({
    reason: 'interrupted',
    status: 200,
    message: 'It said more than it was asked for, and was cut off.',
    retryAfterMs: null,
  });

const requestOf = (asked: Asked): ChatRequest =>
  asked.dialect === null ? asked.request : asked.dialect.decode(asked.body);

async function* asPieces(events: AsyncIterable<ChatEvent>): AsyncGenerator<Piece> {
  for await (const event of events) yield { raw: null, events: [event] };
}

const resting = ({ provider, model }: Served): AppError =>
  new AppError(
    'unavailable',
    'provider.down',
    `${provider.name} has been failing for ${model}, and is left alone for a moment. Try again shortly, or ask another model.`,
    { retryAfterMs: 5_000 },
  );
