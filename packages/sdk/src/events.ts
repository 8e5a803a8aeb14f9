import type { StreamEvent } from '@assay/contract';
import type { Caller } from './caller.ts';
import { jsonOf } from './event-data.ts';
import { EventStream, type FollowOptions } from './event-stream.ts';

/** Which events to follow; all when nothing is said. */
export type EventFilter = {
  /** Exact types, or families: `evaluation.*`. */
  types?: readonly string[] | undefined;
  /** Ids of the things that events are about. */
  subjects?: readonly string[] | undefined;
};

/** What happens in the organization, as it happens. */
export class Events {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Follows events, without end: from now on, or after `lastEventId`. */
  stream({ types, subjects }: EventFilter = {}, options: FollowOptions = {}): EventStream<StreamEvent> {
    return new EventStream({
      transport: this.#caller.transport,
      request: {
        method: 'GET',
        path: '/v1/events/stream',
        query: { types: types?.join(','), subjects: subjects?.join(',') },
      },
      // How the server says why it cuts a stream: it is taken up again, or the refusal comes then.
      decode: (frame) => (frame.event === 'error' ? undefined : (jsonOf(frame) as StreamEvent)),
      isLast: () => false,
      options,
    });
  }
}
