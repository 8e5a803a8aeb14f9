import { EventService, type EventServiceSubscribeResponseSchema } from '@assay/contract/grpc';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { eachEvent, type eventOperations, type StreamedEvent } from '../../modules/events/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { invalidFields } from '../http/surface.ts';
import type { RpcSurface } from './rpc-surface.ts';

/** Items of a filter, and characters of an item: more would be walked for every event. */
const MAX_ITEMS = 100;
const MAX_ITEM_LENGTH = 100;

export function serveEvents(
  surface: RpcSurface,
  run: HttpKit['operator']['run'],
  of: ReturnType<typeof eventOperations>,
): void {
  surface.serve(EventService, 'control', {
    async *subscribe({ types, subjects, after }, call) {
      assertFilter('types', types);
      assertFilter('subjects', subjects);
      const filter = { types, subjects };
      const events = await run(of.followEvents, call, { filter, after: after === '' ? null : after });
      // One who loses the stream before the first event resumes where it began.
      yield { position: events.start };
      for await (const event of eachEvent(events)) yield encodeEvent(event);
    },
  });
}

function assertFilter(field: string, items: readonly string[]): void {
  if (items.length <= MAX_ITEMS && items.every((item) => item !== '' && item.length <= MAX_ITEM_LENGTH)) return;
  const message = `Field ${field}: must be at most ${MAX_ITEMS} items of 1 to ${MAX_ITEM_LENGTH} characters`;
  throw invalidFields([{ field, constraint: 'size', message }]);
}

/** An event, and where its stream goes on after it. */
export const encodeEvent = (
  event: StreamedEvent,
): Pick<MessageInitShape<typeof EventServiceSubscribeResponseSchema>, 'position' | 'event'> => ({
  position: event.position,
  event: {
    type: event.type,
    subject: event.subject,
    organizationId: event.orgId,
    occurredAt: timestampFromDate(event.occurredAt),
    data: event.data as JsonObject,
  },
});
