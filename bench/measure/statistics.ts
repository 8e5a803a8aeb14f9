/** The value that `p` percent of the values stay within; NaN of none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * p) / 100) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

/** How long single acts took, milliseconds. */
export type Latency = { p50: number; p99: number; count: number };

export const latencyOf = (times: readonly number[]): Latency => ({
  p50: median(times),
  p99: percentile(times, 99),
  count: times.length,
});
