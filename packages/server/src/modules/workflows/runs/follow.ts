import type { Tx } from '../../../platform/db/index.ts';
import { operation } from '../../../platform/operation.ts';
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

export const followRun = ({ feed, visibility, statements }: FollowServices) =>
  operation({
    name: 'workflows.run.follow',
    summary: 'Follow the events of a run: what was, then live, until it has ended.',
    scope: 'workflows:read',
    narrows: true,
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    async run(context, { id, after }: { id: string; after: string | null }) {
      const { by, call } = context;
      const orgId = String(by.orgId);
      const read = () => statements(orgId, (tx) => requireRun({ ...context, tx }, id));
      await read();
      const filter = { types: [], subjects: [id] };
      const events = await feed.subscribe({ orgId, filter, after: after ?? BEGINNING, signal: call.signal });
      const shows = visibility();
      const shown = untilEnded(eachEvent(events), {
        shows: (event) => shows(call.principal, event),
        // A run that was retried has ended before, and went on. Its end and the event of it are of one transaction.
        async isOver({ occurredAt }) {
          const { completedAt } = await read();
          return completedAt !== null && occurredAt >= completedAt;
        },
      });
      return Object.assign(shown, { start: events.start });
    },
  });

const ENDINGS: ReadonlySet<string> = new Set([
  'workflow.run.completed',
  'workflow.run.failed',
  'workflow.run.cancelled',
]);

async function* untilEnded(
  events: AsyncIterable<StreamedEvent>,
  of: { shows(event: StreamedEvent): boolean | Promise<boolean>; isOver(event: StreamedEvent): Promise<boolean> },
): AsyncGenerator<StreamedEvent> {
  for await (const event of events) {
    if (!(await of.shows(event))) continue;
    yield event;
    if (ENDINGS.has(event.type) && (await of.isOver(event))) return;
  }
}
