import type { RateState } from '../../../platform/operation.ts';
import { type Claimed, type TokenWindows, WINDOW_MS, type WindowClaim } from '../../../platform/token-windows.ts';
import { tokenErrors } from '../errors.ts';
import { type Applied, type ModelPolicy, nameOfSubject } from './model.ts';

/** What a call may use: input as it likely is, output as it may be at the most. */
export type TokenNeed = { input: number; output: number };

/** Tokens taken for a call; tell how many it used in the end. */
export type TakenTokens = { used(tokens: number): void };

/** Where the caller's surface looks for how the tightest limit stands. */
export type TokenNotes = { tokens: RateState | null };

type Limit = { policy: ModelPolicy; perMinute: number };
type Part = { limit: Limit; claim: WindowClaim; claimed: Claimed };

/** Holds calls to the tokens a minute that their policies allow. */
export class TokenLimits {
  readonly #windows: TokenWindows;

  constructor(windows: TokenWindows) {
    this.#windows = windows;
  }

  /**
   * Takes what a call may use of all limits that it falls under, or of none; null where it falls under none. A call that may
   * use more than a limit takes all of it: it is let in when nobody else is.
   * @throws AppError `rate_limited` saying which limit and when it may fit, `too_large` for an input that never will
   */
  take(applied: Applied, need: TokenNeed, notes: TokenNotes): Promise<TakenTokens> | null {
    const limits = applied.flatMap((policy): Limit[] =>
      policy.tokensPerMinute === null ? [] : [{ policy, perMinute: policy.tokensPerMinute }],
    );
    return limits.length === 0 ? null : this.#takeAll(limits, need, notes);
  }

  async #takeAll(limits: readonly Limit[], { input, output }: TokenNeed, notes: TokenNotes): Promise<TakenTokens> {
    const never = limits.find(({ perMinute }) => input > perMinute);
    if (never) throw tooLarge(never, input);
    const taken: Part[] = [];
    for (const limit of limits) {
      const amount = Math.max(1, Math.min(input + output, limit.perMinute));
      const claim = { name: windowOf(limit.policy), limit: limit.perMinute, amount };
      const claimed = await this.#windows.take(claim);
      const part = { limit, claim, claimed };
      if (!claimed.granted) {
        this.#correct(taken, 0);
        notes.tokens = stateOf(part);
        throw exceeded(part);
      }
      taken.push(part);
    }
    notes.tokens = tightest(taken);
    return { used: (tokens) => this.#correct(taken, tokens) };
  }

  #correct(parts: readonly Part[], tokens: number): void {
    for (const { claim, claimed } of parts) {
      const by = tokens - claim.amount;
      if (by !== 0) this.#windows.adjust({ name: claim.name, window: claimed.window, by });
    }
  }
}

const windowOf = ({ orgId, subject }: ModelPolicy): string => `model-tokens:${orgId}:${subject.kind}:${subject.id}`;

const stateOf = ({ limit, claimed }: Part): RateState => ({
  policy: 'model-tokens',
  limit: limit.perMinute,
  remaining: Math.max(0, limit.perMinute - claimed.used),
  resetAt: claimed.resetAt,
  windowMs: WINDOW_MS,
});

const tightest = (parts: readonly Part[]): RateState =>
  parts.map(stateOf).reduce((least, each) => (each.remaining < least.remaining ? each : least));

function exceeded({ limit, claim, claimed }: Part): Error {
  const waitMs = Math.max(0, claimed.resetAt - Date.now());
  return tokenErrors.limit_exceeded(
    `The model policy of ${nameOfSubject(limit.policy.subject)} allows ${limit.perMinute} tokens a minute; ${claimed.used} are used or set aside for calls under way, so the ${claim.amount} that this may use do not fit. Try again in ${Math.ceil(waitMs / 1000)} s, or ask for less.`,
    { retryAfterMs: waitMs },
  );
}

const tooLarge = ({ policy, perMinute }: Limit, input: number): Error =>
  tokenErrors.input_too_large(
    `The model policy of ${nameOfSubject(policy.subject)} allows ${perMinute} tokens a minute, and this request alone is about ${input}. Send less, or have the limit raised.`,
  );
