import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../../kernel/errors.ts';
import { costOf, type Hold, type Ledger } from '../../metering/index.ts';
import { type ChatResponse, isRetryable } from '../model.ts';
import type { AttemptOutcome, AttemptWatch, CallWatch, Watched, Watching } from '../observation/watch.ts';
import type { TakenTokens, TokenLimits } from '../policies/token-limits.ts';
import type { Breakers } from '../routing/breaker.ts';
import { billable, tokensOf } from '../tokens/answer-count.ts';
import { toRefusal, UpstreamError } from '../upstream/upstream-error.ts';
import type { CallBill, ChatCall, Served } from './model.ts';
import { breakerOf, MOST_ATTEMPTS, type Planned } from './planner.ts';

export type AttemptServices = {
  breakers: Breakers;
  ledger: Ledger;
  watch: Watching;
  limits: TokenLimits;
};

/** A call whose money is set aside. */
type Admitted = { plan: Planned; hold: Hold; watch: CallWatch; isTrial: boolean };

/** One of those who could answer, asked within a reservation. */
export type Asking = { served: Served; plan: Planned; hold: Hold; attempt: AttemptWatch };

/** What an attempt came to; `answer` where it is one of words. */
export type Used = Pick<CallBill, 'usage' | 'isEstimated'> & {
  outcome: AttemptOutcome;
  failure: string | null;
  answer: ChatResponse | null;
};

/** Who calls, whatever is asked. */
export type Caller = Pick<ChatCall, 'claims' | 'fact' | 'attached' | 'notes' | 'signal' | 'isTrial'> & {
  watched: Watched;
};

/** Longest that a whole answer may take, however slowly it drips. */
export const WHOLE_DEADLINE_MS = 15 * 60_000;
/** Longer than this the caller waits better by itself. */
const LONGEST_BACK_OFF_MS = 2_000;
const FIRST_BACK_OFF_MS = 200;

/**
 * What every call to a model goes through, whatever is asked: the money is set aside, those who could answer are asked in
 * turn while nothing was said yet, and a call that nobody answered costs nothing.
 */
export class Attempts {
  readonly #services: AttemptServices;

  constructor(services: AttemptServices) {
    this.#services = services;
  }

  /**
   * Asks until somebody answers. Whoever answers bills the hold; a hold that nobody answered in is given back here.
   * @throws AppError for every refusal: of a limit, of a budget, and of all the providers that were asked
   */
  async run<Answer>(caller: Caller, plan: Planned, ask: (of: Asking) => Promise<Answer>): Promise<Answer> {
    const [first, ...others] = plan.candidates;
    if (!first) throw new Error('A route without candidates.');
    const claims = { ...caller.claims, ...namesOf(first), others: others.map(namesOf), isBatch: false };
    const { amount, recount } = plan;
    const { fact, attached } = caller;
    const named = fact === undefined ? {} : { fact };
    const watch = await this.#services.watch(caller.watched);
    const taken = await this.#takeTokens(caller, plan);
    const hold = await this.#services.ledger
      .reserve({ claims, amount, recount, ...named, attached })
      .catch((refusal: unknown) => {
        taken?.used(0);
        throw refusal;
      });
    if (taken !== null) hold.onEnd((delivered) => taken.used(tokensOf(delivered)));
    watch.admitted({ id: hold.admission.id, at: hold.admission.reservedAt });
    let asked = first;
    try {
      return await this.#firstToAnswer({ plan, hold, watch, isTrial: caller.isTrial === true }, caller.signal, (of) => {
        asked = of.served;
        return ask(of);
      });
    } catch (thrown) {
      watch.gaveUp(wordFor(thrown));
      if (!caller.signal.aborted) {
        await hold.release();
        throw thrown;
      }
      // Nobody waits any more, and a provider takes something for what it had begun: what went in, as far as we know.
      if (hold.hasBegun) await hold.settle({ ...hold.delivered, outcome: 'cancelled', served: namesOf(asked) });
      else await hold.release();
      throw left(thrown);
    }
  }

  #takeTokens({ notes }: Caller, { applied, likelyInput, maxTokens }: Planned): Promise<TakenTokens> | null {
    return this.#services.limits.take(applied, { input: likelyInput, output: maxTokens }, notes);
  }

  async #firstToAnswer<Answer>(
    admitted: Admitted,
    signal: AbortSignal,
    ask: (of: Asking) => Promise<Answer>,
  ): Promise<Answer> {
    const { plan, isTrial } = admitted;
    const isAlone = plan.candidates.length === 1;
    let failed: AppError | null = null;
    for (const [tries, served] of attemptsOf(plan.candidates, isTrial).entries()) {
      if (tries > 0 && isAlone) await backOff(tries, failed?.retryAfterMs ?? 0, signal);
      admitted.hold.asks(isAlone ? 0 : tries);
      const outcome = await this.#try(admitted, served, ask);
      if ('answer' in outcome) return outcome.answer;
      // Who refuses takes nothing.
      admitted.hold.progress(0, {});
      failed = outcome.refusal;
      if (outcome.isFinal || (isAlone && isFar(failed))) break;
    }
    throw failed ?? new Error('A route without candidates.');
  }

  /** Asks one of them. Gives why it did not answer, and whether nobody else would. */
  async #try<Answer>(
    { plan, hold, watch, isTrial }: Admitted,
    served: Served,
    ask: (of: Asking) => Promise<Answer>,
  ): Promise<{ answer: Answer } | { refusal: AppError; isFinal: boolean }> {
    const { breakers } = this.#services;
    if (!isTrial && !breakers.admits(breakerOf(served))) return { refusal: resting(served), isFinal: false };
    const attempt = watch.asked(served);
    try {
      return { answer: await ask({ served, plan, hold, attempt }) };
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) {
        // Anything else was never sent: a try that does not end is told of to nobody.
        if (isAbort(thrown)) attempt.failed('cancelled');
        breakers.gaveUp(breakerOf(served));
        throw thrown;
      }
      attempt.failed(thrown.failure.reason);
      this.note(served, thrown);
      return { refusal: toRefusal(thrown.failure, served.provider.name), isFinal: !isRetryable(thrown.failure) };
    }
  }

  /** Only what says something about the provider counts: a request that it rejects does not. */
  note(served: Served, { failure }: UpstreamError): void {
    const { breakers } = this.#services;
    if (isRetryable(failure)) breakers.failed(breakerOf(served), failure.retryAfterMs);
    else breakers.gaveUp(breakerOf(served));
  }

  /**
   * Bills what did not come as a stream, by what the provider counted. It is written down here and now; for the commit the
   * answer does not wait.
   * @throws AppError when it cannot be written down: then the answer must not go out
   */
  bill(of: Asking, { usage, isEstimated, ...ended }: Used): CallBill {
    const { served, hold, attempt } = of;
    const { outcome } = ended;
    const quantities = billable(usage);
    const cost = served.price === null ? null : costOf(served.price, quantities);
    hold.progress(cost ?? 0, quantities);
    attempt.ended({ ...ended, usage, cost });
    // The ledger tells of what it cannot record, and the journal keeps it.
    hold.settle({ cost: cost ?? 0, quantities, outcome, isEstimated, served: namesOf(served) }).catch(() => {});
    return billOf(of, { usage, isEstimated, cost });
  }
}

export const isAbort = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'AbortError';

/** One of a few words for what ended a try. */
export function wordFor(thrown: unknown): string {
  if (isAbort(thrown)) return 'cancelled';
  if (thrown instanceof UpstreamError) return thrown.failure.reason;
  return thrown instanceof AppError ? thrown.code : 'internal';
}

/** Who serves a call, as its bill names it. */
export const namesOf = ({ provider, model, price }: Served) => ({
  provider: provider.name,
  model,
  priceVersion: price?.version ?? 'none',
});

/** What a call that cost so much is billed: no more than was set aside for it. */
export const billOf = (
  { served, hold }: Asking,
  { cost, ...of }: Pick<CallBill, 'usage' | 'isEstimated' | 'cost'>,
): CallBill => ({
  ...namesOf(served),
  ...of,
  cost: cost === null ? null : Math.min(cost, hold.amount),
  budgetLeft: hold.budgetLeft,
});

/** Each is asked once; one that is alone, again, unless it is to be seen how it is. */
const attemptsOf = (candidates: readonly Served[], isTrial: boolean): readonly Served[] =>
  candidates.length === 1 && !isTrial ? Array<Served>(MOST_ATTEMPTS).fill(candidates[0] as Served) : candidates;

/** Whether the provider asked for more patience than the caller should spend here. */
const isFar = ({ retryAfterMs = 0 }: AppError): boolean => retryAfterMs > LONGEST_BACK_OFF_MS;

/** Waits before the same provider is asked again: as long as it said, else longer each time, never all callers alike. */
export async function backOff(tries: number, saidMs: number, signal: AbortSignal): Promise<void> {
  const steps = FIRST_BACK_OFF_MS * 2 ** (tries - 1);
  await pause(Math.min(LONGEST_BACK_OFF_MS, Math.max(saidMs, steps * (0.5 + Math.random()))), undefined, { signal });
}

const left = (cause: unknown): AppError =>
  new AppError('cancelled', 'chat.cancelled', 'The caller left before the answer was there.', { cause });

export const resting = ({ provider, model }: Served): AppError =>
  new AppError(
    'unavailable',
    'provider.down',
    `${provider.name} has been failing for ${model}, and is left alone for a moment. Try again shortly, or ask another model.`,
    { retryAfterMs: 5_000 },
  );
