import { auditErrors } from './errors.ts';

/** Widths of a bucket, by their names. */
export const BUCKET_SECONDS = { '5m': 300, '15m': 900, '1h': 3_600, '6h': 21_600, '1d': 86_400 } as const;
export type BucketName = keyof typeof BUCKET_SECONDS;

/** About as many as fit on a chart. */
const AUTO_BUCKETS = 100;
const MOST_BUCKETS = 2_000;
const DAY_MS = 86_400_000;

export type Period = { from: Date; to: Date; bucket: BucketName };

/**
 * What statistics cover: the last day unless said otherwise, in buckets that are few enough to look at.
 * @throws AppError `invalid` for a period that ends before it begins, or has too many buckets
 */
export function periodOf(
  asked: { from: Date | null; to: Date | null; bucket: BucketName | 'auto' },
  now: Date,
): Period {
  const to = asked.to ?? now;
  const from = asked.from ?? new Date(to.getTime() - DAY_MS);
  if (from >= to) {
    throw auditErrors.period_invalid('`from` must be before `to`.', {
      faults: [{ field: 'from', constraint: 'before_to', message: 'Must be before `to`.' }],
    });
  }
  const seconds = (to.getTime() - from.getTime()) / 1000;
  const bucket = asked.bucket === 'auto' ? fewEnough(seconds) : asked.bucket;
  if (asked.bucket !== 'auto' && seconds / BUCKET_SECONDS[bucket] > MOST_BUCKETS) {
    throw auditErrors.too_many_buckets(
      `That is more than ${MOST_BUCKETS} buckets. Ask for wider ones, or for less time.`,
      {
        faults: [{ field: 'time_bucket', constraint: 'too_many', message: 'Too narrow for the period.' }],
      },
    );
  }
  return { from, to, bucket };
}

const fewEnough = (seconds: number): BucketName =>
  (Object.keys(BUCKET_SECONDS) as BucketName[]).find((name) => seconds / BUCKET_SECONDS[name] <= AUTO_BUCKETS) ?? '1d';
