import type { CatchUp, Overlap } from './model.ts';

/** Firings that wait for the run before them; more than that are skipped. */
export const MOST_WAITING = 100;
/** Firings that are made up for at once, the last ones; more than that are left. */
export const MOST_MISSED = 100;
/** A firing that is made later than this was missed. */
const PUNCTUAL_MS = 60_000;

/** What came due, and how the schedule stands. */
export type Situation = {
  overlap: Overlap;
  catchUp: CatchUp;
  /** Times that came due since the last firing, the first one first. */
  due: readonly Date[];
  /** Firings that wait, the first one first. */
  waiting: readonly Date[];
  /** Whether a run of the schedule has not ended. */
  isRunning: boolean;
  now: Date;
};

export type Planned = { scheduledFor: Date; outcome: 'started' | 'waiting' | 'skipped' };

/** What each firing comes to; of those that waited already only what changes. */
export function planFirings({ overlap, waiting, isRunning, ...of }: Situation): Planned[] {
  const plan: Planned[] = [];
  let isBusy = isRunning;
  let places = MOST_WAITING - waiting.length;
  const start = (scheduledFor: Date): void => {
    plan.push({ scheduledFor, outcome: 'started' });
    isBusy = true;
  };
  for (const scheduledFor of waiting) {
    if (isBusy && overlap !== 'allow') break;
    start(scheduledFor);
    places += 1;
  }
  const isAnyWaiting = waiting.length > plan.length;
  for (const scheduledFor of caughtUp(of)) {
    if (overlap === 'allow' || !(isBusy || isAnyWaiting)) start(scheduledFor);
    else if (overlap === 'queue' && places-- > 0) plan.push({ scheduledFor, outcome: 'waiting' });
    else plan.push({ scheduledFor, outcome: 'skipped' });
  }
  return plan;
}

/** Of the times that came due, those that are not left for having been missed. */
function caughtUp({ due, catchUp, now }: Pick<Situation, 'due' | 'catchUp' | 'now'>): readonly Date[] {
  switch (catchUp) {
    case 'all':
      return due.slice(-MOST_MISSED);
    case 'latest':
      return due.slice(-1);
    case 'skip':
      return due.filter((time) => now.getTime() - time.getTime() <= PUNCTUAL_MS);
  }
}
