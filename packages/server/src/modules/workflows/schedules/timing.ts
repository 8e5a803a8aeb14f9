import { Cron } from 'croner';
import { AppError } from '../../../kernel/errors.ts';
import { scheduleErrors } from '../errors.ts';
import type { Timing } from './model.ts';

/*
 * Times of a schedule: five cron fields or a nickname, read by croner. Where the clock is put forward, a schedule of one time
 * of the day fires at the first moment behind the gap, and any other leaves out what falls into it. Where the clock is put
 * back, a schedule of one time of the day fires at the first of the two, and any other at both.
 */

const FIELDS = /^(?:@[a-z]+|[^\sT:]+(?:\s+[^\s]+){4})$/i;

/**
 * Holds a schedule to times that come.
 * @throws AppError `invalid` for what is no cron or no time zone, and for a date that never comes, 30 February say
 */
export function assertComes(timing: Timing, now: Date): void {
  if (!isTimeZone(timing.timeZone))
    throw invalid('time_zone', `There is no time zone "${timing.timeZone}". Give an IANA name, Europe/Berlin say.`);
  if (!FIELDS.test(timing.cron))
    throw invalid('cron', 'Give five fields (minute, hour, day, month, weekday), or a nickname such as @daily.');
  if (nextTimes(timing, { after: now, most: 1 }).length === 0)
    throw invalid('cron', 'This never fires: no date is like that.');
}

/** Offsets are none: they do not know summer from winter. */
function isTimeZone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** The next times of a schedule, the first one first. */
export const nextTimes = (timing: Timing, { after, most }: { after: Date; most: number }): Date[] =>
  read(timing).nextRuns(most, after);

/** The next time of a schedule that was found to have one. */
export function nextTime(timing: Timing, after: Date): Date {
  const [next] = nextTimes(timing, { after, most: 1 });
  if (!next) throw new Error(`The schedule "${timing.cron}" has no next time.`);
  return next;
}

/** The last times of a schedule since `from` and up to `to`, both included, the first one first. */
export function timesBetween(timing: Timing, { from, to, most }: { from: Date; to: Date; most: number }): Date[] {
  const behind = new Date(to.getTime() + 1);
  const times = read(timing).previousRuns(most, behind);
  return times.filter((time) => time >= from && time <= to).reverse();
}

function read({ cron, timeZone }: Timing): Cron {
  try {
    return new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true });
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    throw invalid('cron', `This is no cron: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

const invalid = (field: string, message: string): Error =>
  scheduleErrors.invalid(message, { faults: [{ field, constraint: field, message }] });
