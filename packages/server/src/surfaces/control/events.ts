import { EventsQuery, controlRoutes as routes } from '@assay/contract';
import type { FastifyReply } from 'fastify';
import type { AppError } from '../../kernel/errors.ts';
import type { EventBatch, eventOperations, StreamedEvent } from '../../modules/events/index.ts';
import { rateHeaders } from '../http/headers.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { CLOUD_EVENTS_PROTOCOL, type SocketHandler, sendTexts } from '../http/sockets.ts';
import { type SendOptions, type SseFrame, sendEvents, sendStream } from '../http/sse.ts';
import { readQuery, type Surface } from '../http/surface.ts';
import { EventCodec, type EventFormat, filterOf, formatOf } from './event-codec.ts';
import { codeOf } from './render-error.ts';

type Operations = ReturnType<typeof eventOperations>;

async function* eventFrames(events: AsyncIterable<StreamedEvent>): AsyncGenerator<SseFrame> {
  const codec = new EventCodec(null);
  for await (const event of events) yield { id: event.position, event: event.type, data: codec.encode(event, 'assay') };
}

/** How a stream of events says why it is cut. */
const cutOf = (call: HttpCall): NonNullable<SendOptions['cut']> => ({
  ended: () => call.ended,
  show: (refusal: AppError) => ({ code: codeOf(refusal), message: refusal.message, request_id: call.requestId }),
});

/** The events about one thing, until it has ended. */
export const sendFollowed = (
  call: HttpCall,
  reply: FastifyReply,
  events: AsyncIterable<StreamedEvent> & { start: string },
): Promise<void> =>
  sendEvents(reply, eventFrames(events), {
    headers: { 'x-request-id': call.requestId, ...rateHeaders(call.notes.rate) },
    signal: call.signal,
    start: events.start,
    cut: cutOf(call),
  });

/** `GET /v1/events/stream`: the event stream as server-sent events. */
export function serveEventStream(surface: Surface, kit: HttpKit, of: Operations): void {
  const codec = new EventCodec(kit.publicUrl);
  surface.serve(routes.streamEvents, async ({ query }, call, { request, reply }) => {
    const last = request.headers['last-event-id'];
    const after = typeof last === 'string' ? last : (query.after ?? null);
    const format = formatOf(query, request.headers.accept);
    const batches = await kit.operator.run(of.followEvents, call, { filter: filterOf(query), after });
    const headers = { 'x-request-id': call.requestId, ...rateHeaders(call.notes.rate) };
    const chunks = framesOf(codec, batches, format);
    await sendStream(reply, chunks, { headers, signal: call.signal, cut: cutOf(call) });
    return undefined;
  });
}

async function* framesOf(
  codec: EventCodec,
  batches: AsyncIterable<EventBatch> & { start: string },
  format: EventFormat,
): AsyncGenerator<string> {
  yield codec.framesOf({ events: [], position: batches.start }, format);
  for await (const batch of batches) yield codec.framesOf(batch, format);
}

/** `GET /v1/events/ws`: the event stream over a WebSocket, one JSON event a message. */
export function serveEventSocket(kit: HttpKit, of: Operations): SocketHandler {
  const codec = new EventCodec(kit.publicUrl);
  return async (socket, { call, query: parameters }) => {
    const query = readQuery(EventsQuery, parameters);
    const format = socket.protocol === CLOUD_EVENTS_PROTOCOL ? 'cloudevents' : formatOf(query, undefined);
    const batches = await kit.operator.run(of.followEvents, call, {
      filter: filterOf(query),
      after: query.after ?? null,
    });
    for await (const { events } of batches) {
      const texts = events.map((event) => codec.jsonOf(event, format));
      if (!(await sendTexts(socket, texts, call.signal))) return;
    }
  };
}
