import type { Json } from '../../../kernel/json.ts';
import { GatheredAnswer } from '../dialects/gathered-answer.ts';
import type { ChatResponse, TokenUsage } from '../model.ts';
import { NO_USAGE } from '../model.ts';
import { capturedAnswer } from './captured-content.ts';
import type { AttemptOutcome, CallWatch, Watched } from './watch.ts';

/** A call that is over, for those who keep what was said. */
export type CapturedCall = {
  /** That of its usage record. */
  id: string;
  at: Date;
  orgId: string;
  teamId: string | null;
  apiKeyId: string | null;
  principal: { kind: string; id: string };
  requestId: string | null;
  operation: string;
  provider: string;
  model: string;
  outcome: AttemptOutcome;
  failure: string | null;
  responseId: string | null;
  inputTokens: number;
  outputTokens: number;
  cost: number | null;
  /** About how much memory its content holds on to. */
  bytes: number;
  content(): { request: Json; answer: Json; tries: Json };
};

/** Takes a call that is over. */
export type Keep = (call: CapturedCall) => void;

/** Says where to give a call when it is over; null for one that nobody captures. At once, where that is known. */
export type Capturing = (claims: Watched['claims']) => Keep | null | Promise<Keep | null>;

type Try = { provider: string; model: string; failure: string | null };
type End = { outcome: AttemptOutcome; failure: string | null; usage: TokenUsage; cost: number | null };

/** Follows a call for those who keep what was said. */
export function captureWatch(call: Watched, keep: Keep): CallWatch {
  const { claims, operation } = call;
  const tries: Try[] = [];
  let admitted = { id: '', at: new Date(0) };
  let isKept = false;
  const give = ({ outcome, failure, usage, cost }: End, answer: ChatResponse | null): void => {
    const last = tries.at(-1);
    if (isKept || !last) return;
    isKept = true;
    const { orgId, teamId, apiKeyId, principal, requestId } = claims;
    const isWhole = outcome === 'completed';
    keep({
      ...admitted,
      ...{ orgId, teamId, apiKeyId, principal, requestId, operation, outcome, failure, cost },
      provider: last.provider,
      model: last.model,
      responseId: answer?.id || null,
      inputTokens: usage.input + usage.cacheRead + usage.cacheWrite,
      outputTokens: usage.output,
      bytes: call.requestBytes() + (answer === null ? 0 : sizeOf(answer)),
      content: () => ({
        request: call.request(),
        answer: answer === null ? null : capturedAnswer(answer, isWhole),
        tries,
      }),
    });
  };
  return {
    admitted(of) {
      admitted = of;
    },
    asked({ provider, model }) {
      const tried: Try = { provider: provider.name, model, failure: null };
      const said = new GatheredAnswer();
      let isBegun = false;
      tries.push(tried);
      return {
        saw(events) {
          isBegun = true;
          for (const event of events) said.add(event);
        },
        failed(failure) {
          tried.failure = failure;
        },
        ended(end) {
          tried.failure = end.failure;
          give(end, end.answer ?? (isBegun ? said.answer : null));
        },
      };
    },
    gaveUp(failure) {
      // What was not sent is nobody's to keep.
      if (tries.every((each) => each.failure === null)) return;
      const outcome = failure === 'cancelled' ? 'cancelled' : 'failed';
      give({ outcome, failure, usage: NO_USAGE, cost: null }, null);
    },
  };
}

const sizeOf = ({ content }: ChatResponse): number =>
  content.reduce((sum, each) => sum + (each.type === 'tool_call' ? each.arguments.length : each.text.length), 0);
