import { setTimeout as pause } from 'node:timers/promises';
import { chosenPrice } from '../../metering/index.ts';
import type { ChatEvent } from '../model.ts';
import type { Exchange } from './exchange.ts';
import type { Recordings } from './recordings.ts';

/** Nobody is paid for a replay: a price would make sums that no vendor's invoice has. What it cost then is in the file. */
export const REPLAY_PRICE = chosenPrice({}, 'replay');

/** Plays an answer, at once or as slowly as it came. */
export async function* play(
  { answer, usage }: Exchange,
  pace: Recordings['pace'],
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  const started = performance.now();
  for (const { at, ...event } of answer) {
    const wait = pace === 'recorded' ? at - (performance.now() - started) : 0;
    if (wait > 0) await pause(wait, undefined, { signal });
    if (event.type === 'finish') yield { type: 'usage', usage };
    yield event;
  }
}
