import type { ModelCalls } from '../../../platform/telemetry/model-calls.ts';
import type { ChatEvent } from '../model.ts';
import { measure } from './telemetry.ts';
import type { AttemptWatch, Watching } from './watch.ts';

/** Watches calls for those who measure them. */
export const watchCalls =
  (calls: ModelCalls): Watching =>
  (call) => ({
    asked(served): AttemptWatch {
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
