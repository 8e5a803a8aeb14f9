import { until } from '../measure/until.ts';
import type { Caller } from './caller.ts';

/** Waits until nothing is queued or running. */
export const untilDone = (caller: Caller): Promise<void> =>
  until('every evaluation has ended', async () => {
    const { status, body } = await caller.get('/api/queue-status');
    if (status !== 200) throw new Error(`The queue cannot be read: ${status} ${JSON.stringify(body)}`);
    return (body as { queue_length: number }).queue_length === 0;
  });

/** Waits until the API knows of a runner for a language; it does a moment after the runner has connected. */
export const untilOffered = (caller: Caller, language: string): Promise<void> =>
  until(`${language} is offered`, async () => {
    const { body } = await caller.get('/api/languages');
    const { languages = [] } = body as { languages?: { language: string }[] };
    return languages.some((offered) => offered.language === language);
  });
