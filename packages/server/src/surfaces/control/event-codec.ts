import type { CloudEvent, EventsQuery, StreamEvent } from '@assay/contract';
import type { EventBatch, EventFilter, StreamedEvent } from '../../modules/events/index.ts';
import { textOf } from '../http/sse.ts';

export type EventFormat = NonNullable<EventsQuery['format']>;

/** The media type of CloudEvents as JSON, which asks for them in `Accept`. */
const CLOUD_EVENTS = 'application/cloudevents+json';

const split = (list: string | undefined): string[] =>
  list === undefined ? [] : list.split(',').filter((item) => item !== '');

export const filterOf = ({ types, subjects }: Pick<EventsQuery, 'types' | 'subjects'>): EventFilter => ({
  types: split(types),
  subjects: split(subjects),
});

/** In which form events are wanted: as the query says, else as `Accept` does. */
export const formatOf = ({ format }: Pick<EventsQuery, 'format'>, accept: string | undefined): EventFormat =>
  format ?? (accept?.includes(CLOUD_EVENTS) ? 'cloudevents' : 'assay');

const encodeEvent = (event: StreamedEvent): StreamEvent => ({
  id: event.position,
  type: event.type,
  subject: event.subject,
  organization_id: event.orgId,
  occurred_at: event.occurredAt.toISOString(),
  data: event.data,
});

/** Events as the streams write them. One goes to many streams, and is written once for all of them. */
export class EventCodec {
  /** Where an organization's events come from, by its id: `source` and `id` together name an event in the world. */
  readonly #base: string;
  readonly #texts = {
    json: { assay: new WeakMap<StreamedEvent, string>(), cloudevents: new WeakMap<StreamedEvent, string>() },
    frame: { assay: new WeakMap<StreamedEvent, string>(), cloudevents: new WeakMap<StreamedEvent, string>() },
  };

  constructor(publicUrl: string | null) {
    this.#base = `${publicUrl ?? ''}/v1/organizations/`;
  }

  encode(event: StreamedEvent, format: EventFormat): StreamEvent | CloudEvent {
    return format === 'assay' ? encodeEvent(event) : this.#cloudEvent(event);
  }

  /** One event as JSON. */
  jsonOf(event: StreamedEvent, format: EventFormat): string {
    return once(this.#texts.json[format], event, () => JSON.stringify(this.encode(event, format)));
  }

  /** What is sent of a batch as server-sent events: its events, or where the stream stands. */
  framesOf({ events, position }: EventBatch, format: EventFormat): string {
    if (events.length === 0) return `id: ${position}\n\n`;
    const texts = this.#texts.frame[format];
    const frameOf = (event: StreamedEvent): string =>
      once(texts, event, () => textOf({ id: event.position, event: event.type, data: this.encode(event, format) }));
    return events.map(frameOf).join('');
  }

  /** CloudEvents 1.0 in its JSON format. */
  #cloudEvent({ orgId, position, occurredAt, type, subject, data }: StreamedEvent): CloudEvent {
    return {
      specversion: '1.0',
      id: position,
      source: `${this.#base}${orgId}`,
      type,
      subject,
      time: occurredAt.toISOString(),
      datacontenttype: 'application/json',
      organizationid: orgId,
      data,
    };
  }
}

function once(known: WeakMap<StreamedEvent, string>, event: StreamedEvent, write: () => string): string {
  const text = known.get(event) ?? write();
  known.set(event, text);
  return text;
}
