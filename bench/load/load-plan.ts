/** What a load generator sends: every path in turn, over and over, from a number of connections at once. */
export type LoadPlan = {
  /** Scheme, host and port. */
  origin: string;
  method: 'GET' | 'POST';
  paths: readonly string[];
  headers: Readonly<Record<string, string>>;
  /** Without line breaks; null sends none. */
  body: string | null;
  /** A header that gets another value with every request. */
  uniqueHeader: string | null;
  callers: number;
  seconds: number;
};

export type LoadFigures = { perSecond: number; p50Ms: number; p99Ms: number; requests: number };

export type LoadGenerator = {
  /** Program and version, for the record. */
  name: string;
  /** @throws Error when any answer was not 2xx, or a connection failed: such a figure would say nothing */
  run(plan: LoadPlan): Promise<LoadFigures>;
};

/** @throws Error when some requests failed */
export function assertAllAnswered(plan: LoadPlan, requests: number, failures: number): void {
  if (requests > 0 && failures === 0) return;
  throw new Error(`${plan.method} ${plan.origin}${plan.paths[0]}: ${failures} of ${requests} requests failed.`);
}
