import type { StreamEvent } from '@assay/contract';
import { TimeoutError } from './assay-error.ts';
import { jsonOf } from './event-data.ts';
import { EventStream, type FollowOptions } from './event-stream.ts';
import type { Transport, WireRequest } from './transport.ts';

/** For how long an end is waited for. */
export type WaitOptions = Omit<FollowOptions, 'lastEventId'> & {
  /** Milliseconds; however long it takes unless given. */
  within?: number | undefined;
};

type Followed = {
  transport: Transport;
  request: WireRequest;
  /** Types of the events that it can end with. */
  ends: ReadonlySet<string>;
  /** When it ended; null while it goes on. */
  endedAt(): Promise<string | null>;
  options: FollowOptions;
};

/** What happened to a run or a job, then what happens, to its end. */
export async function* followToEnd(of: Followed): AsyncGenerator<StreamEvent, void, undefined> {
  let { lastEventId } = of.options;
  for (;;) {
    const events = untilAnEnd(of, lastEventId);
    let last: StreamEvent | null = null;
    for await (const event of events) {
      yield event;
      last = event;
    }
    // What was retried has ended before, and went on.
    const endedAt = await of.endedAt();
    if (last !== null && endedAt !== null && last.occurred_at >= endedAt) return;
    lastEventId = events.lastEventId;
  }
}

const untilAnEnd = (
  { transport, request, ends, options }: Followed,
  lastEventId: string | undefined,
): EventStream<StreamEvent> =>
  new EventStream({
    transport,
    request,
    decode: (frame) => jsonOf(frame) as StreamEvent,
    isLast: ({ type }) => ends.has(type),
    options: { ...options, lastEventId },
  });

/**
 * Waits for the end of what is followed.
 * @throws TimeoutError when it does not come within the time
 */
export async function untilEnd(
  what: string,
  follow: (options: FollowOptions) => AsyncIterable<StreamEvent>,
  { within, signal, ...options }: WaitOptions,
): Promise<void> {
  const late = within === undefined ? undefined : AbortSignal.timeout(within);
  const signals = [signal, late].filter((each) => each !== undefined);
  try {
    for await (const _ of follow({ ...options, signal: AbortSignal.any(signals) }));
  } catch (thrown) {
    if (!late?.aborted || signal?.aborted) throw thrown;
    throw new TimeoutError(`${what} has not ended within ${within} ms. It goes on.`, { cause: thrown });
  }
}
