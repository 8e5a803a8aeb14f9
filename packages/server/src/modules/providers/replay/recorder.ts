import type { Principal } from '../../../kernel/principal.ts';
import { replayErrors } from '../errors.ts';
import {
  type CallBill,
  type ChatAnswer,
  type ChatCall,
  type Piece,
  requestOf,
  type StreamedAnswer,
  type WholeAnswer,
} from '../execution/model.ts';
import type { ChatRequest } from '../model.ts';
import { digestOf, type PlayedEvent, piecesOf, type TimedEvent } from './exchange.ts';
import type { Recordings } from './recordings.ts';

export type RecorderServices = {
  /** Null where nothing is recorded or played. */
  recordings: Recordings | null;
  /** An exchange that should have been kept was not; the caller has its answer all the same. */
  lost(cause: unknown): void;
};

/** One call as it is recorded. */
export type Recording = { answer(made: ChatAnswer): Promise<ChatAnswer> };

/** Keeps calls that ask for it, when they have ended well. */
export class Recorder {
  readonly #services: RecorderServices;

  constructor(services: RecorderServices) {
    this.#services = services;
  }

  /**
   * Begins to record a call, before it is made.
   * @throws AppError when that is not to be had here, not for this caller, or not for what only the vendor understands
   */
  begin({ scopes, orgId }: Principal, asked: ChatCall['asked']): Recording {
    const { recordings } = this.#services;
    if (!recordings?.canRecord) {
      throw replayErrors.off(
        'Calls are not recorded here. Start Assay with ASSAY_REPLAY_DIR and ASSAY_REPLAY_RECORD=on, or leave X-Assay-Record out.',
      );
    }
    if (!scopes.has('providers:write'))
      throw replayErrors.not_yours('To record a call you need the scope providers:write. Leave X-Assay-Record out.');
    const request = requestOf(asked);
    const started = performance.now();
    const keep = (bill: CallBill, events: TimedEvent[]): Promise<string | null> =>
      this.#keep(String(orgId), { request, bill, events });
    return {
      answer: async (made) => (made.kind === 'whole' ? whole(made, started, keep) : streamed(made, started, keep)),
    };
  }

  /** Gives the digest; null when it could not be kept. */
  async #keep(
    orgId: string,
    { request, bill, events }: { request: ChatRequest; bill: CallBill; events: TimedEvent[] },
  ): Promise<string | null> {
    const { user: _user, ...asked } = { ...request, model: bill.model };
    const digest = digestOf({ ...request, model: bill.model });
    try {
      await this.#services.recordings?.keep(orgId, {
        format: 1,
        digest,
        recorded_at: new Date().toISOString(),
        from: {
          provider: bill.provider,
          model: bill.model,
          cost_micros: bill.cost,
          price_version: bill.priceVersion,
        },
        request: asked,
        usage: bill.usage,
        answer: events,
      });
      return digest;
    } catch (thrown) {
      this.#services.lost(thrown);
      return null;
    }
  }
}

type Keep = (bill: CallBill, events: TimedEvent[]) => Promise<string | null>;

const timed = (event: PlayedEvent, started: number): TimedEvent => ({
  at: Math.round(performance.now() - started),
  ...event,
});

async function whole(made: WholeAnswer, started: number, keep: Keep): Promise<ChatAnswer> {
  const events = piecesOf(made.answer).map((event) => timed(event, started));
  const recorded = await keep(made.bill, events);
  return { ...made, bill: { ...made.bill, recorded } };
}

function streamed(made: StreamedAnswer, started: number, keep: Keep): StreamedAnswer {
  const kept = Promise.withResolvers<string | null>();
  const bill = Promise.all([made.bill, kept.promise]).then(([billed, recorded]) => ({ ...billed, recorded }));
  bill.catch(() => {});
  return { ...made, bill, pieces: listening(made, { started, keep, kept }) };
}

/**
 * Passes a stream on, and keeps it when it was told to its end. A client may leave right behind that, before the
 * connection is closed: it has all there is.
 */
async function* listening(
  { pieces, bill }: StreamedAnswer,
  { started, keep, kept }: { started: number; keep: Keep; kept: PromiseWithResolvers<string | null> },
): AsyncGenerator<Piece> {
  const events: TimedEvent[] = [];
  let finish: TimedEvent | null = null;
  try {
    for await (const piece of pieces) {
      for (const event of piece.events) {
        if (event.type === 'finish') finish = timed(event, started);
        else if (event.type !== 'usage') events.push(timed(event, started));
      }
      yield piece;
    }
  } catch (thrown) {
    finish = null;
    throw thrown;
  } finally {
    kept.resolve(finish === null ? null : keep(await bill, [...events, finish]));
    await kept.promise;
  }
}
