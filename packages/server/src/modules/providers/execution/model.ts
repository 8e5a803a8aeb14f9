import type { Attached, Claims, Price } from '../../metering/index.ts';
import type { CacheNotes, Caching } from '../cache/answer-cache.ts';
import type { ClientDialect } from '../dialects/client-dialects.ts';
import type { JsonObject } from '../dialects/json-reader.ts';
import type { ChatEvent, ChatRequest, ChatResponse, TokenUsage } from '../model.ts';
import type { Watched } from '../observation/watch.ts';
import type { TokenNotes } from '../policies/token-limits.ts';
import type { Candidate, Wish } from '../routing/route.ts';
import type { InputCount } from '../tokens/input-count.ts';

/** A chat as a caller asked for it. */
export type ChatCall = {
  /** To whom it is billed; what answers is filled in. */
  claims: Omit<Claims, 'provider' | 'model' | 'priceVersion' | 'isBatch'>;
  wish: Wish;
  asked: Asked;
  stream: boolean;
  /** The bound on the answer that the caller gave. */
  maxTokens: number | null;
  /** Headers of the caller's that its own vendor understands. */
  passedOn: Record<string, string>;
  /** The caller's name for the call: one that is under way or was billed is not made again. */
  fact?: string;
  /** To see how a provider is: asked once, whatever its circuit breaker says, and not waited for long. */
  isTrial?: boolean;
  /** Written with the reservation. */
  attached: Attached;
  /** The span that the call is a part of; null where nobody listens. */
  trace: Watched['trace'];
  /** What the caller's surface is told besides the answer. */
  notes: TokenNotes & CacheNotes;
  caching: Caching;
  /** Aborted when the caller has gone. */
  signal: AbortSignal;
};

/** In which words: a caller's own, as they came, or ours. */
export type Asked =
  | { dialect: ClientDialect; body: JsonObject; raw: Buffer | null }
  | { dialect: null; request: ChatRequest };

/** @throws AppError `invalid` for what is malformed, and for what only the dialect's own vendor could do */
export const requestOf = (asked: Asked): ChatRequest =>
  asked.dialect === null ? asked.request : asked.dialect.decode(asked.body);

/** Who answers, and on which terms. */
export type Served = Candidate & { price: Price | null };

/** What a call came to. */
export type CallBill = {
  provider: string;
  model: string;
  usage: TokenUsage;
  /** Whether it is our estimate, as the provider did not count, or not to the end. */
  isEstimated: boolean;
  /** Micro-dollars; null where the model has no price. */
  cost: number | null;
  priceVersion: string;
  /** What is left of the tightest budget; null where none applies. */
  budgetLeft: number | null;
  /** The digest that it was recorded under; null where it was to be and could not. */
  recorded?: string | null;
};

/** A piece of a streamed answer: its bytes where caller and provider speak the same dialect, and what they mean. */
export type Piece = { raw: Buffer | null; events: readonly ChatEvent[] };

export type WholeAnswer = { kind: 'whole'; raw: Buffer | null; answer: ChatResponse; bill: CallBill };
export type StreamedAnswer = {
  kind: 'stream';
  served: Served;
  budgetLeft: number | null;
  /** Leaving it early cancels the call upstream and bills what was delivered. */
  pieces: AsyncGenerator<Piece>;
  /** Resolves when the call has been billed. */
  bill: Promise<CallBill>;
};
export type ChatAnswer = WholeAnswer | StreamedAnswer;

/** What a call would use and cost, from the least to the most; tokens, and micro-dollars. */
export type Estimate = {
  provider: string;
  model: string;
  input: { low: number; high: number };
  countedBy: InputCount['countedBy'];
  output: { low: number; high: number };
  cost: { low: number; high: number } | null;
  priceVersion: string | null;
};
