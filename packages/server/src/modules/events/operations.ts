import { type AnyOperation, operation } from '../../platform/operation.ts';
import type { EventFeed, Subscription } from './feed.ts';
import type { EventFilter } from './model.ts';

export type FollowRequest = { filter: EventFilter; after: string | null };

export function eventOperations({ feed }: { feed: EventFeed }) {
  const followEvents = operation({
    name: 'events.stream.follow',
    summary: "Follow the organization's events: replay after a position, then live.",
    scope: 'events:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    async run({ by, call }, input: FollowRequest): Promise<Subscription> {
      return feed.subscribe({ orgId: String(by.orgId), filter: input.filter, after: input.after, signal: call.signal });
    },
  });
  return { followEvents } satisfies Record<string, AnyOperation>;
}
