import type { Tx } from '../../../platform/db/index.ts';
import { type Context, operation } from '../../../platform/operation.ts';
import { type EventFeed, eachEvent, type Shows, type StreamedEvent } from '../../events/index.ts';
import { requireRun } from './operations.ts';

export type FollowServices = {
  feed: EventFeed;
  /** For one stream: whether a caller may see an event, as they are permitted at that moment. */
  visibility(): Shows;
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

/** Before every event. */
const BEGINNING = '0-0';

export const followRun = (services: FollowServices) =>
  operation({
    name: 'workflows.run.follow',
    summary: 'Follow the events of a run: what was, then live, until it has ended.',
    scope: 'workflows:read',
    narrows: true,
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (context, { id, after }: { id: string; after: string | null }) =>
      followEvents(services, context, {
        id,
        after,
        endings: ENDINGS,
        endedAt: async (tx) => (await requireRun({ ...context, tx }, id)).completedAt,
      }),
  });

const ENDINGS: ReadonlySet<string> = new Set([
  'workflow.run.completed',
  'workflow.run.failed',
  'workflow.run.cancelled',
]);

type Followed = {
  id: string;
  after: string | null;
  endings: ReadonlySet<string>;
  /** When it ended, for a caller who may see it; null while it has not. */
  endedAt(tx: Tx): Promise<Date | null>;
};

/** Events about one thing: what was, then live, until it is over. */
export async function followEvents(
  { feed, visibility, statements }: FollowServices,
  { by, call }: Pick<Context, 'by' | 'call'>,
  { id, after, endings, endedAt }: Followed,
) {
  const orgId = String(by.orgId);
  await statements(orgId, endedAt);
  const filter = { types: [], subjects: [id] };
  const events = await feed.subscribe({ orgId, filter, after: after ?? BEGINNING, signal: call.signal });
  const shows = visibility();
  const shown = untilEnded(eachEvent(events), {
    endings,
    shows: (event) => shows(call.principal, event),
    endedAt: () => statements(orgId, endedAt),
  });
  return Object.assign(shown, { start: events.start });
}

async function* untilEnded(
  events: AsyncIterable<StreamedEvent>,
  of: {
    endings: ReadonlySet<string>;
    shows(event: StreamedEvent): boolean | Promise<boolean>;
    endedAt(): Promise<Date | null>;
  },
): AsyncGenerator<StreamedEvent> {
  for await (const event of events) {
    if (!(await of.shows(event))) continue;
    yield event;
    if (!of.endings.has(event.type)) continue;
    // What was retried has ended before, and went on. An end and the event of it are of one transaction.
    const end = await of.endedAt();
    if (end !== null && event.occurredAt >= end) return;
  }
}
