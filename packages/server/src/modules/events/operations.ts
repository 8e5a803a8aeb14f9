import type { Principal } from '../../kernel/principal.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import type { EventFeed, Subscription } from './feed.ts';
import type { EventBatch, EventFilter, StreamedEvent } from './model.ts';

export type FollowRequest = { filter: EventFilter; after: string | null };

/** Whether a caller may see an event, as they are permitted at that moment. */
export type Shows = (principal: Principal, event: StreamedEvent) => boolean | Promise<boolean>;

export type EventOperationsOptions = {
  feed: EventFeed;
  /** For one stream: what it may show. */
  visibility(): Shows;
};

export function eventOperations({ feed, visibility }: EventOperationsOptions) {
  const followEvents = operation({
    name: 'events.stream.follow',
    summary: "Follow the organization's events about what you may read: replay after a position, then live.",
    scope: 'events:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    async run({ by, call }, input: FollowRequest): Promise<Subscription> {
      const { filter, after } = input;
      const events = await feed.subscribe({ orgId: String(by.orgId), filter, after, signal: call.signal });
      // Not `by`: while a stream is open, its surface keeps the call's principal as it is permitted now.
      const shown = onlyShown(events, call, visibility());
      return Object.assign(shown, { start: events.start });
    },
  });
  return { followEvents } satisfies Record<string, AnyOperation>;
}

async function* onlyShown(
  batches: Subscription,
  call: { readonly principal: Principal },
  shows: Shows,
): AsyncGenerator<EventBatch> {
  for await (const { events, position } of batches) {
    const shown: StreamedEvent[] = [];
    for (const event of events) {
      const isShown = shows(call.principal, event);
      // Most answers are known at once, and a stream of many waits for none of them.
      if (isShown === true || (isShown !== false && (await isShown))) shown.push(event);
    }
    // Where nothing is left of it, an idle stream tells soon enough where it stands.
    if (shown.length > 0 || events.length === 0) yield { events: shown, position };
  }
}
