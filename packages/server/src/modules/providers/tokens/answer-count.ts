import type { Quantities } from '../../metering/index.ts';
import { type ChatEvent, type ChatResponse, NO_USAGE, type TokenUsage } from '../model.ts';

/** About four bytes of English are a token, and most pieces of a stream are one. */
const BYTES_A_TOKEN = 4;

/** A token is hardly ever longer; an answer of more bytes for each that it may have is one that never ends. */
const MOST_BYTES_A_TOKEN = 64;
/** Pieces without a word: signs of life, block ends and the like. */
const IDLE_PIECES = 100_000;

/**
 * Counts an answer as it comes. What the provider tells counts; until it does, and for an answer that breaks off before,
 * tokens are estimated from what was said: a piece is one at least, and all are no more than the provider may produce.
 */
export class AnswerCount {
  readonly #likelyInput: number;
  readonly #bound: number;
  #told: TokenUsage | null = null;
  #isTold = false;
  #pieces = 0;
  #bytes = 0;
  #reasoningBytes = 0;

  /** @param of `bound` is the most tokens that the provider was asked for */
  constructor(of: { likelyInput: number; bound: number }) {
    this.#likelyInput = of.likelyInput;
    this.#bound = of.bound;
  }

  add(event: ChatEvent): void {
    switch (event.type) {
      case 'usage':
        this.#told = event.usage;
        return;
      case 'finish':
        this.#isTold = true;
        return;
      case 'text':
      case 'tool_arguments':
        this.#pieces += 1;
        this.#bytes += Buffer.byteLength(event.text);
        return;
      case 'reasoning':
        this.#pieces += 1;
        this.#reasoningBytes += Buffer.byteLength(event.text);
        return;
      case 'tool_call':
        this.#bytes += Buffer.byteLength(event.name);
        return;
      default:
    }
  }

  /** An answer that came at once. */
  addWhole({ content, stopReason, usage }: ChatResponse): void {
    for (const part of content) {
      if (part.type !== 'tool_call') this.add({ type: part.type, text: part.text });
      else {
        this.add({ type: 'tool_call', index: 0, id: part.id, name: part.name });
        this.add({ type: 'tool_arguments', index: 0, text: part.arguments });
      }
    }
    this.add({ type: 'finish', reason: stopReason });
    this.add({ type: 'usage', usage });
  }

  /** Whether the provider counted itself, to the end. */
  get isExact(): boolean {
    return this.#isTold && this.#told !== null && this.#told.output > 0;
  }

  /** Whether more was said than was asked for, by any way of counting: a provider that goes on is cut off. */
  get isBeyond(): boolean {
    return (
      this.#bytes + this.#reasoningBytes > this.#bound * MOST_BYTES_A_TOKEN || this.#pieces > this.#bound + IDLE_PIECES
    );
  }

  /** Tokens so far. */
  get usage(): TokenUsage {
    const told = this.#withInput(this.#told ?? NO_USAGE);
    if (this.isExact) return told;
    const reasoning = Math.ceil(this.#reasoningBytes / BYTES_A_TOKEN);
    const counted = Math.max(this.#pieces, Math.ceil((this.#bytes + this.#reasoningBytes) / BYTES_A_TOKEN));
    const said = Math.min(counted, this.#bound);
    return { ...told, output: Math.max(told.output, said), reasoning: Math.max(told.reasoning, reasoning) };
  }

  /** Nothing is said to nothing: a count of no input at all is one that was left out. */
  #withInput(told: TokenUsage): TokenUsage {
    return told.input + told.cacheRead + told.cacheWrite > 0 ? told : { ...told, input: this.#likelyInput };
  }
}

/** All tokens of what was billed, in and out. */
export const tokensOf = ({ requests: _requests, webSearches: _searches, ...tokens }: Quantities): number =>
  Object.values(tokens).reduce((sum, count) => sum + count, 0);

/** Tokens as they are billed: there, what was reasoned is no output as well. */
export const billable = ({ input, cacheRead, cacheWrite, output, reasoning }: TokenUsage): Quantities => ({
  input,
  cacheRead,
  cacheWrite,
  output: Math.max(0, output - reasoning),
  reasoning: Math.min(reasoning, output),
  requests: 1,
});
