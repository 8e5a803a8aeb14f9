import type { StreamEvent } from '@assay/contract';
import type { EventFilter, eventOperations, StreamedEvent } from '../../modules/events/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { type SocketHandler, sendJson } from '../http/sockets.ts';
import type { SseFrame } from '../http/sse.ts';

const split = (list: string | undefined): string[] =>
  list === undefined ? [] : list.split(',').filter((item) => item !== '');

export const filterOf = (types: string | undefined, subjects: string | undefined): EventFilter => ({
  types: split(types),
  subjects: split(subjects),
});

const encodeEvent = (event: StreamedEvent): StreamEvent => ({
  id: event.position,
  type: event.type,
  subject: event.subject,
  organization_id: event.orgId,
  occurred_at: event.occurredAt.toISOString(),
  data: event.data,
});

export async function* eventFrames(events: AsyncIterable<StreamedEvent>): AsyncGenerator<SseFrame> {
  for await (const event of events) yield { id: event.position, event: event.type, data: encodeEvent(event) };
}

/** `GET /v1/events/ws`: the event stream over a WebSocket, one JSON event a message. */
export function serveEventSocket(kit: HttpKit, operations: ReturnType<typeof eventOperations>): SocketHandler {
  return async (socket, { call, query }) => {
    const filter = filterOf(query.get('types') ?? undefined, query.get('subjects') ?? undefined);
    const events = await kit.operator.run(operations.followEvents, call, { filter, after: query.get('after') });
    for await (const event of events) if (!sendJson(socket, encodeEvent(event))) return;
  };
}
