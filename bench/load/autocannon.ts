import { randomUUID } from 'node:crypto';
import { assertAllAnswered, type LoadFigures, type LoadGenerator, type LoadPlan } from './load-plan.ts';

/** As much of the package as is used here; it brings no types of its own. */
type Request = { method: string; path: string; headers: Record<string, string>; body?: string };
type Options = {
  url: string;
  connections: number;
  duration: number;
  requests: (Request & { setupRequest?(request: Request): Request })[];
};
type Result = {
  requests: { average: number; total: number };
  latency: { p50: number; p99: number };
  errors: number;
  timeouts: number;
  non2xx: number;
};
type Autocannon = (options: Options) => Promise<Result>;

/** The name as a value: the package is there after `npm ci` in this folder only, also for the type checker. */
const PACKAGE: string = 'autocannon';

/**
 * autocannon of the npm registry; null where it is not installed. It takes about twice the CPU time of wrk, and
 * tells latency in whole milliseconds.
 */
export async function findAutocannon(): Promise<LoadGenerator | null> {
  const loaded = await import(PACKAGE).then(
    (module) => module as { default: Autocannon },
    () => null,
  );
  return loaded && { name: 'autocannon', run: (plan) => run(loaded.default, plan) };
}

async function run(autocannon: Autocannon, plan: LoadPlan): Promise<LoadFigures> {
  const { method, headers, body, uniqueHeader } = plan;
  const requests = plan.paths.map((path) => {
    const request = { method, path, headers: { ...headers }, ...(body === null ? {} : { body }) };
    if (uniqueHeader === null) return request;
    const setupRequest = (sent: Request): Request => ({
      ...sent,
      headers: { ...sent.headers, [uniqueHeader]: randomUUID() },
    });
    return { ...request, setupRequest };
  });
  const found = await autocannon({ url: plan.origin, connections: plan.callers, duration: plan.seconds, requests });
  assertAllAnswered(plan, found.requests.total, found.errors + found.timeouts + found.non2xx);
  const { average, total } = found.requests;
  return { perSecond: average, p50Ms: found.latency.p50, p99Ms: found.latency.p99, requests: total };
}
