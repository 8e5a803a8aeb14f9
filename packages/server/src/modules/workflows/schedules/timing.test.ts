import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AppError } from '../../../kernel/errors.ts';
import type { Timing } from './model.ts';
import { assertComes, nextTimes, timesBetween } from './timing.ts';

const NEW_YORK = 'America/New_York';
const next = (cron: string, timeZone: string, after: string, most = 3) =>
  nextTimes({ cron, timeZone }, { after: new Date(after), most }).map((time) => time.toISOString().slice(0, 16));
const faults = (cron: string, timeZone = 'UTC'): string[] => {
  try {
    assertComes({ cron, timeZone }, new Date('2026-01-01T00:00:00Z'));
    return [];
  } catch (thrown) {
    return (thrown as AppError).faults.map(({ field }) => field);
  }
};

describe('a schedule', () => {
  test('is read in its time zone, summer and winter', () => {
    expect(next('0 9 * * MON', 'Europe/Berlin', '2026-03-22T12:00:00Z', 2)).toEqual([
      '2026-03-23T08:00',
      '2026-03-30T07:00',
    ]);
  });

  test('of one time of the day fires behind the gap where the clock is put forward', () => {
    expect(next('30 2 * * *', NEW_YORK, '2026-03-08T00:00:00Z', 2)).toEqual(['2026-03-08T07:00', '2026-03-09T06:30']);
    // Midnight itself can be in the gap.
    expect(next('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z', 2)).toEqual([
      '2018-11-04T03:00',
      '2018-11-05T02:00',
    ]);
  });

  test('of several leaves out what falls into the gap', () => {
    expect(next('15 1-3 * * *', NEW_YORK, '2026-03-08T00:00:00Z')).toEqual([
      '2026-03-08T06:15',
      '2026-03-08T07:15',
      '2026-03-09T05:15',
    ]);
  });

  test('of one time of the day fires once where the clock is put back, at the first of the two', () => {
    expect(next('30 1 * * *', NEW_YORK, '2026-11-01T00:00:00Z', 2)).toEqual(['2026-11-01T05:30', '2026-11-02T06:30']);
  });

  test('of several fires at both', () => {
    expect(next('0 * * * *', NEW_YORK, '2026-11-01T04:30:00Z')).toEqual([
      '2026-11-01T05:00',
      '2026-11-01T06:00',
      '2026-11-01T07:00',
    ]);
  });

  test.each(['0 0 30 2 *', '0 0 31 4,6,9,11 *'])('that never comes is refused: %s', (cron) => {
    expect(faults(cron)).toEqual(['cron']);
  });

  test.each(['', '* * * *', '* * * * * *', '60 * * * *', '*/0 * * * *', '@reboot', '2026-01-30T00:00:00', 'now'])(
    'that is no cron is refused: "%s"',
    (cron) => {
      expect(faults(cron)).toEqual(['cron']);
    },
  );

  test.each(['Mars/Olympus', '', '+02:00'])('in no time zone is refused: "%s"', (timeZone) => {
    expect(faults('@daily', timeZone)).toEqual(['time_zone']);
  });

  test('of a rare date is taken', () => {
    expect(faults('0 0 29 2 *')).toEqual([]);
    expect(next('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 1)).toEqual(['2028-02-29T00:00']);
  });

  test('has the same times behind as it had ahead', () => {
    const field = (most: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min: 0, max: most }).map(String),
        fc.integer({ min: 2, max: 20 }).map((step) => `*/${step}`),
      );
    const timings = fc.record({
      cron: fc.tuple(field(59), field(23)).map(([minute, hour]) => `${minute} ${hour} * * *`),
      timeZone: fc.constantFrom('UTC', NEW_YORK, 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kolkata'),
    });
    const starts = fc.date({ min: new Date('2026-01-01'), max: new Date('2026-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(timings, starts, (timing: Timing, from) => {
        const ahead = nextTimes(timing, { after: from, most: 20 });
        const to = ahead.at(-1) as Date;
        expect(timesBetween(timing, { from: ahead[0] as Date, to, most: 50 })).toEqual(ahead);
      }),
      { numRuns: Number(process.env['ASSAY_PROPERTY_RUNS'] ?? 100) },
    );
  });
});
