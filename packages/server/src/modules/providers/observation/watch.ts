import type { Json } from '../../../kernel/json.ts';
import type { ModelOperation } from '../../../platform/telemetry/gen-ai.ts';
import type { TraceContext } from '../../../platform/telemetry/trace-context.ts';
import type { Claims, Outcome } from '../../metering/index.ts';
import type { Served } from '../execution/model.ts';
import type { ChatEvent, ChatResponse, TokenUsage } from '../model.ts';

/** A call as those who look on know it. */
export type Watched = {
  operation: ModelOperation;
  isStream: boolean;
  /** The span that the call is a part of; null where nobody listens. */
  trace: TraceContext | null;
  /** Whose it is. */
  claims: Pick<Claims, 'orgId' | 'teamId' | 'apiKeyId' | 'principal' | 'requestId'>;
  /** What is asked, for those who keep it. Asked for only when there are some. */
  request(): Json;
  /** About how much memory that holds on to. */
  requestBytes(): number;
  /** What a provider is asked for besides an answer. Asked for only when somebody listens. */
  options(served: Served): RequestOptions;
};

/** Null is what nobody said. */
export type RequestOptions = {
  maxTokens: number | null;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  frequencyPenalty: number | null;
  presencePenalty: number | null;
  seed: number | null;
};

/** Makes the watch of a call; at once, unless it has to be asked whether somebody looks on. */
export type Watching = (call: Watched) => CallWatch | Promise<CallWatch>;

/** Looks on while a call is made. What it does must neither throw nor take time: the answer waits for it. */
export type CallWatch = {
  /** Its money is set aside: from now on it has an id. */
  admitted(of: { id: string; at: Date }): void;
  /** A provider is about to be asked. */
  asked(served: Served): AttemptWatch;
  /** None of them answered, or the caller left before one did. */
  gaveUp(failure: string): void;
};

/** Looks on while one provider is asked. */
export type AttemptWatch = {
  /** A piece of a streamed answer goes out. */
  saw(events: readonly ChatEvent[]): void;
  /** It ended before anything was said: somebody else may be asked. */
  failed(failure: string): void;
  ended(end: AttemptEnd): void;
};

/** `lost` is for janitors: whoever makes a call knows how it ended. */
export type AttemptOutcome = Exclude<Outcome, 'lost'>;

export type AttemptEnd = {
  outcome: AttemptOutcome;
  /** Why it broke off; null where it did not. */
  failure: string | null;
  /** An answer of words that came whole; null where it came in pieces, or is none. */
  answer: ChatResponse | null;
  usage: TokenUsage;
  /** Micro-dollars; null where the model has no price. */
  cost: number | null;
};
