import type { ModelCalls } from '../../../platform/telemetry/model-calls.ts';
import type { ChatEvent } from '../model.ts';
import { type Capturing, captureWatch } from './capture-watch.ts';
import { measure } from './telemetry.ts';
import type { CallWatch, Watched, Watching } from './watch.ts';

/** Watches calls for those who measure them, and for those who keep what was said. */
export const watchCalls =
  (calls: ModelCalls, capturing: Capturing): Watching =>
  (call) => {
    const measured = measureWatch(calls, call);
    const keep = capturing(call.claims);
    if (keep === null) return measured;
    if (!(keep instanceof Promise)) return both(measured, captureWatch(call, keep));
    return keep.then((known) => (known === null ? measured : both(measured, captureWatch(call, known))));
  };

const measureWatch = (calls: ModelCalls, call: Watched): CallWatch => ({
  admitted() {},
  asked(served) {
    const record = measure(calls, call, served);
    const head = new AnswerHead();
    return {
      saw(events) {
        record.began();
        head.add(events);
      },
      failed: (failure) => record.ended({ failure, response: null, usage: null, cost: null }),
      ended: ({ outcome, failure, answer, usage, cost }) =>
        record.ended({
          failure: outcome === 'cancelled' ? outcome : failure,
          response:
            answer === null ? head.response : { id: answer.id, model: answer.model, finishReason: answer.stopReason },
          usage,
          cost,
        }),
    };
  },
  gaveUp() {},
});

const both = (one: CallWatch, other: CallWatch): CallWatch => ({
  admitted(of) {
    one.admitted(of);
    other.admitted(of);
  },
  asked(served) {
    const [first, second] = [one.asked(served), other.asked(served)];
    return {
      saw(events) {
        first.saw(events);
        second.saw(events);
      },
      failed(failure) {
        first.failed(failure);
        second.failed(failure);
      },
      ended(end) {
        first.ended(end);
        second.ended(end);
      },
    };
  },
  gaveUp(failure) {
    one.gaveUp(failure);
    other.gaveUp(failure);
  },
});

/** What a streamed answer says about itself. */
class AnswerHead {
  response: { id: string; model: string; finishReason: string | null } | null = null;

  add(events: readonly ChatEvent[]): void {
    for (const event of events) {
      if (event.type === 'start') this.response = { id: event.id, model: event.model, finishReason: null };
      else if (event.type === 'finish' && this.response) this.response.finishReason = event.reason;
    }
  }
}
