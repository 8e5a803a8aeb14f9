import { setTimeout as pause } from 'node:timers/promises';
import type { AppError } from '../../../kernel/errors.ts';
import { costOf } from '../../metering/index.ts';
import { isBuiltIn } from '../catalogue/model.ts';
import type { Embeddable, Vector } from '../embedding-model.ts';
import { isRetryable, NO_USAGE } from '../model.ts';
import { watchedEmbedding } from '../observation/telemetry.ts';
import { billable } from '../tokens/answer-count.ts';
import { embeddingBoundOf } from '../tokens/embedding-bound.ts';
import { toRefusal, UpstreamError } from '../upstream/upstream-error.ts';
import { type Asking, Attempts, backOff, resting, WHOLE_DEADLINE_MS } from './attempts.ts';
import { echoModel } from './echo.ts';
import { echoEmbeddings } from './echo-embedding.ts';
import { fetchEmbeddings, prepareEmbedding, requestOf } from './embedding-attempt.ts';
import { demandOfEmbedding, type EmbeddingAnswer, type EmbeddingCall } from './embedding-call.ts';
import type { ExecutorServices } from './executor.ts';
import { breakerOf, MOST_ATTEMPTS } from './planner.ts';

/** Requests of one call that are under way at once, to a provider that takes few inputs in each. */
const MOST_AT_ONCE = 4;

type Part = { raw: Buffer | null; model: string | null; vectors: readonly Vector[]; tokens: number; isTold: boolean };

/**
 * Runs embeddings: the same way as chats, and whole. A provider that takes few inputs at once is asked in several requests;
 * when one of them fails for good the call fails, and what the others used is billed, as nobody else can go on with it.
 */
export class EmbeddingExecutor {
  readonly #services: ExecutorServices;
  readonly #attempts: Attempts;

  constructor(services: ExecutorServices) {
    this.#services = services;
    this.#attempts = new Attempts(services);
  }

  /** @throws AppError for every refusal: of the request, of a budget, and of all the providers that were asked */
  async execute(call: EmbeddingCall): Promise<EmbeddingAnswer> {
    const plan = await this.#services.planner.plan(demandOfEmbedding(call, call.claims));
    const watched = watchedEmbedding(call);
    const outcome = await this.#attempts.run({ ...call, watched }, plan, (of) => this.#ask(call, of));
    if ('refusal' in outcome) throw outcome.refusal;
    return outcome;
  }

  async #ask(call: EmbeddingCall, of: Asking): Promise<EmbeddingAnswer | { refusal: AppError }> {
    const { served } = of;
    const { access, breakers, client } = this.#services;
    if (isBuiltIn(served.provider.kind)) return this.#answer(of, [await this.#echo(call, of)]);
    const prepared = prepareEmbedding(served, call);
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(WHOLE_DEADLINE_MS)]);
    let likely = 0;
    const ask = async (inputs: readonly Embeddable[]): Promise<Part> => {
      const bound = embeddingBoundOf(inputs);
      likely += bound.likely;
      this.#progress(of, likely);
      const { raw, answer, latencyMs } = await access.letIn(served.provider, (authorization) =>
        fetchEmbeddings(client, { prepared, inputs, authorization }, signal),
      );
      breakers.succeeded(breakerOf(served), latencyMs);
      const { model, vectors, inputTokens } = answer;
      return { raw, model, vectors, tokens: inputTokens ?? bound.likely, isTold: inputTokens !== null };
    };
    const [first = [], ...others] = batchesOf(call.inputs, prepared.mostInputs);
    const parts = [await ask(first)];
    const failed = await this.#askOthers(of, { others, parts, signal }, ask);
    if (failed === null) return this.#answer(of, parts);
    const { reason } = failed.failure;
    this.#attempts.bill(of, { ...usedBy(parts), outcome: 'failed', failure: reason, answer: null });
    return { refusal: toRefusal(failed.failure, served.provider.name) };
  }

  /** Asks for what did not fit into the first request, and puts it behind the first part. Gives what went wrong for good. */
  async #askOthers(
    { served }: Asking,
    { others, parts, signal }: { others: (readonly Embeddable[])[]; parts: Part[]; signal: AbortSignal },
    ask: (inputs: readonly Embeddable[]) => Promise<Part>,
  ): Promise<UpstreamError | null> {
    let failed: UpstreamError | null = null;
    let isOver = false;
    const waiting = others.entries();
    const work = async (): Promise<void> => {
      for (const [at, inputs] of waiting) {
        if (isOver) return;
        try {
          parts[at + 1] = await this.#patiently(() => ask(inputs), { served, signal });
        } catch (thrown) {
          isOver = true;
          if (!(thrown instanceof UpstreamError)) throw thrown;
          failed ??= thrown;
        }
      }
    };
    await Promise.all(Array.from({ length: MOST_AT_ONCE }, work));
    return failed;
  }

  async #patiently(
    ask: () => Promise<Part>,
    { served, signal }: Pick<Asking, 'served'> & { signal: AbortSignal },
  ): Promise<Part> {
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (thrown) {
        if (!(thrown instanceof UpstreamError)) throw thrown;
        this.#attempts.note(served, thrown);
        if (tries === MOST_ATTEMPTS || !isRetryable(thrown.failure)) throw thrown;
        await backOff(tries, thrown.failure.retryAfterMs ?? 0, signal);
      }
    }
  }

  async #echo({ asked, signal }: EmbeddingCall, { served }: Asking): Promise<Part> {
    const model = echoModel(served.model);
    if (!model) throw resting(served);
    if (model.paceMs > 0) await pause(model.paceMs, undefined, { signal });
    const { vectors, inputTokens } = echoEmbeddings(requestOf(asked));
    this.#services.breakers.succeeded(breakerOf(served), 0);
    return { raw: null, model: served.model, vectors, tokens: inputTokens, isTold: true };
  }

  /** Writes down what goes to the provider before it goes: one whose caller leaves is billed for it. */
  #progress({ served, hold }: Asking, likely: number): void {
    const quantities = billable({ ...NO_USAGE, input: likely });
    const cost = served.price === null ? 0 : costOf(served.price, quantities);
    hold.progress(cost, quantities);
  }

  #answer(of: Asking, parts: readonly Part[]): EmbeddingAnswer {
    const ended = { outcome: 'completed', failure: null, answer: null } as const;
    const bill = this.#attempts.bill(of, { ...usedBy(parts), ...ended });
    const [first] = parts;
    return {
      raw: parts.length === 1 && first ? first.raw : null,
      model: first?.model ?? bill.model,
      vectors: parts.flatMap(({ vectors }) => vectors),
      bill,
    };
  }
}

function batchesOf(inputs: readonly Embeddable[], most: number): (readonly Embeddable[])[] {
  const count = Math.ceil(inputs.length / most);
  return Array.from({ length: count }, (_, at) => inputs.slice(at * most, (at + 1) * most));
}

/** What the parts of an answer used; those that never came leave a hole. */
function usedBy(parts: readonly Part[]) {
  const there = parts.filter((part) => part !== undefined);
  return {
    usage: { ...NO_USAGE, input: there.reduce((sum, { tokens }) => sum + tokens, 0) },
    isEstimated: there.some(({ isTold }) => !isTold),
  };
}
