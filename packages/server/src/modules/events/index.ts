/**
 * Events are what happened, told to whoever may see it: an outbox written with each act, and streams that replay it
 * and then follow.
 * Tables: events, in partitions by week; event_floor. Invariants: an event is visible if and only if its act was committed; a stream neither skips nor
 * repeats one, in the order (xid, id), also across a reconnect to another process.
 */
export { EventFeed } from './feed.ts';
export { prepareEvents, retainEvents } from './jobs.ts';
export {
  type EventBatch,
  type EventFilter,
  eachEvent,
  matches,
  type Position,
  parsePosition,
  type StreamedEvent,
} from './model.ts';
export { eventOperations, type Shows } from './operations.ts';
export { insertEvent, insertEvents } from './outbox.ts';
export { organizationEventsAfter } from './reads.ts';
