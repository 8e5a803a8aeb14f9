/*
 * position   where an event stands in the stream, `<transaction id>-<row id>`: grows from event to event, and is the
 *            SSE `id`. Row ids alone do not do: they are given out before the commit, so they become visible out of
 *            order, and a reader that remembered the highest one would skip events.
 * subject    the id of the thing an event is about
 * floor      the newest event that retention has dropped
 */

export type Position = { xid: bigint; id: bigint };
export type StreamedEvent = {
  orgId: string;
  position: string;
  occurredAt: Date;
  type: string;
  subject: string;
  data: Record<string, unknown>;
};

/** Events in order, and where the stream stands behind them; none where only the place is told. */
export type EventBatch = { events: readonly StreamedEvent[]; position: string };

/** Before the oldest event that is kept. */
export const BEGINNING: Position = { xid: 0n, id: 0n };

/** Which events a stream wants. Empty lists want everything. */
export type EventFilter = { types: readonly string[]; subjects: readonly string[] };

/** What the database can hold. */
const MOST_XID = 2n ** 64n - 1n;
const MOST_ID = 2n ** 63n - 1n;

/** Reads a position as `Last-Event-ID` or `?after=` carry it; null when it is not one. */
export function parsePosition(text: string): Position | null {
  const match = /^(\d{1,20})-(\d{1,19})$/.exec(text);
  if (!match?.[1] || !match[2]) return null;
  const position = { xid: BigInt(match[1]), id: BigInt(match[2]) };
  return position.xid <= MOST_XID && position.id <= MOST_ID ? position : null;
}

/** The events of a stream, one by one. */
export async function* eachEvent(batches: AsyncIterable<EventBatch>): AsyncGenerator<StreamedEvent> {
  for await (const { events } of batches) yield* events;
}

export const formatPosition = ({ xid, id }: Position): string => `${xid}-${id}`;

export const isAfter = (a: Position, b: Position): boolean => (a.xid === b.xid ? a.id > b.id : a.xid > b.xid);

/** Whether an event is wanted: by its type and by what it is about. */
export const matches = (filter: EventFilter, event: Pick<StreamedEvent, 'type' | 'subject'>): boolean =>
  (filter.types.length === 0 || filter.types.some((pattern) => fits(pattern, event.type))) &&
  (filter.subjects.length === 0 || filter.subjects.includes(event.subject));

/** Whether a type fits a pattern, in which `*` stands for any characters, dots included: `evaluation.*`, `*.failed`. */
function fits(pattern: string, type: string): boolean {
  const star = pattern.indexOf('*');
  if (star === -1) return type === pattern;
  // Most patterns are families, and each event is held to those of every open stream.
  const head = pattern.slice(0, star);
  if (star === pattern.length - 1) return type.startsWith(head);
  const parts = pattern.slice(star + 1).split('*');
  const tail = parts.pop() ?? '';
  if (!type.startsWith(head)) return false;
  let at = head.length;
  for (const part of parts) {
    const found = type.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return type.length - tail.length >= at && type.endsWith(tail);
}
