import type { StreamEvent } from '@assay/contract';
import type { Server } from './server.ts';

const TERMINAL = ['evaluation.completed', 'evaluation.failed', 'evaluation.timeout', 'evaluation.cancelled'];

/**
 * Everything that the event stream has told about evaluations until now. An event of the test's own marks the end: the
 * stream has an order, so what comes after it had not happened when this was called.
 */
export async function readHistory(server: Server, apiKey?: string): Promise<StreamEvent[]> {
  const assay = server.sdk(apiKey);
  const { id } = (await assay.apiKeys.create({ name: 'Marks a moment', scopes: ['events:read'] })).api_key;
  const told: StreamEvent[] = [];
  const filter = { types: ['evaluation.*', 'apikey.created'] };
  for await (const event of assay.events.stream(filter, { lastEventId: '0-0' })) {
    if (event.subject === id) return told;
    if (event.type.startsWith('evaluation.')) told.push(event);
  }
  throw new Error('The event stream ended before it told of the mark.');
}

/** The ends that were told of each evaluation, by its id. */
export function endsOf(history: readonly StreamEvent[]): Map<string, string[]> {
  const ends = new Map<string, string[]>();
  for (const { type, subject } of history) {
    if (TERMINAL.includes(type)) ends.set(subject, [...(ends.get(subject) ?? []), type]);
  }
  return ends;
}
